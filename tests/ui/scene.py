"""An installation with a watch in every state that a page can show, and a pool of settled watches for tests to act
on."""

import json
from collections.abc import Iterator
from uuid import uuid4

from app.simulators.nomad import Fate, Timing
from app.simulators.registry.events import Event, EventOrigin, EventTarget
from app.simulators.registry.grammar import OCI_MANIFEST
from tests.e2e.site import PREFIX
from tests.processes import until
from tests.ui.installation import PATIENCE, Installation, WatchSetup

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HTML = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
RTL = "\u202efdp.exe\u202c שלום عليكم"
LONG = "a-very-long-name-that-goes-on-" * 6 + "🚀"
LONG_TAG = "v1-" + "not.a_release-" * 8 + "x_y"

SLOW = Timing(healthy=3600, healthy_deadline=36000, progress_deadline=36000)
_RELEASES = ("v1.1.0", "v1.0.0", "nightly", f"main-{COMMIT}")
_STDERR = f"panic: {HTML} {RTL}\n" + "x" * 300 + "\nexit 3"

POOL = (
    "alder", "ash", "aspen", "beech", "birch", "cedar", "cherry", "cypress", "elder", "elm", "fir", "hazel",
    "hickory", "holly", "juniper", "larch", "laurel", "lime", "maple", "oak", "olive", "palm", "pear", "pine",
    "plum", "poplar", "rowan", "spruce", "sycamore", "teak", "walnut", "willow", "yew",
    "azalea", "camellia", "fuchsia", "gorse", "heather", "hydrangea", "jasmine", "lavender", "lilac", "myrtle",
    "oleander", "privet", "rosemary", "sage", "thyme", "hawthorn", "hornbeam", "magnolia", "mulberry", "quince",
)  # fmt: skip
STATES = (
    WatchSetup(
        name="shop",
        tags=("v1.10.0", "v1.9.0", "v1.2.0", "v0.9.0", "latest", "nightly", "feature-x", LONG_TAG, f"main-{COMMIT}"),
    ),
    WatchSetup(name="pinned", tags=("v1.1.0", "v1.0.0")),
    WatchSetup(name="moving", job={"count": 3}),
    WatchSetup(name="canary", job={"count": 2, "canary": 1}),
    WatchSetup(name="broken"),
    WatchSetup(name="rolled"),
    WatchSetup(name="switched-off"),
    WatchSetup(name="by-hand"),
    WatchSetup(name="downgrade", running="v3.0.0"),
    WatchSetup(name="edge", tags=("edge", "v1.0.0")),
    WatchSetup(name="jobless", running="-"),
    WatchSetup(name="tagless", tags=("edge",)),
    WatchSetup(name="unreachable", registry="gone"),
    WatchSetup(name="looking", more="observe_only = true"),
    WatchSetup(name=HTML, slug="hostile-html"),
    WatchSetup(name=RTL, slug="hostile-rtl"),
    WatchSetup(name=LONG, slug="hostile-long", tags=(LONG_TAG, "v1.0.0")),
)
CANARIES = tuple(WatchSetup(name=f"canary-{number}", job={"count": 2, "canary": 1}) for number in range(1, 5))
CASTS = (*STATES, *CANARIES, *(WatchSetup(name=name, tags=_RELEASES) for name in POOL))


async def play(installation: Installation) -> None:
    """Start everything, and bring every watch of STATES into the state of its name."""
    nomad = installation.site.nomad
    await installation.start(*CASTS)
    await _move_slowly(installation)
    nomad.judge(f"{PREFIX}/broken:v2.0.0", Fate.EXITS_NONZERO, _STDERR)
    nomad.judge(f"{PREFIX}/hostile-html:v1.1.0", Fate.PULL_FAILS, f"manifest unknown: {HTML} {RTL}")
    await installation.command("pinned", pinned_tag="v1.0.0")
    await installation.command("switched-off", auto_deploy=False)
    for name, tag in (
        ("shop", "v1.11.0"), ("canary", "v1.1.0"), ("broken", "v2.0.0"), ("rolled", "v1.1.0"), ("by-hand", "v1.1.0"),
        ("switched-off", "v1.1.0"), ("looking", "v1.1.0"), (HTML, "v1.1.0"),
    ):  # fmt: skip
        await installation.push(name, tag)
    for name, reason in (
        ("shop", "up_to_date"), ("broken", "failed_before"), ("rolled", "up_to_date"), ("by-hand", "up_to_date"),
        ("switched-off", "auto_deploy_off"), ("looking", "observe_only"), (HTML, "failed_before"),
        ("jobless", "unusable"), ("tagless", "no_matching_tag"), ("edge", "not_a_release"), ("downgrade", "downgrade"),
    ):  # fmt: skip
        await installation.holds(name, reason)
    nomad.set_image("by-hand", group="app", task="server", image=f"{installation.host}/{PREFIX}/by-hand:v1.0.0")
    await installation.push("by-hand", "v1.0.0")
    await installation.holds("by-hand", "drifted")
    await installation.post(f"/rollouts/{(await installation.rollouts('rolled'))[-1]['rollout_id']}/rollback")
    await installation.holds("rolled", "rolled_back")
    await installation.awaits_promotion("canary")
    await _found_by_polling(installation)
    await _odd_deliveries(installation)


def fresh() -> Iterator[str]:
    """The watches of the pool, each one time: up to date with v1.1.0, and used by no other test."""
    return iter(POOL)


async def _move_slowly(installation: Installation) -> None:
    """Two of the three allocations of `moving` are healthy; the third becomes healthy in an hour."""
    nomad = installation.site.nomad
    nomad.set_timing(SLOW)
    await installation.push("moving", "v1.1.0")
    await installation.registers("moving", ["v1.1.0"])
    for _ in range(2):
        nomad.skip(SLOW.healthy)
    nomad.set_timing(Timing())

    async def shows() -> bool:
        (row,) = await installation.rollouts("moving")
        state = row["deployment"]
        return bool(state) and (json.loads(state) if isinstance(state, str) else state).get("healthy") == 2

    await until(shows, "two of three are healthy", within=PATIENCE)


async def _found_by_polling(installation: Installation) -> None:
    """A push whose webhook was lost, in a repository with other webhooks."""
    installation.push_silently("shop", "v1.12.0")
    await installation.fetch(
        "UPDATE targets t SET poll_at = now() - interval '1 hour' FROM watches w "
        "WHERE w.target_id = t.target_id AND w.name = 'shop' RETURNING 1"
    )
    await installation.registers("shop", ["v1.11.0", "v1.12.0"])
    await installation.holds("shop", "up_to_date")


async def _odd_deliveries(installation: Installation) -> None:
    """One delivery of each acceptance, and one to an unknown source."""
    target = EventTarget(
        repository=f"{PREFIX}/shop", media_type=OCI_MANIFEST, digest="sha256:" + "0" * 64, size=1, tag="odd"
    )
    pull = Event(
        action="pull", target=target, origin=EventOrigin(host=installation.host), at=0.0, instance_id=str(uuid4())
    )
    await installation.deliver(pull.envelope())
    told = Event(
        action="push", target=target, origin=EventOrigin(host=installation.host), at=0.0, instance_id=str(uuid4())
    )
    for _ in range(2):
        await installation.deliver(told.envelope())
    await installation.deliver(b'{"events": "none"}')
    await installation.deliver(
        json.dumps({"events": [{"action": "push", "target": {"tag": HTML, "repository": RTL}}]}).encode()
    )
    async with installation.site.api() as api:
        await api.post("/webhooks/harbour", content=b"{}")
