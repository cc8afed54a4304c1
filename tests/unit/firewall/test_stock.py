"""A trial of rules: what brings the former ones back, and what ends it."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.commands import firewall
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.firewall.host import Session
from ansible_collections.steady.deploy.plugins.module_utils.firewall.stock import Stock

BEFORE, AFTER = Session("203.0.113.5", 50412, 22), Session("203.0.113.5", 50999, 22)


class Runner:
    """Remembers commands. ``on`` is called with each."""

    def __init__(self):
        self.ran = []
        self.rc = 0
        self.on = lambda _line: None

    def run(self, argv, **_options):
        line = " ".join(argv)
        self.ran.append(line)
        self.on(line)
        return Completed(tuple(argv), self.rc, "inactive\n" if "is-active" in line else "", "")


@pytest.fixture
def runner():
    return Runner()


@pytest.fixture
def stock(runner, tmp_path):
    for folder in ("run", "etc/systemd/system/sysinit.target.wants"):
        (tmp_path / folder).mkdir(parents=True)
    return Stock(runner, SystemClock(), str(tmp_path))


def begin(stock):
    stock.stage("new rules")
    stock.begin_trial("former rules", 30, BEFORE)


def test_the_way_back_is_laid_before_anything_else(stock, runner, tmp_path):
    begin(stock)
    (line,) = runner.ran
    assert line.startswith("systemd-run ") and " --on-active=30 " in line
    assert line.endswith(f"/usr/sbin/nft -f {tmp_path}/run/steady-firewall/former.nft && rm -f {tmp_path}/run/steady-firewall/session.json")
    assert (tmp_path / "run/steady-firewall/former.nft").read_text() == "former rules"


def test_a_new_connection_ends_the_trial(stock, runner):
    begin(stock)
    assert stock.end_trial(AFTER) == "new rules"
    assert runner.ran[1] == "systemctl stop steady-firewall-revert.timer"


def test_the_connection_from_before_proves_nothing(stock, runner):
    begin(stock)
    with pytest.raises(PreflightError, match="can only be confirmed over a new connection"):
        stock.end_trial(BEFORE)
    assert len(runner.ran) == 1, "the way back stays"


def test_a_trial_that_is_over_is_told(stock, tmp_path):
    begin(stock)
    (tmp_path / "run/steady-firewall/session.json").unlink()
    with pytest.raises(PreflightError, match="were taken back, because no new connection came through in time"):
        stock.end_trial(AFTER)


def test_a_way_back_that_is_taken_in_that_moment_is_told(stock, runner, tmp_path):
    begin(stock)
    runner.on = lambda line: (tmp_path / "run/steady-firewall/session.json").unlink(missing_ok=True) if "stop" in line else None
    with pytest.raises(PreflightError, match="taken back just before"):
        stock.end_trial(AFTER)


def test_a_trial_that_nobody_waits_for_is_taken_back(stock, runner, tmp_path):
    begin(stock)
    stock.take_back()
    assert runner.ran[-1] == f"/usr/sbin/nft -f {tmp_path}/run/steady-firewall/former.nft"


def test_what_is_kept_is_loaded_at_boot_and_goes_without_a_trace(stock, runner, tmp_path):
    stock.keep("rules")
    assert stock.kept() == "rules"
    assert [line for line in runner.ran if "enable" in line] == ["systemctl --quiet enable steady-firewall.service"]
    (tmp_path / "etc/systemd/system/sysinit.target.wants/steady-firewall.service").symlink_to("x")
    assert stock.booted() and stock.traces()
    runner.ran.clear()
    stock.keep("rules")
    assert runner.ran == ["systemctl --quiet start steady-firewall.service"]
    stock.drop()
    assert not stock.traces()
    assert not (tmp_path / "etc/steady").exists() and not (tmp_path / "etc/systemd/system/nftables.service.d").exists()


def test_files_of_others_stay(stock, tmp_path):
    stock.keep("rules")
    (tmp_path / "etc/steady/tls").mkdir()
    stock.drop()
    assert (tmp_path / "etc/steady/tls").exists()


class InForce:
    """An nft whose rules in force are those that are meant."""

    there = staticmethod(lambda: True)
    live = staticmethod(lambda: "rules")
    meant = staticmethod(lambda text: text)


@pytest.mark.parametrize(("rc", "met"), [(0, True), (3, False)])
def test_a_unit_that_was_stopped_is_started_again(stock, runner, tmp_path, rc, met):
    stock.keep("rules")
    (tmp_path / "etc/systemd/system/sysinit.target.wants/steady-firewall.service").symlink_to("x")
    runner.rc = rc
    seen = firewall._present(InForce(), stock, "rules", 30, None, True, SystemClock())
    assert (seen["in_force"], seen["changed"]) == (met, not met)
    assert runner.ran[-1] == "systemctl --quiet is-active steady-firewall.service"
    runner.ran.clear()
    runner.on = lambda line: setattr(runner, "rc", 0 if " start " in line else rc)
    done = firewall._present(InForce(), stock, "rules", 30, None, False, SystemClock())
    assert (done["changed"], done["pending"]) == (not met, False)
    assert ("systemctl --quiet start steady-firewall.service" in runner.ran) is not met
