"""Files that are whole or absent."""

from __future__ import annotations

import os

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, write_atomic


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_is_replaced_whole_with_its_mode(tmp_path, mode):
    path = tmp_path / "file"
    path.write_text("a much longer text than the new one")
    write_atomic(str(path), "neu: ü\n", mode)
    assert path.read_bytes() == "neu: ü\n".encode()
    assert path.stat().st_mode & 0o777 == mode
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["fsync", "replace", "fchmod"])
def test_a_failure_leaves_the_former_file_and_nothing_else(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    path.write_text("former")

    def fails(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(OSError, match="No space"):
        write_atomic(str(path), "new")
    assert path.read_text() == "former"
    assert os.listdir(tmp_path) == ["file"]


def test_the_order_is_sync_rename_sync(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, real=real, name=name: (done.append(name), real(*args))[1])
    write_atomic(str(tmp_path / "file"), "text")
    assert done == ["fsync", "replace", "fsync"]


def test_a_signal_after_the_rename_is_told_as_itself(tmp_path, monkeypatch):
    replace = os.replace

    def interrupted(*args):
        replace(*args)
        raise SteadyError("interrupted by SIGTERM")

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(SteadyError, match="interrupted"):
        write_atomic(str(tmp_path / "file"), "new")
    assert (tmp_path / "file").read_text() == "new"


def test_reading_what_is_not_there(tmp_path):
    assert read_text(str(tmp_path / "none")) is None


def test_what_a_kill_in_the_middle_left_goes_with_the_next_write(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda *_args: os._exit(9))
    child = os.fork()
    if not child:
        write_atomic(str(tmp_path / "file"), "first")
    os.waitpid(child, 0)
    assert len(os.listdir(tmp_path)) == 1
    monkeypatch.undo()
    write_atomic(str(tmp_path / "file"), "second")
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "second"
