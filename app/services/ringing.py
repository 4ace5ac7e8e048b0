"""The names of the actors, and ringing for what a store has just written. A ring lost is rung again by the sweeper."""

from app.ports import Doorbell
from app.services.target import Written

LOOK = "look"
OBSERVE = "observe"
ANNOUNCE = "announce"


def ring_written(doorbell: Doorbell, target_id: int, written: Written) -> None:
    """Ring for a target that is due again, for those whose turn it is now, and for the notices written with it."""
    if written.due_in is not None:
        doorbell.ring(LOOK, str(target_id), delay=written.due_in)
    for woken in written.woken:
        doorbell.ring(LOOK, str(woken))
    for notice_id in written.notice_ids:
        doorbell.ring(ANNOUNCE, str(notice_id))
