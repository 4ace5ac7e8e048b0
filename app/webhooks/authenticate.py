"""Answers whether a delivery was sent by somebody who knows the source's secret. Must not say which part was wrong.

Distribution and its forks sign nothing: they send a fixed header, as `Bearer <secret>` or as the bare `<secret>`.
https://distribution.github.io/distribution/about/configuration/#notifications
"""

import secrets
from collections.abc import Sequence

_BEARER = b"bearer "


def is_authentic(sent: Sequence[bytes], accepted: Sequence[bytes]) -> bool:
    """Whether a value of the `Authorization` header is one of the accepted secrets, in constant time.

    `sent` are the header's values as they came; `accepted` are valid at once, so that a secret can be changed while
    senders still use the old one. Nothing sent, nothing accepted, or an empty secret: not authentic.
    """
    candidates = [candidate for value in sent for candidate in (value, _without_scheme(value))]
    # No `any`: it would stop at the first match, and so tell by its time which secret that was.
    matches = [secrets.compare_digest(candidate, secret) for candidate in candidates for secret in accepted if secret]
    return sum(matches) > 0


def _without_scheme(value: bytes) -> bytes:
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else value
