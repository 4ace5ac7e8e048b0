"""Given bodies derived from sound and hand-made ones, each is 202, and no row tells what its body does not.

The sound events beside a changed one count, and the next delivery is accepted.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from tests.faults.sizes import moves, seed
from tests.hostile import webhook_bodies, webhook_fields
from tests.hostile.door import Answer
from tests.hostile.mutations import changed, damaged
from tests.hostile.site import Site, StoredDelivery, delivery
from tests.hostile.told import as_told, may_tell
from tests.unit.webhooks.bodies import DIGEST, envelope, push
from tests.unit.webhooks.samples import bodies, body_of

AT_ONCE = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A body, how it was derived, and the identities of events that it must have as rows."""

    kind: str
    body: bytes
    certain: frozenset[str] = frozenset()


def sound_bodies() -> list[bytes]:
    """What registries send, and a few envelopes of ours."""
    samples = [body_of("distribution", name) for name in sorted(bodies("distribution"))]
    return [*samples, envelope(push()), envelope(push(), push(tag="v2.0.0"), {"action": "pull"})]


def small_cases() -> list[bytes]:
    """The hand-made bodies, without the long ones."""
    made = [*webhook_bodies.cases(), *webhook_fields.cases()]
    return [each.body for each in made if isinstance(each.body, bytes) and 0 < len(each.body) < 4_000]


def by_bytes(random: Random, sources: Sequence[bytes], _: str) -> Derived:
    kind, body = damaged(random.choice(sources), random)
    return Derived(kind=kind, body=body)


def by_parts(random: Random, sources: Sequence[bytes], _: str) -> Derived:
    kind, value = changed(json.loads(random.choice(sources)), random)
    return Derived(kind=kind, body=json.dumps(value).encode())


def beside_a_sound_one(random: Random, sources: Sequence[bytes], name: str) -> Derived:
    """A changed event between two sound ones."""
    kind, event = changed(json.loads(random.choice(sources))["events"][0], random)
    if isinstance(event, dict) and isinstance(event.get("id"), str):
        event["id"] = f"{name} changed"
    first, last = push(event_id=f"{name} first"), push(event_id=f"{name} last", tag="v9")
    return Derived(
        kind=f"beside {kind}",
        body=json.dumps({"events": [first, event, last]}).encode(),
        certain=frozenset({f"{name} first", f"{name} last"}),
    )


WAYS: dict[str, tuple[Callable[[Random, Sequence[bytes], str], Derived], int]] = {
    "damaged bytes": (by_bytes, 700),
    "changed parts": (by_parts, 500),
    "beside sound events": (beside_a_sound_one, 400),
}


def derived(way: str) -> Iterator[Derived]:
    make, count = WAYS[way]
    random = Random(f"{seed()} {way}")
    with_events = [each for each in sound_bodies() if json.loads(each).get("events")]
    sources = [*with_events, *small_cases()] if make is by_bytes else with_events
    for number in range(moves(ci=count, long=10 * count)):
        yield make(random, sources, f"{way} {number}")


@pytest.mark.parametrize("way", WAYS)
def test_derived_deliveries(here: Site, way: str) -> None:
    cases = list(derived(way))
    for at in range(0, len(cases), AT_ONCE):
        group = cases[at : at + AT_ONCE]
        if wrong := faults(here, group) or [] if here.is_live() else ["the next delivery is not accepted"]:
            alone = [fault for each in group for fault in faults(here, [each])]
            pytest.fail(f"seed {seed()}: {wrong}; alone: {alone}")
    print(f"{len(cases)} by {way}, seed {seed()}: {Counter(each.kind for each in cases)}")


def faults(here: Site, group: Sequence[Derived]) -> list[str]:
    """What is wrong with the answers to these, sent at the same time, and with their rows."""
    found = []
    for case, first in zip(group, here.send_all([delivery(each.body, derived=True) for each in group]), strict=True):
        answer = first if first.status != 503 else again(here, case)
        if answer.status != 202:
            found.append(f"{answer.status} to {case.kind} {case.body[:2000]!r}")
        elif wrong := _wrong(case, here.delivery(answer)):
            found.append(f"{wrong}: {case.kind} {case.body[:2000]!r}")
    return found


def again(here: Site, case: Derived) -> Answer:
    """Send it again, as registries do: a machine that is too busy to commit within a second asks for that.

    Content that Postgres cannot store would be refused each time.
    """
    for _ in range(20):
        answer = here.send(delivery(case.body, derived=True))
        if answer.status != 503:
            break
        assert answer.headers["retry-after"] == "1"
    return answer


def _wrong(case: Derived, stored: StoredDelivery) -> str:
    told = may_tell(case.body)
    invented = [row for row in stored.events if as_told(row) not in told]
    if invented:
        return f"no event of the body, but rows: {invented}"
    missing = case.certain - {row.identity for row in stored.events}
    return f"sound events are no rows: {missing}" if missing and not stored.duplicates else ""


def test_the_oracle_knows_what_a_body_tells() -> None:
    row: dict[str, Any] = push(event_id="i")
    assert may_tell(envelope(row)) == {("push", "team/app", "v1.0.0", DIGEST, "i")}
    for wrong in ({"tag": "a b"}, {"repository": "A"}, {"digest": "sha256:1"}, {"tag": 1}, {"digest": 7}):
        assert may_tell(envelope({**row, "target": {**row["target"], **wrong}})) == set()
