"""What the process has imported and loaded from which `forked` starts ours. None of it starts a thread."""

import gc
from importlib import import_module

from app.outbound.trust import shared_trust

_MODULES = (
    "app.asgi", "app.cli.processes", "app.logging", "workers.poller", "workers.worker",
    # what they import when they run
    "anyio._backends._asyncio", "anyio.streams.tls", "httpcore", "httpcore._backends.anyio",
    "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto",
)  # fmt: skip

for each in _MODULES:
    import_module(each)
shared_trust(None)
gc.collect()
gc.freeze()  # a fork so copies no page for a collection
