"""Whether the sender of a delivery knows the source's secret. Must not reveal which part was wrong.

Distribution and its forks sign nothing: they send a fixed header, `Bearer <secret>` or only `<secret>`.
https://distribution.github.io/distribution/about/configuration/#notifications
"""

import secrets
from collections.abc import Sequence

_BEARER = b"bearer "


def is_authentic(sent: Sequence[bytes], accepted: Sequence[bytes]) -> bool:
    """Whether a value of the `Authorization` header is one of the accepted secrets, in constant time.

    `sent` are the header's values as received. All of `accepted` are valid, so that a secret can change while senders
    still use the old one. If either is empty, or a secret is, the delivery is not authentic.
    """
    candidates = [candidate for value in sent for candidate in (value, _without_scheme(value))]
    # No `any`: it would stop at the first match, and its time would reveal which secret matched.
    matches = [secrets.compare_digest(candidate, secret) for candidate in candidates for secret in accepted if secret]
    return sum(matches) > 0


def _without_scheme(value: bytes) -> bytes:
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else value
