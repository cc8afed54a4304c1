from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError, PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained, Edge, Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.front import Seen
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx import NginxEdge
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Connection, Table, Worker
from ansible_collections.steady.deploy.plugins.module_utils.edge.upstream_file import parse, render

OLD = Served("hotel", "a" * 12, (Upstream("web", (20000,)),))
NEW = Served("hotel", "b" * 12, (Upstream("web", (20001,)),))


class Clock:
    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


class Host:
    """A host with an Nginx that reads the upstream file at each reload. It is runner, /proc and front door in one."""

    def __init__(self, folder):
        self.clock = Clock()
        self.file = folder / "hotel.conf"
        self.pid_file = folder / "nginx.pid"
        self.pid_file.write_text("10\n")
        self.file.write_text(render(OLD, "before"))
        self.version = "1.30.6"
        self.http = "keepalive_min_timeout 2s;"
        self.extra = ""
        self.broken = ""  # said of the real configuration
        self.broken_with = ""  # said of it once it holds this text
        self.candidate_broken = ""
        self.reload_fails = ""
        self.deaf = False  # the master ignores the reload
        self.included = True
        self.master_title = "nginx: master process nginx"
        self.running = OLD
        self.reloads = 0
        self.drop_header = False
        self.tcp_now = Table((), frozenset({80}))
        self.held = {}
        self.workers_now = [Worker(11, 1, 10, False)]

    def edge(self, **options) -> Edge:
        return NginxEdge(self, self.clock, "hotel", upstream_file=str(self.file), proc=self, asking=self.ask, **options)

    # Runner

    def run(self, argv, *, stdin=None, timeout=None, env=None, cwd=None):
        def done(rc=0, stdout="", stderr=""):
            return Completed(tuple(argv), rc, stdout, stderr)

        arguments = list(argv)[1:]
        if self.version is None:
            return done(127, stderr="nginx: No such file or directory")
        if arguments == ["-v"]:
            return done(stderr=f"nginx version: nginx/{self.version}\n")
        if arguments[:2] == ["-t", "-c"]:
            return done(1, stderr=f"nginx: [emerg] {self.candidate_broken}\n") if self.candidate_broken else done()
        if arguments in (["-t"], ["-T"]):
            text = self.file.read_text() if self.file.exists() else ""
            if self.broken or (self.broken_with and self.broken_with in text):
                return done(1, stderr=f"nginx: [emerg] {self.broken or 'host not found in upstream'} in /etc/nginx/conf.d/other.conf:3\n")
            files = {"/etc/nginx/nginx.conf": f"pid {self.pid_file};\nhttp {{ {self.http} }}", "/etc/nginx/conf.d/x.conf": self.extra}
            if self.included:
                files[str(self.file)] = text
            return done(stdout="".join(f"# configuration file {name}:\n{content}\n" for name, content in files.items()))
        assert arguments == ["-s", "reload"]
        self.reloads += 1
        if self.reload_fails:
            return done(1, stderr=f"nginx: [error] {self.reload_fails}\n")
        if not self.deaf and self.file.exists():
            self.running = parse(self.file.read_text(), "f", "hotel")
            self.workers_now = [one._replace(shutting_down=True) for one in self.workers_now] + [Worker(11 + self.reloads, 1, 10, False)]
        return done()

    # Front door

    def ask(self, url, host, timeout):
        self.clock.time += 0.001
        ports = [port for one in self.running.upstreams for port in one.ports]
        return Seen(200, None if self.drop_header else self.running.release or "none", f"127.0.0.1:{ports[0]}" if ports else "hotel_web")

    # /proc

    def title(self, pid):
        return self.master_title if pid == 10 else ""

    def workers(self):
        return list(self.workers_now)

    def worker(self, pid):
        return next((one for one in self.workers_now if one.pid == pid), None)

    def sockets(self, pid):
        return frozenset(self.held.get(pid, ()))

    def tcp(self):
        return self.tcp_now

    def unix(self):
        return frozenset()


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_a_healthy_edge_has_no_warnings(host):
    assert host.edge().preflight() == []


def break_version(host):
    host.version = None


def break_configuration(host):
    host.broken = 'unknown directive "foo"'


def break_process(host):
    host.pid_file.unlink()


def break_title(host):
    host.master_title = "sshd"


def break_include(host):
    host.included = False


def break_headers(host):
    host.drop_header = True


def break_variable(host):
    host.extra = 'map $remote_addr $steady_hotel_release { default ""; }'


def break_file(host):
    host.file.write_text("upstream hotel_web { server 127.0.0.1:20000; }\n")


def break_absent(host):
    host.file.unlink()


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (break_version, "Nginx is not installed on this host (no program 'nginx')"),
        (break_configuration, 'broken before this rollout touched it: unknown directive "foo" in /etc/nginx/conf.d/other.conf, line 3'),
        (break_process, "Nginx is not running"),
        (break_title, "Nginx is not running"),
        (break_include, "does not include"),
        (break_headers, "without the header X-Steady-Release"),
        (break_variable, "also set in /etc/nginx/conf.d/x.conf"),
        (break_file, "line 1 is not what a rollout writes"),
        (break_absent, "does not exist: run the role nginx"),
    ],
)
def test_what_can_not_work_is_refused_in_one_sentence(host, break_it, said):
    break_it(host)
    with pytest.raises((PreflightError, EdgeError)) as caught:
        host.edge().preflight()
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_a_url_without_scheme_is_refused(host):
    with pytest.raises(PreflightError, match="is not one"):
        host.edge(url="127.0.0.1").preflight()


def test_what_can_not_be_promised_is_said(host):
    host.http = ""
    assert "sets no 'keepalive_min_timeout'" in host.edge().preflight()[0]
    host.version = "1.26.3"
    assert "Nginx 1.26.3 is older than 1.27.4" in host.edge().preflight()[0]


def test_served(host):
    assert host.edge().served() == OLD
    host.file.unlink()
    assert host.edge().served() == Served("hotel", None)


def test_a_shift(host):
    host.edge().shift(NEW)
    assert host.running == NEW
    assert host.edge().served() == NEW
    assert host.reloads == 1


def test_what_is_served_already_is_not_reloaded(host):
    host.edge().shift(OLD)
    assert host.reloads == 0
    assert host.file.read_text() == render(OLD, "before")


def test_a_file_that_was_written_but_never_loaded_is_loaded(host):
    host.file.write_text(render(NEW, "a rollout that was killed"))
    host.edge().shift(NEW)
    assert (host.reloads, host.running) == (1, NEW)


def test_a_bad_candidate_changes_nothing(host):
    host.candidate_broken = "something"
    with pytest.raises(EdgeError, match="nothing was changed: something"):
        host.edge().shift(NEW)
    assert (host.file.read_text(), host.reloads) == (render(OLD, "before"), 0)


def test_a_configuration_that_breaks_with_the_new_file_is_put_back(host):
    host.broken_with = NEW.release
    with pytest.raises(EdgeError, match=r"host not found in upstream.*line 3; the former configuration was put back"):
        host.edge().shift(NEW)
    assert (host.file.read_text(), host.reloads) == (render(OLD, "before"), 0)


def test_a_configuration_broken_by_somebody_else_leaves_the_file_alone(host):
    host.broken = 'unknown directive "foo"'
    with pytest.raises(PreflightError, match="before this rollout touched it"):
        host.edge().shift(NEW)
    assert (host.file.read_text(), host.reloads) == (render(OLD, "before"), 0)


def test_a_reload_that_fails_is_put_back(host):
    host.reload_fails = 'invalid PID number "" in "/run/nginx.pid"'
    with pytest.raises(EdgeError, match="could not be told to reload: invalid PID"):
        host.edge().shift(NEW)
    assert host.file.read_text() == render(OLD, "before")


def test_a_reload_without_effect_is_noticed_and_put_back(host):
    host.deaf = True
    with pytest.raises(EdgeError, match=r"still answered by release aaaaaaaaaaaa.*; the former configuration was put back"):
        host.edge().shift(NEW)
    assert host.file.read_text() == render(OLD, "before")
    assert 10 <= host.clock.time < 12


def test_a_vhost_without_the_headers_is_noticed_and_put_back(host):
    host.drop_header = True
    with pytest.raises(EdgeError, match="without the header X-Steady-Release") as caught:
        host.edge().shift(NEW)
    assert "put back, but http://127.0.0.1/" in caught.value.message
    assert host.running == OLD


def test_an_interrupted_shift_is_put_back(host):
    def interrupted(url, name, timeout):
        raise KeyboardInterrupt

    edge = NginxEdge(host, host.clock, "hotel", upstream_file=str(host.file), proc=host, asking=interrupted)
    with pytest.raises(KeyboardInterrupt):
        edge.shift(NEW)
    assert host.file.read_text() == render(OLD, "before")


def test_the_first_shift_of_all_can_be_undone(host):
    host.file.unlink()
    host.broken_with = NEW.release
    with pytest.raises(EdgeError, match="put back"):
        host.edge().shift(NEW)
    assert not host.file.exists()


def client(inode):
    return Connection("0100007F", 80, "0100007F", 40000, 0, inode)


def test_drain_waits_for_the_workers_of_before_the_reload(host):
    edge = host.edge()
    edge.shift(NEW)
    # The worker has not even noticed yet that it is an old one.
    host.workers_now[0] = host.workers_now[0]._replace(shutting_down=False)
    host.tcp_now = Table((client(5),), frozenset({80}))
    host.held = {11: [5]}
    drained = edge.drain({"web": [20000]}, 30, 10)
    assert 29 < drained.seconds <= 31
    assert drained.clients_left == 1


def test_drain_by_a_process_that_did_not_reload_looks_at_workers_shutting_down(host):
    host.edge().shift(NEW)
    host.tcp_now = Table((client(5),), frozenset({80}))
    host.held = {11: [5]}
    assert host.edge().drain({"web": [20000]}, 4, 10).clients_left == 1
    # Those of the new workers are none of our concern.
    host.held = {12: [5]}
    drained = host.edge().drain({"web": [20000]}, 4, 10)
    assert drained == Drained(seconds=drained.seconds)
    assert drained.seconds < 0.1


def test_drain_still_works_where_the_configuration_was_broken_meanwhile(host):
    host.broken = "unknown directive"
    assert host.edge().drain({"web": [20000]}, 4, 10).requests_cut == 0
