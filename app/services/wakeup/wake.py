"""The names of the Dramatiq actors, and the wake-ups after a write. The sweeper repeats a lost wake-up."""

from app.ports import Waker
from app.services.reconcile.result import Written

RECONCILE = "reconcile"
FOLLOW = "follow"
NOTIFY = "notify"


def wake_written(waker: Waker, target_id: int, written: Written) -> None:
    """Wake for a target that is due again, for targets that now get a slot, and for new notifications."""
    if written.due_in is not None:
        waker.wake(RECONCILE, str(target_id), delay=written.due_in)
    for woken in written.woken:
        waker.wake(RECONCILE, str(woken))
    for notification_delivery_id in written.notification_delivery_ids:
        waker.wake(NOTIFY, str(notification_delivery_id))
