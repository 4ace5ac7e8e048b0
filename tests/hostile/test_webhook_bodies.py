"""Given a delivery with the right secret and any content, it is 202 and stored as labelled, and the next one counts."""

import pytest

from tests.hostile import webhook_bodies, webhook_fields
from tests.hostile.site import Site, StoredDelivery, delivery
from tests.hostile.webhook_label import DeliveryCase

CASES = {each.name: each for each in (*webhook_bodies.cases(), *webhook_fields.cases())}


def test_every_case_is_another() -> None:
    cases = [*webhook_bodies.cases(), *webhook_fields.cases()]
    assert len(CASES) == len(cases)
    contents = [(each.headers, each.body if isinstance(each.body, bytes) else tuple(each.body)) for each in cases]
    assert len(set(contents)) == len(cases)
    print(f"{len(cases)} deliveries by hand")


@pytest.mark.parametrize("name", CASES)
def test_a_delivery_is_stored_as_labelled(here: Site, name: str) -> None:
    case = CASES[name]
    answer = here.send(delivery(case.body, *case.headers))
    assert (answer.status, answer.headers.get("location", "")[:12]) == (202, "/deliveries/"), answer.body
    assert as_labelled(case, here.delivery(answer))
    assert here.is_live()


def as_labelled(case: DeliveryCase, stored: StoredDelivery) -> bool:
    """Whether the rows are those of the label, in any order."""
    label = case.label
    counted = (stored.acceptance, stored.ignored, stored.duplicates, len(stored.events))
    assert counted == (label.acceptance, label.ignored, label.duplicates, len(label.events)), stored
    compared = {each.identity for each in label.events}
    found = [
        (row.tag, row.path, row.digest, row.action, row.identity if "*" not in compared else "*")
        for row in stored.events
    ]
    desired = [(each.tag, each.path, each.digest, each.action, each.identity) for each in label.events]
    assert sorted(found, key=repr) == sorted(desired, key=repr)
    return True
