from __future__ import annotations

import itertools

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained
from ansible_collections.steady.deploy.plugins.module_utils.edge.drain import Bounds, Old, Sight, drain
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Connection, Table, Worker

HERE, STREAM = "0100007F", "0200007F"


class FakeClock:
    def __init__(self):
        self.time = 100.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    def sleep(self, seconds):
        assert seconds > 0
        self.time += seconds


def links(*ports, source=HERE):
    return frozenset((source, port, 20000) for port in ports)


def sight(requests=(), streams=(), clients=0, unpaired=0):
    return Sight(links(*requests), links(*streams, source=STREAM), clients, unpaired)


def run(at, *, requests=30.0, streams=10.0, idle=2.3, clients=30.0, since=100.0, progress=None):
    """Drain while `at(seconds since the start)` gives what is seen."""
    clock = FakeClock()
    return drain(lambda: at(clock.time - 100.0), clock, Bounds(since, requests, streams, idle, clients), progress)


def test_nothing_in_flight_is_over_after_two_looks():
    drained = run(lambda seconds: sight())
    assert (drained.requests_finished, drained.requests_cut, drained.clients_left) == (0, 0, 0)
    assert drained.seconds < 0.1


def test_requests_are_waited_for_and_counted_one_by_one():
    drained = run(lambda seconds: sight(requests=(1, 2) if seconds < 1 else (2, 3) if seconds < 3 else ()))
    assert (drained.requests_finished, drained.requests_cut) == (3, 0)
    assert 3 <= drained.seconds < 3.5


def test_a_gap_of_one_look_is_not_the_end():
    turns = itertools.count()
    drained = run(lambda seconds: sight(requests=() if next(turns) % 2 else (1,)) if seconds < 5 else sight())
    assert drained.seconds >= 5


def test_requests_and_streams_have_their_own_bounds():
    drained = run(lambda seconds: sight(requests=(1,) if seconds < 15 else (), streams=(7, 8) if seconds < 4 else (8,)))
    assert drained == Drained(1, 0, 1, 1, drained.seconds, 0)
    assert 15 <= drained.seconds < 15.5


def test_what_does_not_end_is_cut_at_its_bound():
    drained = run(lambda seconds: sight(requests=(1,), streams=(7,)), requests=3, streams=5)
    assert (drained.requests_cut, drained.streams_cut) == (1, 1)
    assert (drained.requests_finished, drained.streams_finished) == (0, 0)
    assert 5 <= drained.seconds < 5.5


def test_bounds_count_from_the_reload():
    assert run(lambda seconds: sight(streams=(7,)), since=96.0).seconds < 6.5


def test_a_users_idle_connection_holds_the_old_release():
    drained = run(lambda seconds: sight(clients=1, unpaired=1) if seconds < 1.5 else sight())
    assert 1.5 <= drained.seconds < 2
    assert drained.clients_left == 0


def test_another_apps_stream_holds_it_no_longer_than_idle_clients_could():
    drained = run(lambda seconds: sight(clients=1, unpaired=0))
    assert 2.3 <= drained.seconds < 2.7
    assert drained.clients_left == 0


def test_an_upload_is_waited_for_and_what_is_left_is_said():
    assert 20 <= run(lambda seconds: sight(clients=1, unpaired=1) if seconds < 20 else sight(clients=1)).seconds < 20.5
    drained = run(lambda seconds: sight(clients=3, unpaired=1))
    assert 30 <= drained.seconds < 30.5
    assert drained.clients_left == 1


def test_progress_is_told_when_something_changed():
    told = []
    run(lambda seconds: sight(requests=(1, 2) if seconds < 1 else (2,) if seconds < 3 else ()), progress=told.append)
    assert [(one.requests, one.requests_finished) for one in told] == [(2, 0), (1, 1), (0, 2)]


class FakeProc:
    """Processes and connections as data."""

    def __init__(self, workers, sockets, established=(), listening=(80,), unix=()):
        self.workers_now = {one.pid: one for one in workers}
        self.held = sockets
        self.table = Table(tuple(established), frozenset(listening))
        self.unix_now = frozenset(unix)

    def worker(self, pid):
        return self.workers_now.get(pid)

    def sockets(self, pid):
        found = self.held.get(pid, ())
        return None if found is None else frozenset(found)

    def tcp(self):
        return self.table

    def unix(self):
        return self.unix_now


OLD = Worker(11, 5, 10, True)


def client(inode, unsent=0):
    return Connection(HERE, 80, HERE, 40000 + inode, unsent, inode)


def upstream(inode, port=30000):
    return Connection(HERE, 50000 + inode, HERE, port, 0, inode)


def look(established, *, held=None, workers=(OLD,), unix=(), master=(900,)):
    sockets = {11: [one.inode for one in established] if held is None else held, 10: master}
    return Old(FakeProc(workers, sockets, established, unix=unix), [20000], [OLD]).look()


def test_connections_to_the_old_ports_whoever_holds_them():
    seen = look(
        [upstream(1, 20000), upstream(2, 20001), Connection(STREAM, 6, HERE, 20000, 0, 3), Connection(HERE, 20000, HERE, 7, 0, 4)], held=[]
    )
    assert seen.requests == {(HERE, 50001, 20000)}
    assert seen.streams == {(STREAM, 6, 20000)}


def test_a_connection_elsewhere_to_the_same_port_number_is_not_ours():
    assert not look([Connection(HERE, 6, "0A00000A", 20000, 0, 3)]).requests


@pytest.mark.parametrize(
    ("established", "clients", "unpaired"),
    [
        ([], 0, 0),
        ([client(1)], 1, 1),
        ([client(1), upstream(2)], 1, 0),
        ([client(1), client(2), upstream(3)], 2, 1),
        # Being sent data: neither idle nor uploading.
        ([client(1, unsent=4000)], 1, 0),
        # The one upstream may belong to the one that is sent data.
        ([client(1, unsent=4000), client(2), upstream(3)], 2, 1),
        ([client(1), upstream(2), upstream(3), upstream(4)], 1, 0),
    ],
)
def test_users_without_an_upstream(established, clients, unpaired):
    seen = look(established)
    assert (seen.clients, seen.unpaired) == (clients, unpaired)


def test_an_upstream_on_a_unix_socket_pairs_too_but_the_channel_to_the_master_does_not():
    assert look([client(1)], held=[1, 900], unix=(900,)).unpaired == 1
    assert look([client(1)], held=[1, 900, 901], unix=(900, 901)).unpaired == 0
    # A master that is gone can't tell which is which.
    assert look([client(1)], held=[1, 901], unix=(901,), master=()).unpaired == 1


def test_a_busy_worker_does_not_hide_an_idle_client_of_another():
    other = Worker(12, 6, 10, True)
    established = [client(1), upstream(2), upstream(3), client(4)]
    proc = FakeProc([OLD, other], {11: [1, 2, 3], 12: [4]}, established)
    assert Old(proc, [20000], [OLD, other]).look().unpaired == 1


def test_a_worker_that_ended_or_whose_id_went_to_another_process_is_forgotten():
    assert look([client(1)], workers=()).clients == 0
    assert look([client(1)], workers=(OLD._replace(started=6),)).clients == 0


def test_a_worker_that_may_not_be_looked_into_counts_as_one_idle_client():
    proc = FakeProc([OLD], {11: None}, [client(1)])
    seen = Old(proc, [20000], [OLD]).look()
    assert (seen.clients, seen.unpaired) == (1, 0)


def test_a_port_that_is_no_longer_listened_on_still_marks_users():
    proc = FakeProc([OLD], {11: [1]}, [client(1)])
    view = Old(proc, [20000], [OLD])
    view.look()
    proc.table = Table(proc.table.established, frozenset())
    assert view.look().clients == 1
