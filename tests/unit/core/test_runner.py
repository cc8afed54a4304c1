"""The real runner, with real processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import Breakdown, CommandError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed, SubprocessRunner, checked

PATH = {"PATH": os.environ["PATH"]}


def python(code, runner=None, **kwargs):
    return (runner or SubprocessRunner(PATH)).run([sys.executable, "-c", code], **kwargs)


def test_output_exit_code_and_input():
    done = python("import sys; print(sys.stdin.read().upper()); print('é', file=sys.stderr); sys.exit(3)", stdin="grüße")
    assert (done.rc, done.stdout, done.stderr) == (3, "GRÜSSE\n", "é\n")


def test_without_input_there_is_none_to_wait_for():
    ours, writing = os.pipe()
    former = os.dup(0)
    os.dup2(ours, 0)
    try:
        assert python("import sys; print(repr(sys.stdin.read()))", timeout=10).stdout == "''\n"
    finally:
        os.dup2(former, 0)
        for handle in (ours, writing, former):
            os.close(handle)


def test_output_that_is_no_text_is_no_error():
    assert python("import os; os.write(1, b'a\\xffb')").stdout == "a\ufffdb"


def test_a_missing_program():
    done = SubprocessRunner(PATH).run(["no-such-program", "--version"])
    assert done == Completed(("no-such-program", "--version"), 127, "", "no-such-program: No such file or directory")


def test_a_command_that_takes_too_long_is_killed():
    began = time.monotonic()
    done = python("import os, time; print(os.getpid(), flush=True); time.sleep(60)", timeout=0.5)
    assert time.monotonic() - began < 5
    assert (done.rc, done.stderr) == (124, "no answer within 0.5 s")
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_a_signal_that_ends_the_rollout_waits_for_the_command_in_hand(tmp_path):
    def end(*_seen):
        raise Breakdown("interrupted")

    former = signal.signal(signal.SIGUSR1, end)
    soon = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1))
    soon.start()
    try:
        with pytest.raises(Breakdown):
            python(f"import sys, time; sys.stdin.read(); time.sleep(1); open({str(tmp_path / 'stopped')!r}, 'w')", stdin="x" * 100_000)
        assert (tmp_path / "stopped").exists()
    finally:
        soon.join()
        signal.signal(signal.SIGUSR1, former)


def test_the_environment_is_the_base_and_what_is_added():
    runner = SubprocessRunner({**PATH, "A": "1", "B": "1"})
    done = python("import os; print(*(os.environ.get(name) for name in ('A', 'B', 'C', 'HOME')))", runner, env={"B": "2", "C": "3"})
    assert done.stdout == "1 2 3 None\n"


def test_only_named_descriptors_are_inherited(tmp_path):
    handles = [os.open(tmp_path / name, os.O_RDWR | os.O_CREAT) for name in "ab"]
    try:
        runner = SubprocessRunner(PATH)
        runner.keep_open = (handles[0],)
        code = f"import os; print(*(os.path.exists(f'/proc/self/fd/{{fd}}') for fd in {handles}))"
        assert python(code, runner).stdout == "True False\n"
    finally:
        for handle in handles:
            os.close(handle)


@pytest.mark.parametrize(
    ("stdout", "stderr", "reason"),
    [("", "first\nlast\n\n", "last"), ("only out\n", "", "only out"), ("", " \n", "exit code 7")],
)
def test_a_failure_is_told_with_its_last_line(stdout, stderr, reason):
    done = Completed(("x",), 7, stdout, stderr)
    with pytest.raises(CommandError) as caught:
        checked(done, "can't do x", service="web")
    assert caught.value.message == f"can't do x: {reason}"
    assert caught.value.facts == {"cmd": ["x"], "rc": 7, "stdout": stdout, "stderr": stderr, "service": "web"}
