# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ordering and revoking by certbot.

It gets a request that was made here and writes the answer into a folder of ours. So it keeps nothing but the account: there is
no second list of certificates, and no second timer that renews them.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed, Runner
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.openssl import Openssl
from ansible_collections.steady.deploy.plugins.module_utils.tls.pair import Pair, normal
from ansible_collections.steady.deploy.plugins.module_utils.tls.spec import Acme, Certificate

# A challenge over DNS may have to wait until a record is known everywhere.
_SECONDS = 900
_PROBLEM = re.compile(r"^\s*(?:Domain|Identifier):\s*(\S+)\s*\n\s*Type:\s*(\S+)\s*\n\s*Detail:\s*(.+?)\s*$", re.MULTILINE)
_STUMBLED = "AttributeError: can't set attribute"
_ANSWER = re.compile(r"acme\.messages\.Error: (urn:\S+ :: .+)")
# A CA may refuse any nonce, and wants to be asked again then (RFC 8555, 6.5). certbot asks once more only.
_BAD_NONCE = re.compile(r"badNonce|invalid anti-replay nonce", re.IGNORECASE)
_NONCES = 3
_ACCOUNT_LOST = re.compile(r"accountDoesNotExist|Account .*(?:does not exist|not found)|unable to find existing account", re.IGNORECASE)


class Certbot:
    """The program, with its account below ``state`` and challenges below ``webroot``."""

    def __init__(self, runner: Runner, state: str, webroot: str) -> None:
        self._runner, self._state, self._webroot = runner, state, webroot

    def order(self, openssl: Openssl, wanted: Certificate) -> Pair:
        """A new certificate with a new key. Raises CertificateError with what the CA said."""
        with tempfile.TemporaryDirectory(dir=self._folder("orders")) as folder:
            key, request = openssl.request(wanted.names, folder)
            argv = order_argv(wanted, request, folder, self._webroot)
            done = self._run(argv, wanted.acme, folder)
            if done.rc != 0 and _ACCOUNT_LOST.search(done.stdout + done.stderr):
                # The CA has forgotten the account, as those for tests do.
                shutil.rmtree(os.path.join(self._state, "certbot", "accounts"), ignore_errors=True)
                done = self._run(argv, wanted.acme, folder)
            if done.rc != 0:
                raise CertificateError(told(done, self._log()))
            chain, private = read_text(os.path.join(folder, "fullchain.pem")), read_text(key)
            if not chain or not private:
                raise CertificateError("certbot says that the certificate was issued, but wrote none")
            return normal(chain, private)

    def revoke(self, pair: Pair, acme: Acme, reason: str) -> None:
        """Revoke a certificate by its own key. Raises CertificateError with what the CA said."""
        with tempfile.TemporaryDirectory(dir=self._folder("orders")) as folder:
            chain, key = os.path.join(folder, "fullchain.pem"), os.path.join(folder, "privkey.pem")
            write_atomic(chain, pair.chain)
            write_atomic(key, pair.key, 0o600)
            argv = ["revoke", "--cert-path", chain, "--key-path", key, "--reason", reason, "--no-delete-after-revoke"]
            done = self._run(argv, acme, folder)
        if done.rc != 0:
            raise CertificateError(told(done, self._log()))

    def _log(self) -> str:
        return read_text(os.path.join(self._state, "logs", "letsencrypt.log")) or ""

    def _folder(self, name: str) -> str:
        path = os.path.join(self._state, name)
        os.makedirs(path, 0o700, exist_ok=True)
        return path

    def _run(self, argv: t.Sequence[str], acme: Acme, folder: str) -> Completed:
        # A file, since every user of the host can read arguments.
        settings = os.path.join(folder, "cli.ini")
        write_atomic(settings, settings_text(acme), 0o600)
        env = {"LC_ALL": "C.UTF-8"}
        if acme.ca:
            env["REQUESTS_CA_BUNDLE"] = os.path.join(folder, "ca.pem")
            write_atomic(env["REQUESTS_CA_BUNDLE"], acme.ca)
        places = []
        for option, name in (("--config-dir", "certbot"), ("--work-dir", "work"), ("--logs-dir", "logs")):
            places += [option, self._folder(name)]
        whole = (
            "certbot",
            *argv,
            "--non-interactive",
            "--config",
            settings,
            "--server",
            acme.directory,
            "--max-log-backups",
            "20",
            *places,
        )
        for left in reversed(range(_NONCES)):
            done = self._runner.run(whole, env=env, timeout=_SECONDS)
            if done.rc == 0 or not left or not _BAD_NONCE.search(done.stdout + done.stderr):
                break
        if done.rc == 127:
            raise CertificateError("certbot is not installed: run the role tls, which brings it")
        return done


def order_argv(wanted: Certificate, request: str, folder: str, webroot: str) -> list[str]:
    """certbot's arguments for one order. The names are those of the request."""
    argv = ["certonly", "--csr", request, "--agree-tos"]
    argv += ["--cert-path", os.path.join(folder, "cert.pem"), "--chain-path", os.path.join(folder, "chain.pem")]
    argv += ["--fullchain-path", os.path.join(folder, "fullchain.pem")]
    if wanted.dns_hook:
        hook = shlex.quote(wanted.dns_hook)
        return argv + [
            "--manual",
            "--preferred-challenges",
            "dns",
            "--manual-auth-hook",
            f"{hook} auth",
            "--manual-cleanup-hook",
            f"{hook} cleanup",
        ]
    return argv + ["--webroot", "--webroot-path", webroot]


def settings_text(acme: Acme) -> str:
    """What certbot needs to register an account."""
    lines = [f"email = {acme.email}"] if acme.email else ["register-unsafely-without-email = true"]
    if acme.eab_kid:
        lines += [f"eab-kid = {acme.eab_kid}", f"eab-hmac-key = {acme.eab_hmac_key}"]
    return "\n".join(lines) + "\n"


def told(done: Completed, log: str = "") -> str:
    """What failed, in one sentence: each domain with what the CA said about it, or what certbot says itself.

    ``log`` is the log of the run: certbot 2.1 of Debian 12 stumbles over some of a CA's answers, and tells them only there.
    """
    text = f"{done.stdout}\n{done.stderr}"
    problems = dict.fromkeys(f"{domain}: {detail} ({kind})" for domain, kind, detail in _PROBLEM.findall(text))
    if problems:
        return f"the challenge failed for {'; '.join(problems)}"
    answers = _ANSWER.findall(log) if _STUMBLED in text else ()
    if answers:
        return f"the CA refused: {answers[-1]}"
    if done.rc == 124:
        return f"certbot did not end within {_SECONDS} s"
    noise = re.compile(
        r"^(Saving debug log|Ask for help|See the logfile|Some challenges|Requesting|Plugins selected|Account registered|-+ -|Hook )"
    )
    lines = [line.strip() for line in text.splitlines() if line.strip() and not noise.match(line.strip())]
    for number, line in enumerate(lines[:-1]):
        if line.startswith("An unexpected error occurred"):
            return f"certbot failed: {lines[number + 1]}"
    return f"certbot failed: {lines[-1] if lines else f'exit code {done.rc}'}"
