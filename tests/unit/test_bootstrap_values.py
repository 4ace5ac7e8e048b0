"""What the configuration says reaches the services: nothing behind the settings has a default for it."""

from dataclasses import replace

from app.bootstrap.values import patience, reconcile_settings
from app.domain.rollout import Patience
from app.domain.watch import JobPlace
from app.services.reconcile.fleet import Fleet
from app.services.reconcile.reconciler import ReconcileSettings
from tests.default_settings import DEFAULTS, PATIENCE_DEFAULTS, RECONCILE_DEFAULTS

OWN = JobPlace(region="", namespace="default", job_id="watcher")


def test_reconciles_and_rollouts_use_the_configured_values() -> None:
    settings = replace(
        DEFAULTS,
        lease_seconds=7.0,
        job_reread_interval=8.0,
        rollout_stall_after=9.0,
        rollout_deadline=10.0,
        max_rollouts=11,
        stop_after_failure=True,
        own_job=OWN,
    )
    fleet = Fleet(max_rollouts=11, stop_after_failure=True, own_job=OWN)
    assert reconcile_settings(settings) == ReconcileSettings(lease=7.0, reread_job=8.0, stall_after=9.0, fleet=fleet)
    assert patience(settings) == Patience(stall_after=9.0, deadline=10.0)


def test_reconciles_and_rollouts_use_the_configurations_defaults() -> None:
    fleet = Fleet(max_rollouts=0, stop_after_failure=False, own_job=None)
    assert ReconcileSettings(lease=4.0, reread_job=300.0, stall_after=900.0, fleet=fleet) == RECONCILE_DEFAULTS
    assert Patience(stall_after=900.0, deadline=3600.0) == PATIENCE_DEFAULTS
