"""A set of files brought about in one go, with real files and a runner that answers as told."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import CommandError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.host.files import Wanted, bring_about, compare, parse, validate


class Told:
    """Answers every command by ``answer(argv)``: a return code and what it says on standard error."""

    def __init__(self, answer=lambda _argv: (0, "")):
        self.answer = answer
        self.seen = []

    def run(self, argv, **_more):
        self.seen.append(list(argv))
        rc, said = self.answer(argv)
        return Completed(tuple(argv), rc, "", said)


def entry(path, content="new\n", **more):
    told = {"path": str(path), "content": content, "mode": "0644", "state": "present", "validate": [], "apply": []}
    return {**told, "owner": None, "group": None, **more}


def test_files_are_written_whole_with_their_folders(tmp_path):
    wanted = parse([entry(tmp_path / "a" / "b" / "file", mode="0440"), entry(tmp_path / "same")])
    (tmp_path / "same").write_text("new\n")
    (tmp_path / "same").chmod(0o644)
    changes = compare(wanted)
    assert [change.wanted.path for change in changes] == [str(tmp_path / "a/b/file")]
    bring_about(changes, Told())
    assert (tmp_path / "a/b/file").read_text() == "new\n"
    assert (tmp_path / "a/b/file").stat().st_mode & 0o777 == 0o440
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o755
    assert compare(wanted) == ()


@pytest.mark.parametrize("spoil", ["content", "mode", "link"])
def test_what_differs_is_seen(tmp_path, spoil):
    path = tmp_path / "file"
    path.write_text("old\n" if spoil == "content" else "new\n")
    path.chmod(0o600 if spoil == "mode" else 0o644)
    if spoil == "link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    changes = compare(parse([entry(path)]))
    assert len(changes) == 1
    bring_about(changes, Told())
    assert path.read_text() == "new\n"
    assert not path.is_symlink()


def test_absent_and_untouched(tmp_path):
    for name in ("gone", "left"):
        (tmp_path / name).write_text("old\n")
    wanted = parse([entry(tmp_path / "gone", state="absent"), entry(tmp_path / "left", state="untouched")])
    bring_about(compare(wanted), Told())
    assert os.listdir(tmp_path) == ["left"]
    assert (tmp_path / "left").read_text() == "old\n"
    assert compare(wanted) == ()


def test_nothing_is_written_while_a_candidate_is_refused(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    changes = compare(parse([entry(tmp_path / "good"), entry(tmp_path / "bad", validate=["try", "--file=%s"])]))
    runner = Told(lambda argv: (1, f"{argv[1].partition('=')[2]}: line 1: what?\nstopped\n"))
    with pytest.raises(CommandError) as caught:
        validate(changes, runner, str(scratch))
    assert (
        caught.value.message
        == f"{tmp_path}/bad was left as it was, because the new one is not valid: {tmp_path}/bad: line 1: what? stopped"
    )
    assert runner.seen == [["try", f"--file={scratch}/bad"]]
    assert sorted(os.listdir(tmp_path)) == ["scratch"]
    assert os.listdir(scratch) == []


def test_a_candidate_is_for_its_owner_only(tmp_path):
    modes = []
    changes = compare(parse([entry(tmp_path / "file", validate=["try", "%s"])]))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    validate(changes, Told(lambda argv: (modes.append(os.stat(argv[1]).st_mode & 0o777) or 0, "")), str(scratch))
    assert modes == [0o600]


def test_a_file_belongs_to_whom_it_is_told_to(tmp_path, monkeypatch):
    path = tmp_path / "file"
    given = []
    monkeypatch.setattr("os.fchown", lambda _handle, *owner: given.append(owner))
    user, group = pwd.getpwuid(1), grp.getgrgid(1)
    wanted = parse([entry(path, owner=user.pw_name, group=group.gr_name)])
    path.write_text("new\n")
    path.chmod(0o644)
    bring_about(compare(wanted), Told())
    assert given == [(1, 1)]


@pytest.mark.parametrize("who", ["owner", "group"])
def test_whoever_is_not_there_is_told_before_anything_is_written(tmp_path, who):
    with pytest.raises(SpecError, match=r"'.*/file' is to belong to somebody this host does not have: .*nobody-at-all"):
        compare(parse([entry(tmp_path / "file", **{who: "nobody-at-all"})]))


def test_a_former_file_that_is_no_text_is_put_back_byte_by_byte(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"caf\xe9\n")
    runner = Told(lambda _argv: (1, "no") if path.read_bytes() == b"new\n" else (0, ""))
    with pytest.raises(CommandError, match="was put back"):
        bring_about(compare(parse([entry(path, apply=["load"])])), runner)
    assert path.read_bytes() == b"caf\xe9\n"


@pytest.mark.parametrize("former", ["old\n", None])
def test_a_file_that_cannot_be_applied_makes_way_for_the_former_one(tmp_path, former):
    path = tmp_path / "file"
    if former is not None:
        path.write_text(former)
        path.chmod(0o640)
    runner = Told(lambda _argv: (1, "no such key") if path.exists() and path.read_text() == "new\n" else (0, ""))
    with pytest.raises(CommandError, match="was put back to what it was, because the new one could not be applied: no such key"):
        bring_about(compare(parse([entry(path, apply=["load"])])), runner)
    assert runner.seen == [["load"], ["load"]]
    if former is None:
        assert not path.exists()
    else:
        assert path.read_text() == former
        assert path.stat().st_mode & 0o777 == 0o640


def test_a_removal_is_applied_too(tmp_path):
    path = tmp_path / "file"
    path.write_text("old\n")
    runner = Told()
    bring_about(compare([Wanted(str(path), None, apply=("load",))]), runner)
    assert runner.seen == [["load"]]


def test_diff(tmp_path):
    path = tmp_path / "file"
    path.write_text("old\n")
    path.chmod(0o600)
    changed, made, gone = compare(
        [Wanted(str(path), "new\n"), Wanted(str(tmp_path / "made"), "x\n", 0o440), Wanted(str(path), None)],
    )
    assert changed.diff() == {"before": "old\n", "after": "new\n", "before_header": f"{path} (0600)", "after_header": f"{path} (0644)"}
    assert made.diff()["before_header"].endswith("made (absent)")
    assert made.diff()["after_header"].endswith("made (0440)")
    assert (gone.diff()["after"], gone.diff()["after_header"]) == ("", f"{path} (absent)")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ([entry("etc/file")], "'etc/file' is not the absolute path of a file"),
        ([entry("/etc/folder/")], "'/etc/folder/' is not the absolute path of a file"),
        ([entry("/etc/a"), entry("/etc/a")], "'/etc/a' is listed twice"),
        ([entry("/etc/a", content=None)], "'/etc/a' has no content"),
        ([entry("/etc/a", mode="u=rw")], "the mode 'u=rw' of '/etc/a' is not an octal number"),
    ],
)
def test_what_cannot_be_meant_is_told(raw, told):
    with pytest.raises(SpecError, match=told):
        parse(raw)
