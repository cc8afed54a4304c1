"""What Nginx has in its configuration, and what it serves."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest
from unit.tls.fakes import FakeClock

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.nginx import Nginx, TlsAsk, uses
from ansible_collections.steady.deploy.plugins.module_utils.tls.spec import Certificate

PATH = "/etc/steady/tls/shop"


@pytest.mark.parametrize(
    "line, used",
    [
        ("    ssl_certificate /etc/steady/tls/shop/fullchain.pem;", True),
        ('server { ssl_certificate "/etc/steady/tls/shop/fullchain.pem"; }', True),
        ("\tssl_certificate\t/etc/steady/tls/shop/fullchain.pem;", True),
        ("    # ssl_certificate /etc/steady/tls/shop/fullchain.pem;", False),
        ("    ssl_certificate /etc/steady/tls/shop2/fullchain.pem;", False),
        ("    ssl_certificate_key /etc/steady/tls/shop/privkey.pem;", False),
        ("    ssl_certificate /etc/steady/tlsxshop/fullchain.pem;", False),
        ("", False),
    ],
)
def test_uses(line, used):
    assert uses(f"http {{\n{line}\n}}", PATH) is used


class Says:
    """A runner that always says the same."""

    def __init__(self, rc, out="", err=""):
        self.done = Completed(("nginx",), rc, out, err)

    def run(self, argv, **dummy):
        return self.done


@pytest.mark.parametrize(
    "err, sentence",
    [
        (
            'nginx: [warn] 7#7: old\nnginx: [emerg] 7#7: unknown directive "x" in /etc/nginx/a:1\nnginx: test failed\n',
            'configuration: unknown directive "x" in',
        ),
        ('nginx: [emerg] cannot load certificate "c"\n', 'configuration: cannot load certificate "c"'),
        ("", "configuration: exit code 1"),
    ],
)
def test_refused(err, sentence):
    with pytest.raises(CertificateError) as refused:
        Nginx(Says(1, "", err), TlsAsk(), FakeClock()).test()
    assert sentence in refused.value.message


class Memory:
    """Serves from a mapping."""

    def __init__(self, served):
        self.by_name = served

    def served(self, address, name):
        return self.by_name.get(name)


@pytest.mark.parametrize(
    "names, served, why",
    [
        (["a.test", "b.test"], {"a.test": "new", "b.test": "new"}, ""),
        # Another vhost has one of the names, with a certificate of its own.
        (["a.test", "b.test"], {"a.test": "new", "b.test": "else"}, ""),
        (["a.test", "b.test"], {"a.test": "new"}, ""),
        (["a.test", "b.test"], {"a.test": "new", "b.test": "old"}, "still serves the old certificate for b.test"),
        (["a.test"], {"a.test": "else"}, "does not serve the certificate for a.test at 127.0.0.1:443"),
        (["a.test"], {}, "does not serve the certificate"),
        (["*.a.test"], {}, ""),
        (["*.a.test"], {"any.a.test": "old"}, "still serves the old certificate"),
    ],
)
def test_stale(pki, names, served, why):
    texts = {"new": pki.make("new", ["a.test"])[0], "old": pki.root, "else": pki.other}
    memory = Memory({name: ssl.PEM_cert_to_DER_cert(texts[which]) for name, which in served.items()})
    found = Nginx(Says(0), memory, FakeClock()).stale(Certificate("shop", tuple(names)), texts["new"], texts["old"])
    assert found == why if not why else why in found


def test_asked_over_a_real_handshake(pki):
    chain, dummy = pki.make("real", ["real.test"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.folder / "real.pem", pki.folder / "real.key")

    def serve(listening):
        # One good handshake, then one that ends before it begins.
        with listening.accept()[0] as plain, context.wrap_socket(plain, server_side=True):
            pass
        with listening.accept()[0] as plain:
            plain.recv(100)
            plain.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        assert TlsAsk().served(address, "real.test") == ssl.PEM_cert_to_DER_cert(chain)
        assert TlsAsk().served(address, "real.test") is None
        thread.join(5)
    with pytest.raises(CertificateError, match="does not answer"):
        TlsAsk().served(address, "real.test")
