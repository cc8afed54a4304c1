"""What the role has made, and what the host does with it by itself."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import textwrap
import time
from pathlib import Path

import pytest
from load import Config, Load, Shape

PEMS = "/etc/steady/tls"
MEMORY = "/var/lib/steady-tls/memory.json"


@pytest.fixture(scope="module")
def lab(host):
    """The scenario's variables."""
    return host.ansible.get_variables()


@pytest.fixture(scope="module")
def shop(lab):
    return f"shop.{lab['tls_lab_domain']}"


@pytest.fixture(autouse=True)
def as_root(host):
    with host.sudo():
        yield


def served(lab, name):
    """The certificate (DER) that Nginx serves for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", lab["molecule_https_port"]), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.getpeercert(binary_form=True)


def stored(host, name="shop"):
    """The certificate (DER) that lies there."""
    text = host.file(f"{PEMS}/{name}/fullchain.pem").content_string
    return ssl.PEM_cert_to_DER_cert(text[: text.index("-----END") + len("-----END CERTIFICATE-----")] + "\n")


def metric(host, what, name="shop"):
    text = host.file("/var/lib/prometheus/node-exporter/steady_tls.prom").content_string
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f'steady_tls_{what}{{name="{name}"'))


def serial(host, name="shop"):
    return host.check_output(f"openssl x509 -noout -serial -in {PEMS}/{name}/fullchain.pem").partition("=")[2]


def revoked(host, number):
    """What the CA says of a certificate."""
    code = f"""
        import ssl, urllib.request
        context = ssl._create_unverified_context()
        print(urllib.request.urlopen("https://acme.lab:15000/cert-status-by-serial/{number}", context=context).read().decode())
    """
    return '"Revoked"' in host.check_output("python3 -c %s", textwrap.dedent(code))


def due_now(host):
    """Let the certificate be due, as if the CA had said so lately."""
    memory = json.loads(host.file(MEMORY).content_string)
    memory["shop"]["window_of"] = serial(host)
    memory["shop"]["window"] = {"start": 0, "end": 1, "ask_again": time.time() + 3600}
    text = base64.b64encode(json.dumps(memory).encode()).decode()
    host.check_output(f"echo {text} | base64 -d > {MEMORY}")


def journal(host):
    return host.check_output("journalctl -u steady-tls.service --no-pager -o cat")


def test_files(host):
    for name in ("shop", "inside"):
        assert host.file(f"{PEMS}/{name}/fullchain.pem").mode == 0o644
        key = host.file(f"{PEMS}/{name}/privkey.pem")
        assert (key.mode, key.user, key.group) == (0o600, "root", "root")
    assert host.file("/etc/steady/tls.json").mode == 0o600
    assert host.file("/var/lib/steady-tls").mode == 0o700
    assert host.file("/var/lib/steady-acme").mode == 0o755


def test_certificate_of_the_ca_is_served(host, lab, shop):
    for name in (shop, f"www.{lab['tls_lab_domain']}"):
        assert served(lab, name) == stored(host)
    text = host.check_output(f"openssl x509 -noout -issuer -text -in {PEMS}/shop/fullchain.pem")
    assert "Pebble" in text.splitlines()[0]
    assert "id-ecPublicKey" in text
    assert served(lab, "inside") == stored(host, "inside")
    assert metric(host, "temporary") == 0 and metric(host, "failed") == 0
    assert 80 < (metric(host, "expiry_timestamp_seconds") - time.time()) / 86400 < 91


def test_the_host_renews_by_itself(host):
    timer = host.service("steady-tls.timer")
    assert timer.is_enabled and timer.is_running
    assert "Persistent=yes" in host.check_output("systemctl show steady-tls.timer -p Persistent")
    # The program needs nothing of Ansible's.
    assert "/usr/local/lib/steady" in host.file("/usr/local/sbin/steady-tls").content_string
    assert not host.file("/etc/letsencrypt/renewal").exists or not host.file("/etc/letsencrypt/renewal").listdir()


def test_nothing_is_due(host):
    before = serial(host)
    host.check_output("systemctl start steady-tls.service")
    assert "shop: nothing to do" in journal(host)
    assert serial(host) == before
    # The CA was asked when it wants the certificate renewed.
    assert json.loads(host.file(MEMORY).content_string)["shop"]["window"]["start"] > time.time()


def test_renewed_under_load_without_a_failed_request(host, lab, shop):
    old = served(lab, shop)
    url = f"https://127.0.0.1:{lab['molecule_https_port']}/"
    due_now(host)
    with Load(Config(url=url, host=shop, rate=100, seconds=60, shapes=(Shape("page"),))) as load:
        time.sleep(1)
        host.check_output("systemctl start steady-tls.service")
        assert served(lab, shop) == stored(host) != old
        time.sleep(1)
        result = load.stop()
    assert result.requests > 200
    # An Nginx before 1.27.4 closes idle connections at a reload, whatever the reason for it.
    version = tuple(int(part) for part in host.run("nginx -v").stderr.rpartition("/")[2].split()[0].split("."))
    unavoidable = {"keepalive_reset"} if version < (1, 27, 4) else set()
    assert {failure.kind for failure in result.failures} <= unavoidable, result.failures
    assert "the CA asked for that" in journal(host)


def test_revoke(host, lab, shop):
    old = serial(host)
    assert "a new certificate is served" in host.check_output("steady-tls revoke shop")
    assert serial(host) != old and served(lab, shop) == stored(host)
    assert revoked(host, old) and not revoked(host, serial(host))


def test_the_ca_asks_for_a_new_one(host, lab, shop):
    """A CA that has revoked a certificate wants it replaced at once, and says so in its renewal information."""
    old = serial(host)
    text = base64.b64encode(Path(lab["molecule_root"], ".lab/acme/ca.pem").read_bytes()).decode()
    host.check_output(f"echo {text} | base64 -d > /tmp/lab-ca.pem")
    host.check_output(
        "REQUESTS_CA_BUNDLE=%s certbot revoke -n --no-delete-after-revoke --server https://acme.lab:14000/dir --cert-path %s --key-path %s "
        "--config-dir /tmp/revoke --work-dir /tmp/revoke --logs-dir /tmp/revoke",
        "/tmp/lab-ca.pem",
        f"{PEMS}/shop/fullchain.pem",
        f"{PEMS}/shop/privkey.pem",
    )
    host.check_output(f"rm {MEMORY}")
    host.check_output("systemctl start steady-tls.service")
    assert serial(host) != old and served(lab, shop) == stored(host)


def test_ca_down(host, lab, shop):
    before = serial(host)
    # What the host sees of a CA that is down.
    host.check_output("cp /etc/hosts /etc/hosts.before && echo 127.0.0.1 acme.lab >> /etc/hosts")
    try:
        due_now(host)
        assert host.run("systemctl start steady-tls.service").rc != 0
        assert "certificate 'shop': the CA at https://acme.lab:14000/dir does not answer: Connection refused" in journal(host)
        assert metric(host, "failed") == 1 and metric(host, "failed", "inside") == 0
        assert serial(host) == before and served(lab, shop) == stored(host)
        assert "failed: certificate 'shop': the CA at" in host.check_output("steady-tls status")
    finally:
        host.check_output("cat /etc/hosts.before > /etc/hosts")
    host.check_output("systemctl start steady-tls.service")
    assert metric(host, "failed") == 0 and serial(host) != before and served(lab, shop) == stored(host)


def test_nginx_broken_by_somebody(host, lab, shop):
    before = serial(host)
    host.check_output("echo 'nonsense;' > /etc/nginx/conf.d/zz-broken.conf")
    try:
        failed = host.run("steady-tls renew --force shop")
        assert failed.rc == 1
        assert 'Nginx refuses its configuration: unknown directive "nonsense"' in failed.stderr
        assert "nothing was ordered" in failed.stderr
        assert serial(host) == before and served(lab, shop) == stored(host)
    finally:
        host.check_output("rm /etc/nginx/conf.d/zz-broken.conf")


def test_nginx_that_missed_a_reload(host, lab, shop):
    """As after a kill between the swap and the reload."""
    folder = host.check_output(f"readlink {PEMS}/shop")
    older = host.check_output(f"ls -d {PEMS}/.pairs/shop/* | grep -v {folder.rpartition('/')[2]} | head -n 1")
    host.check_output(f"ln -sfn .pairs/shop/{older.rpartition('/')[2]} {PEMS}/shop")
    assert served(lab, shop) != stored(host)
    host.check_output("steady-tls renew")
    assert served(lab, shop) == stored(host)


def test_two_runs_at_once(host, lab, shop):
    """The timer and Ansible, for instance: one waits for the other."""
    done = host.run("steady-tls renew --force shop & steady-tls renew --force shop; wait $!")
    assert done.rc == 0 and done.stdout.count("shop: a new certificate is in place") == 2
    assert served(lab, shop) == stored(host)


def test_bad_command(host):
    failed = host.run("steady-tls renew --force nobody")
    assert failed.rc == 1 and failed.stderr == "steady-tls: there is no certificate 'nobody' here, but: shop, inside\n"
