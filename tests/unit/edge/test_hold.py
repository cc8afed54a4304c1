"""Holding requests: the texts that Nginx reads, who waits and who goes, and what an edge does around it."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest
from unit.edge.test_nginx_edge import NEW, OLD, Host

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError, PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.edge import hold
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Held, Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.hold import Holder
from ansible_collections.steady.deploy.plugins.module_utils.edge.hold_file import included, kept, passing
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx import NginxEdge
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Proc
from ansible_collections.steady.deploy.plugins.module_utils.edge.upstream_file import parse, render

ME = (os.getuid(), os.getgid())


# --- texts ----------------------------------------------------------------------------------------


def servers(text: str, upstream: str) -> list[str]:
    block = text.split(f"upstream {upstream} {{")[1].split("}")[0]
    return [line.strip() for line in block.splitlines() if line.strip().startswith("server")]


def test_who_is_let_through_goes_to_what_comes_and_else_to_what_was():
    old = Served("hotel", "a", (Upstream("web", (20000, 20009)), Upstream("gone", (20005,)), Upstream("empty", ())))
    new = Served("hotel", "b", (Upstream("web", (20001, 20002, 20003)), Upstream("fresh", (20004,))))
    text = passing(old, new, "now")
    # Two of three: Nginx asks three at most, and the third must be one that is up after an undo.
    assert servers(text, "hotel_web") == [
        "server 127.0.0.1:20001 max_fails=0;",
        "server 127.0.0.1:20002 max_fails=0;",
        "server 127.0.0.1:20000 max_fails=0 backup;",
        "server 127.0.0.1:20009 max_fails=0 backup;",
    ]
    assert servers(text, "hotel_gone") == ["server 127.0.0.1:9 down;", "server 127.0.0.1:20005 max_fails=0 backup;"]
    assert servers(text, "hotel_fresh") == ["server 127.0.0.1:20004 max_fails=0;"]
    assert servers(text, "hotel_empty") == ["server 127.0.0.1:9 down;"]
    assert 'default   "held";' in text


def test_the_same_release_again_has_no_backup():
    assert servers(passing(OLD, OLD, "now"), "hotel_web") == ["server 127.0.0.1:20000 max_fails=0;"]


def test_what_was_served_is_kept_in_the_hold():
    assert parse(kept(included("/run/steady/hotel.hold", 30, OLD, "before")), "f", "hotel") == OLD


def test_a_part_of_a_second_is_written_as_nginx_reads_it():
    assert "proxy_read_timeout 2500ms;" in included("/run/steady/hotel.hold", 2.5, OLD, "before")


def test_the_owner_of_a_process_is_read_from_its_status(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7/status").write_text("Name:\tnginx\nUid:\t0\t33\t33\t33\nGid:\t0\t34\t34\t34\n")
    assert Proc(str(tmp_path)).owner(7) == (33, 34)
    assert Proc(str(tmp_path)).owner(8) is None


# --- who waits ------------------------------------------------------------------------------------


@pytest.fixture
def holder(tmp_path):
    one = Holder(str(tmp_path / "run" / "h"), ME, bound=0.5)
    one.open()
    yield one
    one.close()


def ask(holder: Holder, uri: str = "/") -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(holder._path)
    connection.sendall(f"GET / HTTP/1.1\r\nX-Steady-Uri: {uri}\r\n\r\n".encode())
    return connection


def wait(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_nobody_is_answered_until_all_are_let_go_in_their_order(holder):
    users = [ask(holder) for dummy in range(20)]
    wait(lambda: holder._requests == 20)
    order: list[int] = []

    def user(number: int) -> None:
        assert users[number].recv(100).startswith(b"HTTP/1.1 204 ")
        order.append(number)

    threads = [threading.Thread(target=user, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    assert order == []
    held = holder.let_go()
    for thread in threads:
        thread.join(10)
    assert len(order) == 20
    assert (held.requests, held.failed) == (20, 0) and held.longest_seconds >= 0.3
    # Who comes after that is not held any more.
    assert ask(holder).recv(100).startswith(b"HTTP/1.1 204 ")


def test_the_run_itself_is_refused_at_once_and_not_counted(holder):
    assert ask(holder, f"/?{holder.token}").recv(100).startswith(b"HTTP/1.1 403 ")
    assert holder.refused == 1
    assert holder.let_go() == Held()


def test_who_gives_up_did_not_fail_and_who_was_past_the_bound_did(holder):
    early, late = ask(holder), ask(holder)
    wait(lambda: holder._requests == 2)
    early.close()
    wait(lambda: len(holder._waiting) == 1)
    time.sleep(0.5)
    late.close()
    wait(lambda: not holder._waiting)
    held = holder.let_go()
    assert (held.requests, held.failed) == (2, 1) and 0.5 <= held.longest_seconds < 5


def test_a_socket_left_behind_is_replaced_and_the_own_one_removed(tmp_path):
    path = tmp_path / "h"
    path.write_text("left")
    one = Holder(str(path), ME, 1)
    one.open()
    assert path.is_socket() and path.stat().st_mode & 0o777 == 0o600
    one.close()
    assert not path.exists()


# --- the edge around it ---------------------------------------------------------------------------


class Holding(Host):
    """Nginx that asks the holder once it has read a file that says so."""

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.hold_file = folder / "hotel.hold"
        self.socket = folder / "run" / "hotel.hold"
        self.extra = "server { include steady/hotel.hol[d]; }"
        self.holds = self.blind = False

    def edge(self, **options) -> NginxEdge:
        return super().edge(sockets=str(self.folder_of_sockets), **options)

    @property
    def folder_of_sockets(self):
        return self.socket.parent

    def owner(self, pid):
        return ME

    def run(self, argv, **options):
        if list(argv)[1:] == ["-s", "reload"]:
            self.holds = self.hold_file.exists() and not self.blind
            if self.hold_file.exists():
                self.reloads += 1
                return super().run([argv[0], "-v"])
        return super().run(argv, **options)

    def ask(self, url, host, timeout):
        seen = super().ask(url, host, timeout)
        if self.holds:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10)
                connection.connect(str(self.socket))
                connection.sendall(f"GET / HTTP/1.1\r\nX-Steady-Uri: {url}\r\n\r\n".encode())
                assert b"403" in connection.recv(100), "the run's own question is held"
        return seen


@pytest.fixture
def nginx(tmp_path):
    return Holding(tmp_path)


def test_a_hold_and_the_shift_that_ends_it(nginx):
    edge = nginx.edge()
    assert not edge.holding()
    edge.hold(NEW, 30)
    assert edge.holding() and edge.served() == OLD
    assert "backup" in nginx.file.read_text() and "auth_request" in nginx.hold_file.read_text()
    reloads = nginx.reloads
    edge.hold(NEW, 30)
    assert nginx.reloads == reloads, "a hold that stands is left as it is"
    edge.shift(NEW)
    assert not edge.holding() and edge.served() == NEW and nginx.running == NEW
    assert edge.unhold() == Held() and not nginx.socket.exists()
    assert edge.unhold() == Held()


def test_a_hold_that_does_not_work_is_taken_back(nginx):
    nginx.blind = True
    edge = nginx.edge()
    with pytest.raises(EdgeError, match=r"could not be held within 10 s: .* answered 200.*; the former configuration was put back"):
        edge.hold(NEW, 30)
    assert not edge.holding() and nginx.file.read_text() == render(OLD, "before") and not nginx.socket.exists()


def test_a_vhost_without_the_include_is_refused(nginx):
    nginx.extra = "server { include steady/other.hol[d]; }"
    with pytest.raises(PreflightError, match="run the role nginx"):
        nginx.edge().hold(NEW, 30)
    assert nginx.reloads == 0


def test_a_shift_that_fails_in_a_hold_leaves_the_hold(nginx):
    edge = nginx.edge()
    edge.hold(NEW, 30)
    nginx.drop_header = True
    with pytest.raises(EdgeError, match="put back"):
        edge.shift(NEW)
    assert edge.holding() and edge.served() == OLD
    edge.unhold()


def test_a_hold_of_a_run_that_was_killed_goes_with_the_next_shift(nginx):
    dead = nginx.edge()
    dead.hold(NEW, 30)
    dead._door.holder._end.set()
    nginx.holds = False
    edge = nginx.edge()
    assert edge.holding() and edge.served() == OLD
    edge.shift(OLD)
    assert not edge.holding() and nginx.running == OLD and not nginx.socket.exists()


def test_a_socket_that_can_not_be_made_is_said(nginx):
    nginx.socket.parent.write_text("in the way")
    with pytest.raises(EdgeError, match=r"requests can't be held: .*: File exists"):
        nginx.edge().hold(NEW, 30)
    assert nginx.reloads == 0


def test_letting_go_takes_a_share_of_the_wait(holder, monkeypatch):
    monkeypatch.setattr(hold, "_SHARE", 1.0)
    users = [ask(holder) for dummy in range(10)]
    wait(lambda: holder._requests == 10)
    time.sleep(0.4)
    begun = time.monotonic()
    holder.let_go()
    assert time.monotonic() - begun >= 0.4
    assert all(user.recv(100) for user in users)
