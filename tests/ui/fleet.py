"""The fleet of a shop, for the pictures in README and docs: most services are up to date, a few need a person."""

from app.simulators.nomad import Fate
from tests.e2e.site import PREFIX
from tests.ui.installation import Installation, WatchSetup
from tests.ui.scene import SLOW

_STDERR = "time=08:14:02 level=fatal msg=\"migration 0042 failed: column 'refund_id' does not exist\""

FLEET = (
    WatchSetup(name="payments", tags=("v5.1.3", "v5.1.2")),
    WatchSetup(name="storefront", tags=("v12.3.0", "v12.2.4"), job={"count": 4, "canary": 1}),
    WatchSetup(name="search", tags=("v2.8.0", "v2.7.5"), job={"count": 3}),
    WatchSetup(name="invoices", tags=("v1.19.2",)),
    WatchSetup(
        name="recommendations",
        tags=("v0.31.0", "v0.30.2", "v0.30.1", "v0.30.0", "v0.29.0", "v0.28.3", "latest", "nightly"),
    ),
    WatchSetup(name="checkout", tags=("v3.7.1", "v3.7.0")),
    WatchSetup(name="accounts", tags=("v4.0.6",)),
    WatchSetup(name="catalog", tags=("v7.2.0",)),
    WatchSetup(name="inventory", tags=("v2.2.9",)),
    WatchSetup(name="mailer", tags=("v1.4.0",)),
    WatchSetup(name="shipping", tags=("v6.0.1",)),
    WatchSetup(name="thumbnails", tags=("v1.1.7",)),
    WatchSetup(name="warehouse", tags=("v3.3.3",)),
)


async def work(installation: Installation) -> None:
    """Start everything; one rollout fails, one waits for a person, one is under way, and two watches are held."""
    nomad = installation.site.nomad
    await installation.start(*FLEET)
    nomad.judge(f"{PREFIX}/payments:v5.2.0", Fate.EXITS_NONZERO, _STDERR)
    await installation.command("recommendations", auto_deploy=False)
    for name, tag, reason in (
        ("payments", "v5.2.0", "failed_before"),
        ("invoices", "v1.20.0", "up_to_date"),
        ("checkout", "v3.8.0", "up_to_date"),
        ("recommendations", "v0.32.0", "auto_deploy_off"),
    ):
        await installation.push(name, tag)
        await installation.holds(name, reason)
    await installation.post(f"/rollouts/{(await installation.rollouts('invoices'))[-1]['rollout_id']}/rollback")
    await installation.holds("invoices", "rolled_back")
    await installation.push("storefront", "v12.4.0")
    await installation.awaits_promotion("storefront")
    nomad.set_timing(SLOW)
    await installation.push("search", "v2.9.0")
    await installation.registers("search", ["v2.9.0"])
