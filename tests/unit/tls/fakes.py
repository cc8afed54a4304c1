"""A CA made with openssl, and a host around it: its Nginx, its certbot and its clock are the tests' own."""

from __future__ import annotations

import io
import os
import ssl
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed, SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.tls import program
from ansible_collections.steady.deploy.plugins.module_utils.tls.apply import apply
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.force import Force
from ansible_collections.steady.deploy.plugins.module_utils.tls.host import Paths, real_tools
from ansible_collections.steady.deploy.plugins.module_utils.tls.nginx import Nginx
from ansible_collections.steady.deploy.plugins.module_utils.tls.store import Store

DAY = 24 * 3600
DIRECTORY = "https://ca.test/dir"


def openssl(*args, stdin=None):
    """What openssl prints. Fails the test where it fails."""
    done = subprocess.run(["openssl", *args], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Pki:
    """A root, an intermediate CA, and certificates of it. Files are `<name>.pem` and `<name>.key`."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name, issuer in (("root", None), ("middle", "root"), ("other", None)):
            self.make(name, [], issuer, 3650, "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
        self.root, self.middle, self.other = (self.text(f"{name}.pem") for name in ("root", "middle", "other"))

    def text(self, file):
        return (self.folder / file).read_text()

    def make(self, name, names, issuer="middle", days=90, extensions=""):
        """Write a certificate and its key. Returns both texts, the certificate without its chain."""
        path = self.folder / name
        key = path.with_suffix(".key")
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key))
        request = openssl("req", "-new", "-key", str(key), "-subj", f"/CN={name}")
        self.sign(name, request, names, issuer, days, extensions, key)
        return self.text(f"{name}.pem"), self.text(f"{name}.key")

    def sign(self, name, request, names, issuer="middle", days=90, extensions="", key=None):
        """Write a certificate for a request. Returns its text."""
        settings = self.folder / f"{name}.ext"
        alternatives = f"subjectAltName={','.join(f'DNS:{one}' for one in names)}\n" if names else ""
        settings.write_text(f"{extensions}{alternatives}authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        args = ["x509", "-req", "-extfile", str(settings), "-out", str(self.folder / f"{name}.pem")]
        if issuer:
            args += ["-CA", str(self.folder / f"{issuer}.pem"), "-CAkey", str(self.folder / f"{issuer}.key"), "-CAcreateserial"]
        else:
            args += ["-signkey", str(key)]
        openssl(*args, "-days", str(days), stdin=request)
        return self.text(f"{name}.pem")


class FakeClock:
    """Starts when all that a test makes has begun, and stands still but for sleep."""

    def __init__(self):
        self.time = time.time() + 600

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


class World:
    """A host below a folder. ``memory`` is what its Nginx has in memory, by host name."""

    def __init__(self, folder: Path, pki: Pki):
        self.pki, self.paths = pki, Paths(str(folder))
        self.clock = FakeClock()
        self.calls: list[list[str]] = []
        self.settings: list[str] = []
        self.running = True
        self.vhosts: dict[str, list[str]] = {}
        self.memory: dict[str, bytes] = {}
        self.broken_with: set[str] = set()
        self.deaf = False
        self.reload_fails = False
        self.certbot_says: Completed | None = None
        self.issued = 0
        self.documents: dict[str, object] = {DIRECTORY: {"newOrder": "https://ca.test/order", "renewalInfo": "https://ca.test/ari"}}
        self.headers: dict[str, str] = {}
        self.down = False
        self.asked: list[str] = []
        self.pages_of: dict[str, str] = {}
        self._real = SubprocessRunner(os.environ)
        store = Store(self.paths.pairs)
        self.tools = replace(
            real_tools(self.paths, self),
            store=store,
            force=Force(store, Nginx(self, self, self.clock)),
            fetch=self,
            web=self,
            clock=self.clock,
        )

    # --- Runner
    def run(self, argv, *, stdin=None, timeout=None, env=None, cwd=None):
        argv = list(argv)
        if argv[0] == "openssl":
            return self._real.run(argv, stdin=stdin, timeout=timeout, env=env, cwd=cwd)
        self.calls.append(argv)
        return getattr(self, f"_{argv[0]}")(argv)

    def _done(self, argv, rc=0, out="", err=""):
        return Completed(tuple(argv), rc, out, err)

    def _systemctl(self, argv):
        if "is-active" in argv:
            return self._done(argv, 0 if self.running else 3)
        if self.reload_fails:
            return self._done(argv, 1, "", "Job for nginx.service failed.")
        if not self.deaf:
            self.take_over()
        return self._done(argv)

    def _nginx(self, argv):
        text = ""
        for name in self.vhosts:
            if self.current(name) in self.broken_with:
                return self._done(argv, 1, "", f'nginx: [emerg] cannot load certificate "{name}": bad')
            text += f"    ssl_certificate {self.paths.pairs}/{name}/fullchain.pem;\n"
        return self._done(argv, 0, text)

    def _certbot(self, argv):
        self.settings.append(Path(argv[argv.index("--config") + 1]).read_text())
        if self.certbot_says is not None or "revoke" in argv:
            return self.certbot_says or self._done(argv)
        request = Path(argv[argv.index("--csr") + 1]).read_text()
        names = [
            part.strip().removeprefix("DNS:")
            for line in openssl("req", "-noout", "-text", stdin=request).splitlines()
            if "DNS:" in line
            for part in line.split(",")
        ]
        self.issued += 1
        leaf = self.pki.sign(f"issued{self.issued}", request, names)
        Path(argv[argv.index("--fullchain-path") + 1]).write_text(leaf + self.pki.middle)
        return self._done(argv)

    # --- Ask
    def served(self, address, name):
        return self.memory.get(name)

    def take_over(self):
        """What a reload does."""
        self.memory = {}
        for name, hosts in self.vhosts.items():
            stored = self.tools.store.current(name)
            if stored:
                self.memory.update(dict.fromkeys(hosts, ssl.PEM_cert_to_DER_cert(stored.pair.leaf)))

    def current(self, name):
        stored = self.tools.store.current(name)
        return stored.pair.leaf if stored else ""

    # --- Fetch and Web: told apart by what they are called with
    def get(self, url, ca, path=None):
        if path is not None:
            return self._page(url, path)
        self.asked.append(url)
        if self.down:
            raise CertificateError(f"the CA at {url} does not answer: Connection refused")
        for known, document in self.documents.items():
            if url == known or url.startswith(f"{known}/"):
                return document, self.headers
        raise CertificateError(f"the CA answers {url} with 404")

    def addresses(self, name):
        return [] if self.pages_of.get(name) == "unknown" else ["192.0.2.1"]

    def unknown(self, name):
        return self.pages_of.get(name) == "unknown"

    def _page(self, name, path):
        if name in self.pages_of:
            raise CertificateError(self.pages_of[name])
        return Path(self.paths.webroot + path).read_text()

    # --- shortcuts
    def apply(self, *certificates, issue=True, check=False, **acme):
        params = {"certificates": list(certificates), "issue": issue, "acme": {"directory": DIRECTORY, **acme}}
        return apply(params, self.paths, self.tools, check)

    def command(self, *argv):
        """Exit code, output and errors of steady-tls."""
        out, err = io.StringIO(), io.StringIO()
        rc = program.main(list(argv), self.paths, self.tools, out, err)
        return rc, out.getvalue(), err.getvalue()

    def metric(self, what, name):
        for line in Path(self.paths.metrics).read_text().splitlines():
            if line.startswith(f'steady_tls_{what}{{name="{name}"'):
                return float(line.rpartition(" ")[2])
        return None

    def orders(self):
        return [argv for argv in self.calls if argv[:2] == ["certbot", "certonly"]]
