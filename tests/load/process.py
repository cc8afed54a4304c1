"""Runs a load in a process of its own, steered from ordinary (sync) code."""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import TracebackType

from .config import Config
from .errors import LoadError
from .limits import validate
from .result import Mark, Result

START_TIMEOUT = 20.0  # seconds for the process to come up


class Load:
    """A load in the background.

        with Load(config) as load:
            load.mark("rollout start")
            ...
            load.mark("rollout end")
            result = load.stop()

    `with` returns once requests are being sent. The load ends by itself at the bounds of
    its configuration, with the caller's process at the latest; leaving `with` without
    `stop` or `wait` drops it. Functions in the configuration must be importable from a module.
    """

    def __init__(self, config: Config) -> None:
        validate(config)
        self.config = config
        self._process: subprocess.Popen | None = None
        self._pipe: Connection | None = None
        self._stderr = None
        self._start = 0.0
        self._marks: list[Mark] = []
        self._result: Result | None = None

    def __enter__(self) -> Load:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start the process and wait until it sends. Raises `LoadError`."""
        if self._process is not None:
            raise LoadError("This load was started already. Make a new one.")
        job = self._pickled()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._pipe, far = Pipe()
        package_root = str(Path(__file__).resolve().parent.parent)
        paths = [package_root, *(path or os.getcwd() for path in sys.path)]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "load.worker", str(far.fileno())],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))},
                pass_fds=(far.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                start_new_session=True,  # Ctrl-C is for the caller, who then stops or drops the load
            )
        finally:
            far.close()
        try:
            self._send(job)
            self._start = self._receive("started", START_TIMEOUT)
        except BaseException:
            self.close()
            raise

    def now(self) -> float:
        """Seconds since the load's start: the scale of every time in the result."""
        # The monotonic clock is the machine's, so both processes read the same.
        return time.monotonic() - self._start

    def mark(self, name: str) -> float:
        """Remember this moment under `name`; returns its time."""
        mark = Mark(name, self.now())
        self._marks.append(mark)
        return mark.time

    def peek(self) -> dict[str, int]:
        """The numbers so far: requests (sent), ok, failed (with those of streams)."""
        if self._result is not None:
            result = self._result
            failed = result.failed + sum(s.failed + s.abnormal for s in result.streams)
            return {"requests": result.requests, "ok": result.ok, "failed": failed}
        self._send("peek")
        word, value = self._next(10.0)
        if word == "result":
            self._result = value
            return self.peek()
        return value

    def stop(self) -> Result:
        """Send nothing new, let what is in flight end, return the result."""
        if self._result is None:
            self._send("stop")
        return self.wait()

    def wait(self) -> Result:
        """Wait for the load's own end and return the result. Raises `LoadError`."""
        if self._result is None:
            slowest = max([self.config.timeout, *(shape.timeout or 0 for shape in self.config.shapes)])
            left = max(0.0, self.config.seconds - self.now())
            self._result = self._receive("result", left + slowest + 60)
        self.close()
        return dataclasses.replace(self._result, marks=tuple(self._marks))

    def close(self) -> None:
        """End the process, at once if it still runs. Safe to call twice."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        process = self._process
        if process is not None and process.returncode is None:
            try:
                process.wait(5 if self._result is not None else 0.5)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def _pickled(self) -> bytes:
        try:
            job = pickle.dumps(self.config)
        except (pickle.PicklingError, AttributeError, TypeError) as exc:
            raise LoadError(f"The load cannot go to its process: {exc}. Use functions of a module's top level, no lambda.") from exc
        for shape in self.config.shapes:
            for function in (shape.path, shape.body, shape.check, self.config.version):
                if getattr(function, "__module__", None) == "__main__" or type(function).__module__ == "__main__":
                    raise LoadError(f"{function!r} lives in the started script itself. Put it in a module that can be imported.")
        return job

    def _send(self, message: object) -> None:
        if self._pipe is None:
            raise LoadError("The load is not running. Start it, and ask before its `with` ends.")
        try:
            self._pipe.send(message)
        except OSError:
            pass  # ended by itself; what it said before is still to be read

    def _next(self, timeout: float) -> tuple[str, object]:
        if self._pipe is None:
            raise LoadError("The load is not running. Start it, and ask before its `with` ends.")
        try:
            if not self._pipe.poll(timeout):
                raise LoadError(f"The load's process did not answer within {timeout:.0f} s. Is the machine overloaded?")
            word, value = self._pipe.recv()
        except (EOFError, OSError) as exc:
            self._process.wait(5)
            self._stderr.seek(0)
            words = self._stderr.read()[-2000:].decode("utf-8", "replace").strip()
            raise LoadError(f"The load's process ended with exit code {self._process.returncode}: {words or 'no words'}") from exc
        if word == "error":
            raise LoadError(str(value))
        return word, value

    def _receive(self, wanted: str, timeout: float):
        while True:
            word, value = self._next(timeout)
            if word == wanted:
                return value
