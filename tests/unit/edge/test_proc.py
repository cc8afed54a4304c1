from __future__ import annotations

import time

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Connection, Proc, Worker, parse_tcp, parse_unix

# As the kernel prints it.
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41001 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0050 0100007F:C350 01 0000002A:00000000 02:00000A7B 00000000    33        0 41002 2 0000000000000000 20 4 30 10 -1
   2: 0200007F:9C40 0100007F:4E20 01 00000000:00000000 00:00000000 00000000    33        0 41003 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:9C41 0100007F:4E20 06 00000000:00000000 03:00001234 00000000     0        0 0 3 0000000000000000
1004: 0100007F:9C42 0100007F:4E20 08 00000000:00000001 00:00000000 00000000    33        0 41005 1 0000000000000000 20 4 30 10 -1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 42001 1
   1: 0000000000000000FFFF00000100007F:01BB 0000000000000000FFFF00000100007F:D431 01 00000000:00000000 02:00000A7B 00000000 33 0 42002 2
"""
UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 43001 /run/php.sock
0000000000000000: 00000003 00000000 00000000 0001 03 43002
0000000000000000: 00000003 00000000 00000000 0001 03 43003 /run/php.sock
"""


def test_only_established_and_listening_rows_count():
    table = parse_tcp(TCP + TCP6)
    assert table.listening == {80, 443}
    assert table.established == (
        Connection("0100007F", 80, "0100007F", 50000, 42, 41002),
        Connection("0200007F", 40000, "0100007F", 20000, 0, 41003),
        Connection("0000000000000000FFFF00000100007F", 443, "0000000000000000FFFF00000100007F", 54321, 0, 42002),
    )


def test_connected_unix_sockets():
    assert parse_unix(UNIX) == {43002, 43003}


def test_tens_of_thousands_of_rows_are_no_burden():
    gone = "".join(
        f"{n:4d}: 0100007F:9C41 0100007F:4E20 06 00000000:00000000 03:00001234 00000000     0        0 0 3\n" for n in range(30000)
    )
    live = "".join(
        f"{n:4d}: 0100007F:{n:04X} 0100007F:4E20 01 00000000:00000000 00:00000000 00000000    33        0 {n} 1\n" for n in range(5000)
    )
    begin = time.process_time()
    table = parse_tcp(gone + live)
    assert len(table.established) == 5000
    assert time.process_time() - begin < 0.5


def process(root, pid, title, *, parent=1, state="S", started=77, sockets=(), network="net:[1]"):
    folder = root / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "ns").mkdir()
    (folder / "cmdline").write_text(title + "\0")
    fields = [state, str(parent)] + ["0"] * 17 + [str(started), "0"]
    (folder / "stat").write_text(f"{pid} (a ) name) " + " ".join(fields) + "\n")
    (folder / "ns" / "net").symlink_to(network)
    for number, inode in enumerate(sockets):
        (folder / "fd" / str(number)).symlink_to(f"socket:[{inode}]")
    (folder / "fd" / "99").symlink_to("/dev/null")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(TCP)
    (tmp_path / "net" / "unix").write_text(UNIX)
    (tmp_path / "self" / "ns").mkdir(parents=True)
    (tmp_path / "self" / "ns" / "net").symlink_to("net:[1]")
    process(tmp_path, 10, "nginx: master process /usr/sbin/nginx")
    process(tmp_path, 11, "nginx: worker process", parent=10, sockets=(41002, 41003))
    process(tmp_path, 12, "nginx: worker process is shutting down", parent=10, started=5)
    process(tmp_path, 13, "nginx: worker process", parent=9, network="net:[2]")
    process(tmp_path, 14, "nginx: worker process", parent=10, state="Z")
    process(tmp_path, 15, "nginx: cache manager process", parent=10)
    return tmp_path


def test_workers_of_this_network_only(root):
    assert sorted(Proc(str(root)).workers()) == [Worker(11, 77, 10, False), Worker(12, 5, 10, True)]


def test_a_host_without_ipv6_and_a_process_that_is_gone(root):
    proc = Proc(str(root))
    assert proc.tcp().listening == {80}
    assert proc.unix() == {43002, 43003}
    assert proc.worker(999) is None
    assert proc.title(999) == ""
    assert proc.sockets(999) == frozenset()


def test_sockets(root):
    assert Proc(str(root)).sockets(11) == {41002, 41003}
    assert Proc(str(root)).title(10) == "nginx: master process /usr/sbin/nginx"


def test_sockets_that_may_not_be_seen(root, monkeypatch):
    def denied(path):
        raise PermissionError(13, "denied", path)

    monkeypatch.setattr("os.listdir", denied)
    assert Proc(str(root)).sockets(11) is None
