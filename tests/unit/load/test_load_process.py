"""The load as a process of its own, and the command line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from load import Config, HeaderVersion, Load, LoadError, Shape, TargetRefused
from load.__main__ import main
from load_functions import exit_hard, must_be_ok, room
from load_servers import Answer, Server, config, free_port, ok

TESTS = Path(__file__).resolve().parents[2]


@contextmanager
def serving(answer: Answer = ok):
    """A server in a thread, as these tests are sync."""
    loop, server = asyncio.new_event_loop(), Server(answer)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(5)
        yield server
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def alive(pid: int) -> bool:
    """Whether the process still runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_marks_peek_and_early_stop():
    shapes = (Shape("room", path=room, check=must_be_ok),)
    with serving() as server:
        with Load(config(server.url, shapes=shapes, seconds=60, version=HeaderVersion("x-release"))) as load:
            assert wait_until(lambda: load.peek()["ok"] >= 30)
            assert load.peek()["failed"] == 0
            start = load.mark("start")
            time.sleep(0.5)
            end = load.mark("end")
            result = load.stop()
            pid = load._process.pid
        assert not alive(pid)
    assert result.clean and result.requests == len(server.requests)
    assert result.seconds < 10 and [mark.name for mark in result.marks] == ["start", "end"]
    assert 80 <= result.between("start", "end").requests <= 120
    # The marks and the samples are on one clock.
    assert end - start == pytest.approx(0.5, abs=0.1)
    assert result.window(0, start).ok >= 29 and result.versions["a"].count == result.requests
    assert 0 < result.cpu_seconds < 5
    assert load.stop() == result and load.peek()["ok"] == result.ok


def test_ends_by_itself_and_waits_for_what_is_in_flight():
    async def slow(peer, request):
        await asyncio.sleep(0.5)
        await ok(peer, request)

    with serving(slow) as server, Load(config(server.url, seconds=0.5, rate=20)) as load:
        result = load.wait()
    assert result.clean and result.requests == 10 == len(server.requests)


def test_leaving_without_stop_drops_the_load():
    with serving() as server:
        with pytest.raises(ZeroDivisionError), Load(config(server.url, seconds=60)) as load:
            pid = load._process.pid
            raise ZeroDivisionError
        assert not alive(pid)
        sent = len(server.requests)
        time.sleep(0.2)
        assert len(server.requests) == sent
        with pytest.raises(LoadError, match="not running"):
            load.stop()
        with pytest.raises(LoadError, match="started already"):
            load.start()


def test_dies_with_its_caller():
    with serving() as server:
        program = (
            "import time, load\n"
            f"c = load.Config({server.url!r}, (load.Shape('get'),), rate=50, seconds=60)\n"
            "l = load.Load(c); l.start(); print(l._process.pid, flush=True); time.sleep(60)\n"
        )
        caller = subprocess.Popen([sys.executable, "-c", program], cwd=TESTS, stdout=subprocess.PIPE, text=True)
        pid = int(caller.stdout.readline())
        assert alive(pid)
        caller.send_signal(signal.SIGKILL)
        caller.wait()
        caller.stdout.close()
        assert wait_until(lambda: not alive(pid))


def test_a_load_that_hangs_is_killed():
    with serving() as server:
        with Load(config(server.url, seconds=60)) as load:
            os.kill(load._process.pid, signal.SIGSTOP)
        assert not alive(load._process.pid)


def test_what_cannot_run_says_so():
    good = config("http://127.0.0.1:9/")
    with pytest.raises(TargetRefused):
        Load(config("http://192.0.2.1/"))
    with pytest.raises(LoadError, match="no lambda"), Load(config(good.url, version=lambda response: "x")):
        pass
    function = type("Local", (), {"__call__": lambda self, response: None, "__module__": "__main__"})
    with pytest.raises(LoadError), Load(config(good.url, version=function())):
        pass


def test_functions_of_a_script_are_refused_with_the_remedy(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(TESTS)!r})\n"
        "import load\n"
        "def path(n): return '/'\n"
        "try:\n"
        "    load.Load(load.Config('http://127.0.0.1:9/', (load.Shape('a', path=path),), rate=1, seconds=1)).start()\n"
        "except load.LoadError as exc: print(exc)\n"
    )
    out = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout
    assert "Put it in a module" in out


def test_death_of_the_load_is_an_error_with_its_last_words():
    with (
        serving() as server,
        Load(config(server.url, shapes=(Shape("get", check=exit_hard),))) as load,
        pytest.raises(LoadError, match=r"exit code 7: last words"),
    ):
        load.wait()


def test_ctrl_c_is_for_the_caller():
    with serving() as server, Load(config(server.url, seconds=60)) as load:
        assert os.getpgid(load._process.pid) != os.getpgid(0)


def test_command_line(capsys):
    with serving() as server:
        arguments = ["--url", server.url, "--host", "hotel.test", "--rate", "50", "--seconds", "1", "--post", "/book"]
        assert main([*arguments, "--version-header", "x-release"]) == 0
        table = capsys.readouterr().out
        assert "all (times: mix)" in table and "version a: 50 answers" in table
        assert {request.headers["host"] for request in server.requests} == {"hotel.test"}
        assert main([*arguments, "--json", "--requests", "5"]) == 0
        assert json.loads(capsys.readouterr().out)["requests"] == 5
    assert main(["--url", f"http://127.0.0.1:{free_port()}/", "--seconds", "0.2"]) == 1
    assert "connect_refused: 10, first at" in capsys.readouterr().out
    assert main(["--url", "http://192.0.2.1/"]) == 2
    assert "neither loopback nor private" in capsys.readouterr().err


def test_command_line_as_a_program_gives_the_table_on_ctrl_c():
    with serving() as server:
        program = subprocess.Popen(
            [sys.executable, "-m", "load", "--url", server.url, "--seconds", "60"],
            cwd=TESTS,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert wait_until(lambda: len(server.requests) > 10)
        program.send_signal(signal.SIGINT)
        out, dummy = program.communicate(timeout=10)
        assert program.returncode == 0 and "all (times: mix)" in out


def test_configuration_is_plain_data():
    import pickle

    one = Config("http://127.0.0.1/", (Shape("get", path=room),), rate=1, seconds=1)
    assert pickle.loads(pickle.dumps(one)) == one
