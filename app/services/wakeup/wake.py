"""The names of the actors, and ringing for what a store has just written. A ring lost is rung again by the sweeper."""

from app.ports import Waker
from app.services.reconcile.result import Written

RECONCILE = "reconcile"
FOLLOW = "follow"
NOTIFY = "notify"


def wake_written(waker: Waker, target_id: int, written: Written) -> None:
    """Ring for a target that is due again, for those whose turn it is now, and for the notifications that it wrote."""
    if written.due_in is not None:
        waker.wake(RECONCILE, str(target_id), delay=written.due_in)
    for woken in written.woken:
        waker.wake(RECONCILE, str(woken))
    for notification_delivery_id in written.notification_delivery_ids:
        waker.wake(NOTIFY, str(notification_delivery_id))
