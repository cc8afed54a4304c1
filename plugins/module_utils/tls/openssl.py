# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys by way of the program openssl."""

from __future__ import annotations

import os
import tempfile
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed, Runner, checked
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.x509 import Info, parse_info, split_pem

_SECONDS = 30
# Browsers take no certificate that is good for longer than 398 days.
_SELF_SIGNED_DAYS = 365
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Openssl:
    """Asks and lets make. Texts are PEM; private keys go through files that only root can read, never through arguments."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        # What a text says never changes, and a run looks at the same few again and again.
        self._infos: dict[str, Info] = {}
        self._keys: dict[str, str] = {}

    def _run(self, *args: str, stdin: str | None = None) -> Completed:
        return self._runner.run(("openssl", *args), stdin=stdin, timeout=_SECONDS, env={"LC_ALL": "C"})

    def present(self) -> bool:
        """Whether the program is there."""
        return self._run("version").rc == 0

    def info(self, certificate: str) -> Info:
        """What one certificate says. Raises CertificateError where it is none."""
        if certificate not in self._infos:
            self._infos[certificate] = self._look(certificate)
        return self._infos[certificate]

    def _look(self, certificate: str) -> Info:
        done = self._run(
            *("x509", "-noout", "-subject", "-issuer", "-serial", "-startdate", "-enddate"),
            *("-ext", "authorityKeyIdentifier,subjectAltName", "-nameopt", "RFC2253"),
            stdin=certificate,
        )
        if done.rc != 0:
            raise CertificateError(f"openssl can't read the certificate: {_last(done)}")
        return parse_info(done.stdout)

    def chain(self, text: str) -> tuple[Info, ...]:
        """What each certificate of a chain says. Raises CertificateError."""
        return tuple(self.info(one) for one in split_pem(text))

    def key_of_certificate(self, certificate: str) -> str:
        """The public key in a certificate. Raises CommandError."""
        if certificate not in self._keys:
            done = self._run("x509", "-noout", "-pubkey", stdin=certificate)
            self._keys[certificate] = checked(done, "openssl can't read the certificate's key").stdout.strip()
        return self._keys[certificate]

    def key_of_private(self, key: str) -> str:
        """The public key that belongs to a private one. Raises CertificateError where it is none."""
        if key in self._keys:
            return self._keys[key]
        # With an empty passphrase openssl fails on an encrypted key instead of asking for one.
        done = self._run("pkey", "-pubout", "-passin", "pass:", stdin=key)
        if done.rc != 0:
            raise CertificateError("the private key can't be read: it must be PEM text without a passphrase")
        self._keys[key] = done.stdout.strip()
        return self._keys[key]

    def signed_by(self, certificate: str, others: str, roots: str | None, partial: bool = False) -> str:
        """Empty where the certificate leads by way of ``others`` to one of ``roots`` (None: those the host trusts), else why not."""
        with tempfile.TemporaryDirectory() as folder:
            args = ["verify"]
            for name, text, option in (("others", others, "-untrusted"), ("roots", roots, "-CAfile")):
                if text:
                    path = os.path.join(folder, name)
                    with open(path, "w", encoding="utf-8") as stream:
                        stream.write(text)
                    args += [option, path]
            if roots:
                # Only those: the host's own would do as well otherwise.
                args.append("-no-CApath")
            done = self._run(*args, *(["-partial_chain"] if partial else []), stdin=certificate)
        if done.rc == 0:
            return ""
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.startswith("error ") and " lookup:" in line]
        return lines[0].partition(" lookup:")[2].strip() if lines else _last(done)

    def self_signed(self, names: t.Sequence[str]) -> tuple[str, str]:
        """A certificate that signs itself, and its key."""
        with tempfile.TemporaryDirectory() as folder:
            key = os.path.join(folder, "key")
            done = self._run(
                *("req", "-x509", *_NEW_KEY, "-keyout", key, "-days", str(_SELF_SIGNED_DAYS)),
                *("-subj", f"/CN={names[0][:64]}", "-addext", f"subjectAltName={_alternatives(names)}"),
                *("-addext", "extendedKeyUsage=serverAuth"),
            )
            checked(done, f"openssl can't make a self-signed certificate for {names[0]}")
            return done.stdout, _read(key)

    def request(self, names: t.Sequence[str], folder: str) -> tuple[str, str]:
        """Make a new key and the request for a certificate in a folder. Returns both paths."""
        key, request = os.path.join(folder, "privkey.pem"), os.path.join(folder, "request.pem")
        done = self._run(
            *("req", "-new", *_NEW_KEY, "-keyout", key, "-out", request),
            *("-subj", "/", "-addext", f"subjectAltName={_alternatives(names)}"),
        )
        checked(done, f"openssl can't make a key and a request for {names[0]}")
        return key, request


def _alternatives(names: t.Sequence[str]) -> str:
    return ",".join(f"DNS:{name}" for name in names)


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def _last(done: Completed) -> str:
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit code {done.rc}"
