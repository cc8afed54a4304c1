"""The certificate of a service that speaks TLS itself: what is said of it, and how it gets there. With the real openssl."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[3] / "roles/service_certificate"


def pair(folder, name, days="30"):
    """A certificate and its key, as two paths."""
    paths = str(folder / f"{name}.pem"), str(folder / f"{name}.key")
    request = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-subj", "/CN=given"]
    asked = subprocess.run([*request, "-keyout", paths[1]], check=True, capture_output=True).stdout
    sign = ["openssl", "x509", "-req", "-days", days, "-signkey", paths[1], "-out", paths[0]]
    subprocess.run(sign, input=asked, check=True, capture_output=True)
    return paths


@pytest.fixture
def given(tmp_path):
    return pair(tmp_path, "given")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "steady/service"


def look(folder, certificate="", key="", path=None):
    script = (ROLE / "files/look.sh").read_text() + '\necho "$(certificate "$1" "$2" "$3")"'
    env = None if path is None else {"PATH": path}
    done = subprocess.run(
        ["/bin/sh", "-c", script, "look", certificate, key, str(folder)], env=env, check=True, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.stdout.strip()


def make(folder, certificate="", key="", owner=None):
    names = "DNS:shop,DNS:localhost,IP:127.0.0.1,IP:::1"
    argv = [
        "sh",
        "-c",
        (ROLE / "files/make.sh").read_text(),
        "make",
        certificate,
        key,
        str(folder),
        owner or getpass.getuser(),
        "shop",
        names,
    ]
    return subprocess.run(argv, check=False, capture_output=True, text=True)


def text(path):
    return Path(path).read_text(encoding="ascii")


def test_a_self_signed_one_is_made_once(folder):
    assert look(folder) == "stale"
    assert make(folder).returncode == 0
    assert look(folder) == "current"
    said = subprocess.run(
        ["openssl", "x509", "-in", str(folder / "fullchain.pem"), "-noout", "-ext", "subjectAltName"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "DNS:shop, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1" in said
    assert (folder / "privkey.pem").stat().st_mode & 0o777 == 0o600
    assert (folder / "fullchain.pem").stat().st_mode & 0o777 == 0o644


def test_files_are_taken_over_and_followed(folder, given, tmp_path):
    assert look(folder, *given) == "stale"
    assert make(folder, *given).returncode == 0
    assert look(folder, *given) == "current"
    assert [text(folder / "fullchain.pem"), text(folder / "privkey.pem")] == [text(path) for path in given]
    assert (folder / "privkey.pem").stat().st_mode & 0o777 == 0o600
    (folder / "privkey.pem").write_text("")
    assert look(folder, *given) == "stale"
    renewed = pair(tmp_path, "renewed")
    assert look(folder, *renewed) == "stale"


def test_one_kind_makes_way_for_the_other(folder, given):
    make(folder)
    assert look(folder, *given) == "stale"
    make(folder, *given)
    assert look(folder) == "stale"
    make(folder)
    assert look(folder) == "current"
    assert text(folder / "fullchain.pem") != text(given[0])


def test_what_is_wrong_has_a_word(folder, given, tmp_path):
    certificate, key = given
    assert look(folder, certificate, "/nowhere") == "nokey"
    assert look(folder, certificate, certificate) == "nokey"
    assert look(folder, "/nowhere", key) == "nocertificate"
    assert look(folder, key, key) == "nocertificate"
    assert look(folder, certificate, pair(tmp_path, "other")[1]) == "mismatch"
    assert look(folder, *pair(tmp_path, "old", days="-1")) == "expired"


def test_without_openssl_it_is_not_judged(folder, given):
    assert look(folder, *given, path="/nowhere") == "stale"


def test_what_fails_leaves_the_pair_before(folder, given):
    make(folder)
    before = [text(folder / name) for name in ("fullchain.pem", "privkey.pem")]
    assert make(folder, given[0], "/nowhere").returncode != 0
    assert make(folder, owner="nobody-knows").returncode != 0
    assert [text(folder / name) for name in ("fullchain.pem", "privkey.pem")] == before


def test_objections_are_sentences_about_the_callers_variables():
    def objections(said, certificate="/c.pem", key="/k.pem"):
        known = {"inventory_hostname": "web1", "of": "redis", "certificate": certificate, "key": key, "said": said}
        template = trust_as_template((ROLE / "templates/objections.j2").read_text())
        # A text of nothing but line breaks comes as None.
        return (Templar(loader=DataLoader(), variables=known).template(template) or "").strip()

    assert objections("current") == objections("stale") == ""
    assert objections("stale", key="") == "redis_tls_certificate and redis_tls_key on web1 go together: set both or none."
    assert objections("nokey") == "redis_tls_key on web1: /k.pem is no private key that can be read."
    assert objections("nocertificate") == "redis_tls_certificate on web1: /c.pem is no certificate that can be read."
    assert objections("mismatch") == "redis_tls_key on web1: /k.pem is not the key of /c.pem."
    assert objections("expired") == "redis_tls_certificate on web1: /c.pem has expired."
