"""Given thousands of requests derived from sound ones at people's doors, none is answered by 5xx.

A rule changes only as a body says that is right to the last byte, and only tags that the registry has are deployed.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from urllib.parse import quote_from_bytes, urlencode

import pytest

from tests.faults.sizes import moves, seed
from tests.hostile import addresses, commands, forms
from tests.hostile.door import Answer, Request
from tests.hostile.mutations import changed, damaged
from tests.hostile.people_label import FORM, HTML
from tests.hostile.site import CALLER, TAGS, Site

AT_ONCE = 20
PROMISED = frozenset({200, 204, 303, 307, 400, 401, 403, 404, 405, 408, 409, 413, 415, 429})
_RULES = ({"pinned_tag": "v1.1.0"}, {"auto_deploy": False, "reason": "why"}, {"pinned_tag": "", "auto_deploy": True})
_FORMS = ({"tag": "v1.1.0", "rule": "pin", "idempotency_key": "00000000-0000-4000-8000-00000000000a", "reason": "why"},)
_HEADERS = (b"authorization", b"cookie", b"origin", b"sec-fetch-site", b"accept", b"host", b"last-event-id",
b"hx-request",
            b"x-forwarded-proto", b"referer", b"content-length", b"if-none-match", b"range")  # fmt: skip


def rules(random: Random) -> Request:
    rule: object = random.choice(_RULES)
    if random.random() < 0.5:
        _, body = damaged(json.dumps(rule).encode(), random)
    else:
        body = json.dumps(changed(rule, random)[1]).encode()
    return Request(target=random.choice((b"/tags/app", b"/tags/team%2fapp")), headers=(CALLER,), body=body)


def reasons(random: Random) -> Request:
    _, body = damaged(b'{"reason": "why \xc3\xa4"}', random)
    target = random.choice((b"/pause", b"/resume", b"/repos/app/release-hold", b"/rollouts/%030x/fail"))
    return Request(target=target % 7 if b"%" in target else target, headers=(CALLER,), body=body)


def posted_forms(random: Random) -> Request:
    _, body = damaged(urlencode(random.choice(_FORMS)).encode(), random)
    made = [each.request for each in forms.cases() if each.request.target.startswith(b"/confirm/")]
    return Request(target=random.choice(made).target, headers=(CALLER, FORM), body=body)


def reads(random: Random) -> Request:
    """A damaged address, with what a request line cannot contain in escapes."""
    _, target = damaged(random.choice(_READS), random)
    path = quote_from_bytes(b"/" + target.lstrip(b"/"), safe="/?&=%+:,;@").encode()
    return Request(method="GET", target=path, headers=(CALLER, *([HTML] if random.random() < 0.5 else [])))


def headers(random: Random) -> Request:
    _, value = damaged(
        random.choice(
            (b"Bearer t-boss", b"registrywatcher=Ym9zcw.9.AAAA", b"https://localhost:8080", b"text/html;q=0.9")
        ),
        random,
    )
    value = value.translate(None, b"\0\r\n")
    target, method = random.choice(
        ((b"/", "GET"), (b"/repos", "GET"), (b"/live", "GET"), (b"/rollouts/1/fail", "POST"))
    )
    return Request(method=method, target=target, headers=(CALLER, (random.choice(_HEADERS), value)))


_READS = [each.request.target for each in addresses.cases() if len(each.request.target) < 300]
WAYS: dict[str, tuple[Callable[[Random], Request], int]] = {
    "rules": (rules, 300), "reasons": (reasons, 150), "forms": (posted_forms, 150), "reads": (reads, 250),
    "headers": (headers, 150),
}  # fmt: skip


def derived(way: str) -> Iterator[Request]:
    make, count = WAYS[way]
    random = Random(f"{seed()} {way}")
    for _ in range(moves(ci=count, long=10 * count)):
        yield make(random)


@pytest.mark.parametrize("way", WAYS)
def test_derived_requests(here: Site, way: str) -> None:
    requests = list(derived(way))
    statuses: Counter[int] = Counter()
    for at in range(0, len(requests), AT_ONCE):
        group = requests[at : at + AT_ONCE]
        answers = here.send_all(group)
        statuses.update(each.status for each in answers)
        wrong = [(each, answer) for each, answer in zip(group, answers, strict=True) if not is_right(each, answer)]
        assert wrong == [], f"seed {seed()}"
        assert here.is_live(), f"seed {seed()}: {group}"
    assert [each for each in here.desired() if each["tag"] not in TAGS] == []
    assert [each for each in here.state()["rules"] if each[1] not in ("", *TAGS)] == []
    print(f"{len(requests)} by {way}, seed {seed()}: {sorted(statuses.items())}")


def is_right(request: Request, answer: Answer) -> bool:
    """Whether the status is promised; and a rule, only where it is one."""
    if answer.status not in PROMISED:
        return False
    if not request.target.startswith(b"/tags/") or request.method != "POST":
        return True
    return answer.status == (200 if is_rule(request.body) else 400)


def is_rule(body: bytes | Sequence[bytes]) -> bool:
    """Whether it says a rule that can be set, read without our parser."""
    assert isinstance(body, bytes)
    pairs: list[tuple[str, object]] = []

    def once(found: list[tuple[str, object]]) -> dict[str, object]:
        pairs.extend(found)
        return dict(found)

    try:
        rule = json.loads(body.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError):
        return False
    if not isinstance(rule, dict) or len(pairs) != len(rule) or not {"pinned_tag", "auto_deploy"} & set(rule):
        return False
    kinds = {"pinned_tag": str, "auto_deploy": bool, "reason": str}
    if any(not isinstance(value, kinds.get(key, ())) for key, value in rule.items()):
        return False
    return rule.get("pinned_tag", "") in ("", *TAGS) and len(rule.get("reason", "")) <= 300


def test_hand_made_rules_are_known_to_the_oracle() -> None:
    found = {
        each.name: (is_rule(each.request.body), each.status == 200)
        for each in commands.cases()
        if each.request.target == b"/tags/app" and each.status != 413
    }
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}
