"""What an independent judge says of the edge's TLS: testssl.sh, by the ids of its JSON.

Its exit code is 1 for things nobody should change, and it has given an A+ to a server that it could not talk TLS 1.2 with, so the
findings are looked at one by one. With STEADY_FULL=1 both profiles are judged, and docs/tls.md is written.
"""

from __future__ import annotations

import functools
import json
import subprocess
import typing as t

import pytest
from full import FULL
from hotel import ROOT, Host, one_at_a_time

IMAGE = "steady-lab-testssl"
PAGE = ROOT / "docs/tls.md"
# Id, and how its finding begins. None: there is no such id, since the protocol it belongs to is not offered.
ALIKE = {
    "SSLv2": "not offered",
    "SSLv3": "not offered",
    "TLS1": "not offered",
    "TLS1_1": "not offered",
    "TLS1_3": "offered",
    "ALPN_HTTP2": "h2",
    "cert_trust": "Ok via SAN",
    "cert_chain_of_trust": "passed",
    "cert_keySize": "EC 256 bits",
    "HSTS_time": "730 days",
    "HSTS_subdomains": "",
    "FS": "offered",
    "secure_renego": "",
    "heartbleed": "not vulnerable",
    "CCS": "not vulnerable",
    "ROBOT": "not vulnerable",
    "CRIME_TLS": "not vulnerable",
    "LUCKY13": "not vulnerable",
    "overall_grade": "A+",
}
PROFILES: dict[str, tuple[str, dict[str, str]]] = {
    "intermediate": ("hotel.test", {**ALIKE, "TLS1_2": "offered"}),
    "modern": ("desk.test", {**ALIKE, "TLS1_2": "not offered"}),
}
BAD = ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")
# What it minds and we do not: nobody can revoke a certificate that signed itself; without CBC and 3DES any order of ciphers is good;
# pages are compressed (BREACH), since an app that sends a secret beside what a stranger chose must mask the secret itself.
MINDED = {"cert_revocation", "cert_expirationStatus", "cert_notAfter", "cipher_order", "cipher_order-tls1_2", "security_headers", "BREACH"}


@functools.cache
def image() -> str:
    """The judge."""
    with one_at_a_time():
        argv = ["docker", "build", "--quiet", "--label", "steady.lab=1", "--tag", IMAGE, str(ROOT / "lab/testssl")]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return IMAGE


def judged(host: Host, name: str) -> list[dict[str, t.Any]]:
    """All findings for one name of the host, whose certificate is trusted because we say so."""
    certificate = host.run("cat /etc/steady/tls/hotel/fullchain.pem")
    shell = "cat >/tmp/ca.pem && testssl --quiet --color 0 --warnings off --nodns none --add-ca /tmp/ca.pem "
    shell += f"--ip {host.address} --jsonfile /tmp/out.json {name}:443 >/tmp/told 2>&1; cat /tmp/out.json || cat /tmp/told >&2"
    argv = ["docker", "run", "--rm", "-i", "--network", "steady-lab", "--entrypoint", "sh", image(), "-c", shell]
    done = subprocess.run(argv, input=certificate, capture_output=True, text=True, timeout=400, check=False)
    assert done.stdout.startswith("["), done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("profile", PROFILES if FULL else ["intermediate"])
def test_grade(host: Host, profile: str) -> None:
    name, wanted = PROFILES[profile]
    findings = judged(host, name)
    found = {one["id"]: one["finding"] for one in findings}
    wrong = {key: found.get(key) for key, begin in wanted.items() if not found.get(key, "\0").startswith(begin)}
    assert not wrong, wrong
    assert len(findings) > 100, "the judge has looked at next to nothing"
    minded = [(one["id"], one["severity"], one["finding"]) for one in findings if one["severity"] in BAD and one["id"] not in MINDED]
    assert not minded, minded
    if FULL:
        write(profile, wanted, found)


def write(profile: str, wanted: dict[str, str], found: dict[str, str]) -> None:
    """Put a profile's column into the page."""
    kept = ROOT / ".lab/tls-judge.json"
    with one_at_a_time():
        columns = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
        columns[profile] = {key: found[key] for key in wanted}
        kept.write_text(json.dumps(columns), encoding="utf-8")
    if set(columns) == set(PROFILES):
        rows = [f"| {key} | " + " | ".join(columns[name].get(key, "") for name in PROFILES) + " |" for key in wanted]
        PAGE.write_text(TEXT.format(head=" | ".join(PROFILES), rows="\n".join(rows)), encoding="utf-8")


TEXT = """\
# The edge's TLS, judged

Written by `STEADY_FULL=1 make e2e ARGS='-k tls_judge'`: testssl.sh asks a host of the lab, a vhost of each profile. The tests hold
each of these findings, and that there is none of severity LOW or worse but for what a self-signed certificate can't have.

| finding | {head} |
| --- | --- | --- |
{rows}
"""
