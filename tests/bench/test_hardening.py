# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Lynis, an independent auditor, says of a host before and after playbooks/provision.yml. Writes docs/hardening.md."""

from __future__ import annotations

import re
import subprocess
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass

import hotel
import pytest

AIM = 80
PAGE = hotel.ROOT / "docs/hardening.md"
REPORT = "/var/log/lynis-report.dat"
AUDIT = f"rm -f {REPORT}; lynis audit system --cronjob --no-colors >/dev/null 2>&1; cat {REPORT}"
# A profile that leaves out the kernel parameters which are not the container's own: a role can't set them there.
OWN = r"""
sed -n 's/^config-data=sysctl;\([^;]*\);.*/\1/p' /etc/lynis/default.prf | grep -v '^net[.]ipv[46][.]' |
    sed 's/^/skip-test=KRNL-6000:/' >/etc/lynis/custom.prf
"""

# Why what Lynis still asks for is not done, by the test's id, or by id and a word of what it says.
LAB = "The lab's host is a container: "
REASONS = {
    "LYNIS": "The distribution's package of Lynis is older than four months. It says nothing of the host.",
    "BOOT-5122": LAB + "it has no boot loader.",
    "BOOT-5180": LAB + "its runlevel is not seen.",
    "BOOT-5264": "The units come with the packages, which upgrade them. Docker and SSH need most rights of root by their nature.",
    "KRNL-5788": LAB + "it has no kernel of its own.",
    "KRNL-6000": LAB
    + "kernel.*, fs.* and net.core.* are the machine's, and are left alone there. On a host with its own kernel they are set, but for "
    "kernel.modules_disabled (Docker and nftables load modules), forwarding (containers need it), rp_filter (2 instead of 1, since "
    "containers' ways differ).",
    "AUTH-9230": "Rounds for hashes of passwords. Nobody has a password.",
    "AUTH-9282": "Expiry of accounts. A deploy user that expires is an outage.",
    "AUTH-9284": "Accounts without a password are locked on purpose: they log in by key.",
    "AUTH-9286": "Age of passwords. Nobody has a password.",
    "AUTH-9328": "Login shells have umask 027 by /etc/profile.d. /etc/login.defs belongs to the distribution.",
    "DEB-0280": "libpam-tmpdir moves TMPDIR of sudo's sessions below folders that only root may enter, which breaks become_user.",
    "DEB-0810": "apt-listbugs asks questions, which an upgrade without a person can't answer.",
    "DEB-0880": "fail2ban counts failed passwords, and passwords are not asked for. sshd 9.8 and later slows such sources down itself.",
    "FILE-6310": "Partitions are decided when a machine is installed.",
    "FILE-6344": "hidepid hides processes from systemd's own services and from monitoring.",
    "FILE-7524": "Permissions of files that packages own (cron's folders, for instance) would be put back by their upgrades.",
    "FIRE-4513": "Which rules are unused changes with what runs: Docker and the role firewall own them.",
    "FIRE-4512": "The rules are nftables'.",
    "HTTP-6710": "Lynis looks at a few directives by name. testssl.sh judges what is served.",
    "HTTP-6712": "The vhosts that refuse unknown hosts, and the one with the metrics, log no access.",
    "PHP-2376": "Apps fetch URLs by PHP, and some break without.",
    "NAME-4028": LAB + "it has no domain name.",
    "NAME-4404": "/etc/hosts is the machine's or the provider's.",
    "NETW-2705": LAB + "it has one name server, Docker's.",
    "NETW-3200": "Lynis looks whether modules are there, not whether they may be loaded: /etc/modprobe.d denies them.",
    "PKGS-7346": "Removed packages' settings, which somebody may want to look at.",
    "PKGS-7394": "apt-show-versions is for a person to read.",
    "PKGS-7392": "Upgrades that were published since the last night. The next one brings them.",
    "SSH-7408 AllowTcpForwarding": "Local tunnels let operators reach ports that are private to the host. Remote ones are refused.",
    "SSH-7408 MaxAuthTries": "An agent with four keys would be shut out at three.",
    "SSH-7408 MaxSessions": "Ansible and operators share one connection for many sessions.",
    "SSH-7408 Port": "Another port hides nothing from who looks, and breaks who expects 22.",
    "SSH-7440": "Everybody who has a key on the host may log in, until host_base_ssh_allow_users or -groups says who.",
    "LOGG-2154": "Where logs are sent to is each operator's own choice.",
    "LOGG-2190": "Files that were deleted while in use: by upgrades, until the next restart.",
    "ACCT-9622": "Process accounting writes a record for each process of each container.",
    "ACCT-9626": "Measurements are the monitoring's matter, not sysstat's.",
    "ACCT-9628": "auditd without rules that somebody wrote for the host records nothing of use.",
    "FINT-4350": "A file integrity tool needs a database that is kept elsewhere, and somebody who reads its reports.",
    "TOOL-5002": "Lynis does not know tools that leave no agent on the host.",
    "TOOL-5190": "See fail2ban.",
    "USB-1000": "Lynis looks for one spelling. /etc/modprobe.d denies usb-storage.",
    "USB-3000": "USBGuard is for machines people stand in front of.",
    "HRDN-7230": "A malware scanner does not pay on a host that runs signed packages and pinned images.",
    "MACF-6208": LAB + "AppArmor is the machine's.",
    "CONT-8104": "Docker warns of what this kernel can't limit.",
}


@dataclass(frozen=True)
class Audit:
    """One report: Lynis' version, the index, that without the machine's kernel parameters, findings as (kind, id, text, detail)."""

    version: str
    index: int
    own: int
    tests: int
    findings: tuple[tuple[str, str, str, str], ...]


def audit(host: hotel.Host) -> Audit:
    """Run Lynis on the host, with and without what is not its own, and read its reports."""
    report = host.run(AUDIT)
    values = _values(report)
    own = _values(host.run(f"{OWN}{AUDIT}; rm /etc/lynis/custom.prf"))
    found = re.findall(r"^(warning|suggestion)\[\]=([^|]*)\|([^|]*)\|([^|]*)\|", report, flags=re.M)
    indexes = int(values["hardening_index"]), int(own["hardening_index"])
    return Audit(values["lynis_version"], *indexes, int(values["lynis_tests_done"]), tuple(found))


def _values(report: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in report.splitlines() if "=" in line and "[]=" not in line)


def why(finding: tuple[str, str, str, str]) -> str:
    """The reason for a finding that stays, or nothing."""
    _kind, test, text, detail = finding
    words = {name.partition(" ")[2]: reason for name, reason in REASONS.items() if name.startswith(f"{test} ")}
    for word, reason in words.items():
        if word in f"{text} {detail}":
            return reason
    return REASONS.get(test, "")


@pytest.fixture(scope="module")
def host() -> Iterator[hotel.Host]:
    managed = hotel.Host("steady-hardening", 2206, 8086)
    try:
        managed.up()
        yield managed
    finally:
        subprocess.run([str(hotel.ROOT / "lab/down.sh"), managed.name], check=True)


@pytest.fixture(scope="module")
def audits(host: hotel.Host) -> tuple[Audit, Audit]:
    host.run("apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends lynis")
    before = audit(host)
    played = host.play("playbooks/provision.yml", demo_certificates="self_signed", host_base_ssh_allow_groups=["ops"])
    assert played.ok, played.output[-4000:]
    # What the nightly timer does.
    host.run("apt-get update -qq && unattended-upgrade")
    after = audit(host)
    write(before, after)
    return before, after


def write(before: Audit, after: Audit) -> None:
    """The page, from one measurement."""
    gone = sorted({found[1] for found in before.findings} - {found[1] for found in after.findings})
    rows: dict[str, None] = {}
    for found in after.findings:
        said = " ".join(part for part in found[2:] if part not in ("", "-")).replace("|", "\\|")
        rows[f"| {found[1]} | {said} | {why(found)} |"] = None
    text = [
        "# Hardening, by an independent auditor",
        "",
        f"[Lynis](https://cisofy.com/lynis/) {before.version} on a Debian 13 host of the lab, bare and after `playbooks/provision.yml`",
        "(written by `make bench`). Its index weighs the tests that apply to the host; a host that needs nothing Lynis knows of has 100.",
        "",
        "| | hardening index | of what is the host's own | tests | warnings | suggestions |",
        "| --- | --- | --- | --- | --- | --- |",
        _row("bare host", before),
        _row("after `playbooks/provision.yml`", after),
        "",
        "The second number leaves out the kernel parameters that belong to the machine the lab's containers run on (`kernel.*`, `fs.*`,",
        "`dev.*`, `net.core.*`). The role `host_base` sets these on a host with a kernel of its own, never from inside a container. The",
        "aim of 80 is asserted for the second number.",
        "",
        f"Findings that are gone: {', '.join(gone)}.",
        "",
        "## What Lynis still asks for, and why it is not done",
        "",
        "| test | what Lynis says | why |",
        "| --- | --- | --- |",
        *rows,
        "",
    ]
    PAGE.write_text("\n".join(text))


def _row(name: str, done: Audit) -> str:
    kinds = [found[0] for found in done.findings]
    return f"| {name} | {done.index} | {done.own} | {done.tests} | {kinds.count('warning')} | {kinds.count('suggestion')} |"


Both = tuple[Audit, Audit]


def test_the_index_is_high_enough(audits: Both) -> None:
    before, after = audits
    assert before.own < AIM <= after.own, audits


def test_each_finding_that_stays_has_a_reason(audits: Both) -> None:
    left: list[t.Any] = [found for found in audits[1].findings if not why(found)]
    assert not left
