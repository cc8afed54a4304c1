"""The configuration as a whole: compared, tried, written, reloaded, and put back."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Worker
from ansible_collections.steady.deploy.plugins.module_utils.nginx.apply import bring_about, wanted
from ansible_collections.steady.deploy.plugins.module_utils.nginx.running import Running
from ansible_collections.steady.deploy.plugins.module_utils.nginx.upstreams import completed

MASTER = 100


class Clock:
    """Goes on by itself with each look."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return 1_800_000_000.0

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Nginx:
    """A host with Nginx: a text with BAD in it is refused, one with STUCK is accepted and never taken over."""

    def __init__(self, root) -> None:
        self.root = str(root)
        self.workers_of = 1
        self.served: list[str] = []
        self.up = True
        self.took = 1_000.0
        (root / "nginx.conf").write_text(f"error_log {root}/error.log;\npid {root}/nginx.pid;\n")
        (root / "error.log").write_text("old\n")
        (root / "nginx.pid").write_text(f"{MASTER}\n")

    def _text(self, folder: str) -> str:
        texts = []
        for place, dummy, names in os.walk(folder):
            texts += [Path(place, name).read_text() for name in names if name != "error.log"]
        return "".join(texts)

    def run(self, argv: t.Sequence[str], **_options: t.Any) -> Completed:
        argv = tuple(argv)
        if argv[1:] == ("-s", "reload"):
            if "STUCK" in self._text(self.root):
                with open(f"{self.root}/error.log", "a", encoding="utf-8") as log:
                    log.write("[emerg] 1#1: bind() to 0.0.0.0:80 failed\n")
            else:
                self.workers_of += 1
                self.served.append(self._text(self.root))
            return Completed(argv, 0, "", "")
        folder = os.path.dirname(argv[argv.index("-c") + 1]) if "-c" in argv else self.root
        if "BAD" in self._text(folder):
            return Completed(argv, 1, "", f'nginx: [emerg] unknown directive "BAD" in {folder}/conf.d/a.conf:1\n')
        with open(f"{self.root}/nginx.conf", encoding="utf-8") as stream:
            return Completed(argv, 0, f"# configuration file {self.root}/nginx.conf:\n{stream.read()}", "")

    # What is asked of /proc.
    def title(self, pid: int) -> str:
        return "nginx: master process" if self.up and pid == MASTER else ""

    def workers(self) -> list[Worker]:
        return [Worker(MASTER + self.workers_of, self.workers_of, MASTER, False)] if self.up else []


@pytest.fixture
def nginx(tmp_path):
    return Nginx(tmp_path)


def do(nginx: Nginx, check: bool = False, **params: t.Any) -> dict[str, t.Any]:
    clock = Clock()
    running = Running(nginx, nginx, clock, moment=lambda worker: nginx.took)
    whole = {"root": nginx.root, "files": {}, "absent": [], "upstreams": {}, **params}
    return bring_about(whole, nginx, running, clock, check)


def text(nginx: Nginx, name: str) -> str | None:
    try:
        with open(f"{nginx.root}/{name}", encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def settled(nginx: Nginx) -> None:
    """All files are older than the workers."""
    nginx.took = 4_000_000_000.0


def test_files_are_written_and_served(nginx):
    settled(nginx)
    result = do(nginx, files={"conf.d/a.conf": "a\n"}, upstreams={"shop": ["web"]})
    assert (result["changed"], result["reloaded"]) == (True, True)
    assert text(nginx, "conf.d/a.conf") == "a\n"
    assert "upstream shop_web {" in text(nginx, "steady/shop.conf")
    assert len(nginx.served) == 1
    assert do(nginx, files={"conf.d/a.conf": "a\n"}, upstreams={"shop": ["web"]})["changed"] is False
    assert len(nginx.served) == 1


def test_a_check_changes_nothing(nginx):
    result = do(nginx, check=True, files={"conf.d/a.conf": "a\n"})
    assert result["changed"] is True
    assert result["diff"][0]["after"] == "a\n"
    assert text(nginx, "conf.d/a.conf") is None
    with pytest.raises(EdgeError, match="would refuse"):
        do(nginx, check=True, files={"conf.d/a.conf": "BAD\n"})


def test_a_check_of_a_host_without_nginx(nginx, tmp_path):
    os.unlink(tmp_path / "nginx.conf")
    assert do(nginx, check=True, files={"conf.d/a.conf": "BAD\n"})["changed"] is True


def test_what_nginx_would_refuse_is_never_written(nginx):
    settled(nginx)
    do(nginx, files={"conf.d/a.conf": "a\n"})
    with pytest.raises(EdgeError) as caught:
        do(nginx, files={"conf.d/a.conf": "BAD\n", "conf.d/b.conf": "b\n"})
    assert caught.value.message == (
        "Nginx would refuse its new configuration, so everything was left as it was: "
        f'unknown directive "BAD" in {nginx.root}/conf.d/a.conf, line 1'
    )
    assert (text(nginx, "conf.d/a.conf"), text(nginx, "conf.d/b.conf")) == ("a\n", None)
    assert len(nginx.served) == 1


def test_what_nginx_does_not_take_over_is_put_back(nginx):
    settled(nginx)
    do(nginx, files={"conf.d/a.conf": "a\n", "conf.d/c.conf": "c\n"})
    with pytest.raises(EdgeError) as caught:
        do(nginx, files={"conf.d/a.conf": "STUCK\n", "conf.d/b.conf": "b\n"}, absent=["conf.d/c.conf"])
    assert caught.value.message == (
        "Nginx did not take over its new configuration: bind() to 0.0.0.0:80 failed; the former files were put back and are served"
    )
    assert [text(nginx, f"conf.d/{name}.conf") for name in "abc"] == ["a\n", None, "c\n"]
    assert "STUCK" not in nginx.served[-1]


def test_a_run_that_was_killed_before_the_reload_is_made_up_for(nginx):
    settled(nginx)
    do(nginx, files={"conf.d/a.conf": "a\n"})
    nginx.took = 1_000.0
    assert do(nginx, files={"conf.d/a.conf": "a\n"})["reloaded"] is True


def test_an_nginx_that_does_not_run_is_not_started(nginx):
    nginx.up = False
    result = do(nginx, files={"conf.d/a.conf": "a\n"})
    assert (result["changed"], result["reloaded"]) == (True, False)
    assert text(nginx, "conf.d/a.conf") == "a\n"


def test_a_file_that_is_not_to_be_there_is_removed(nginx):
    settled(nginx)
    do(nginx, files={"conf.d/a.conf": "a\n"})
    assert do(nginx, absent=["conf.d/a.conf"])["changed"] is True
    assert text(nginx, "conf.d/a.conf") is None
    assert do(nginx, absent=["conf.d/a.conf"])["changed"] is False


@pytest.mark.parametrize("name", ["/etc/passwd", "../passwd", "conf.d/../../a", ""])
def test_names_that_lead_elsewhere_are_refused(nginx, name):
    with pytest.raises(SpecError):
        wanted({"root": nginx.root, "files": {name: "x"}, "absent": [], "upstreams": {}}, 0)


def test_upstreams_of_a_rollout_stay_as_they_are():
    served = completed(None, "shop", ["web"], "now").replace("127.0.0.1:9 down", "127.0.0.1:20001")
    assert completed(served, "shop", ["web"], "later") == served
    more = completed(served, "shop", ["web", "ws"], "later")
    assert more.startswith(served)
    assert more.count("upstream shop_ws {") == more.count("upstream shop_web {") == 1
    assert completed(more, "shop", ["web", "ws"], "later") == more
