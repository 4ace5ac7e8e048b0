"""The names of the actors, and ringing for what a store has just written. A ring lost is rung again by the sweeper."""

from app.ports import Doorbell
from app.services.target import Written

LOOK = "look"
OBSERVE = "observe"
NOTIFY = "notify"


def ring_written(doorbell: Doorbell, target_id: int, written: Written) -> None:
    """Ring for a target that is due again, for those whose turn it is now, and for the notifications that it wrote."""
    if written.due_in is not None:
        doorbell.ring(LOOK, str(target_id), delay=written.due_in)
    for woken in written.woken:
        doorbell.ring(LOOK, str(woken))
    for notification_delivery_id in written.notification_delivery_ids:
        doorbell.ring(NOTIFY, str(notification_delivery_id))
