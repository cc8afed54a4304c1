"""The load's own process: `python -m load.worker <fd>`, started by `Load` only.

Gets a pickled configuration over the inherited pipe, then answers "peek" and "stop".
The pipe's end (its caller died or lost interest) ends the process.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import resource
import sys
from multiprocessing.connection import Connection

from .engine import Engine
from .errors import LoadError
from .result import Result


def main(fd: int) -> int:
    """Run one load; the exit code is 0 once its result was handed over."""
    pipe = Connection(fd)
    try:
        config = pickle.loads(pipe.recv())
        engine = Engine(config)
    except (LoadError, ImportError, AttributeError, pickle.UnpicklingError) as exc:
        hint = "Put functions in a module that can be imported"
        pipe.send(("error", f"The load cannot be read in its process: {exc}. {hint}."))
        return 1
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # What is loaded by now stays: keep the collector from walking over it during the run.
    gc.collect()
    gc.freeze()
    result = asyncio.run(_run(engine, pipe))
    pipe.send(("result", result))
    return 0


async def _run(engine: Engine, pipe: Connection) -> Result:
    loop = asyncio.get_running_loop()

    def on_message() -> None:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            # Nobody would read the result, and nobody watches the load any more.
            os._exit(3)
        if message == "peek":
            pipe.send(("peek", engine.peek()))
        elif message == "stop":
            engine.stop()

    loop.add_reader(pipe.fileno(), on_message)
    try:
        return await engine.run(lambda start: pipe.send(("started", start)))
    finally:
        loop.remove_reader(pipe.fileno())


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
