"""Given processes with HTTP_PROXY and no NO_PROXY, then a push is deployed by Nomad on loopback, and the proxy gets no
request: each one would contain Nomad's token."""

from pathlib import Path

from tests.cluster import cluster, until
from tests.faults.delivery_sender import DeliverySender, answering, body
from tests.servers.proxy import recording_proxy

_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


async def test_the_token_of_a_nomad_on_loopback_is_not_sent_to_a_proxy(
    server_directory: Path, database_url: str, redis_url: str
) -> None:
    with (
        recording_proxy() as proxy,
        cluster(server_directory, database_url=database_url, redis_url=redis_url, names=["app"]) as ours,
    ):
        kept = {name: value for name, value in ours.env.items() if name.lower() != "no_proxy"}
        ours.env = {**kept, **dict.fromkeys(_VARIABLES, proxy.url), "NOMAD_TOKEN": "nomads-token"}
        for kind in ("web", "worker", "poller"):
            ours.start(kind)
        await answering(ours)
        digest = ours.registry.push("team/app", "v1.1.0", content="v1.1.0")
        async with DeliverySender(ours) as sender:
            await sender.send_all([body(ours, "app", "v1.1.0", digest)], times=1)
        image = f"{ours.host}/team/app:v1.1.0@{digest}"
        await until(
            lambda: any(image in entry.images.values() for entry in ours.nomad.ledger.entries(job="app")),
            lambda: f"{image} is registered; the proxy was asked for {proxy.lines[:5]}",
            within=30,
        )
        assert proxy.lines == []
