"""What the process has imported from which `forked` starts ours. None of it starts a thread, or reads a setting."""

import gc
from importlib import import_module

_MODULES = (
    "app.asgi", "app.cli.processes", "app.logging", "workers.poller", "workers.worker",
    # what they import when they run
    "anyio._backends._asyncio", "anyio.streams.tls", "httpcore", "httpcore._backends.anyio",
    "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto",
)  # fmt: skip

for each in _MODULES:
    import_module(each)
gc.collect()
gc.freeze()  # a fork so copies no page for a collection
