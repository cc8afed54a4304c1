"""Which of its services the role host_base starts: its own variables, rendered by Ansible."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROLE = Path(__file__).resolve().parents[3] / "roles/host_base"
TIME, DAILY, UPGRADE = "systemd-timesyncd.service", "apt-daily.timer", "apt-daily-upgrade.timer"


def idle(said):
    loader = DataLoader()
    variables = {
        **loader.load_from_file(str(ROLE / "defaults/main.yml")),
        **loader.load_from_file(str(ROLE / "vars/main.yml"), trusted_as_template=True),
        "__host_base_looked": {"stdout_lines": said},
    }
    return Templar(loader=loader, variables=variables).template(variables["__host_base_units_idle"])


@pytest.mark.parametrize(
    ("missing", "wanted"),
    [
        ([], []),
        ([f"active {TIME}"], [TIME]),
        ([f"enabled {TIME}"], [TIME]),
        ([f"active {DAILY}", f"enabled {UPGRADE}"], [UPGRADE, DAILY]),
    ],
)
def test_what_rests_is_started(missing, wanted):
    lines = [f"{word} {unit}" for unit in (TIME, DAILY, UPGRADE) for word in ("enabled", "active")]
    assert sorted(idle([line for line in lines if line not in missing])) == sorted(wanted)


def test_the_daemon_of_somebody_else_is_left_alone():
    assert idle(["package chrony", f"enabled {DAILY}", f"active {DAILY}", f"enabled {UPGRADE}", f"active {UPGRADE}"]) == []


# What systemctl says of a unit: whether it runs, whether its own conditions let it start, and when they were last asked.
@pytest.mark.parametrize(
    ("said", "active"),
    [
        ("ActiveState=active ConditionResult=yes ConditionTimestampMonotonic=7", True),
        ("ActiveState=inactive ConditionResult=yes ConditionTimestampMonotonic=7", False),
        # The time's daemon in a container.
        ("ActiveState=inactive ConditionResult=no ConditionTimestampMonotonic=7", True),
        # Nobody has tried to start it.
        ("ActiveState=inactive ConditionResult=no ConditionTimestampMonotonic=0", False),
    ],
)
def test_a_unit_that_can_not_start_does_not_rest(tmp_path, said, active):
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\n[ \"$1\" = show ] && printf '%s\\n' {said}\n")
    program.chmod(0o755)
    loader = DataLoader()
    look = loader.load_from_file(str(ROLE / "vars/main.yml"))["__host_base_look"]
    loop = "for unit in " + look.partition("for unit in ")[2].partition("done\n")[0] + "done"
    done = subprocess.run(["sh", "-c", loop], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [f"active {unit}" for unit in (TIME, DAILY, UPGRADE) if active]
