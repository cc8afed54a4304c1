# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificates are wanted: parameters to frozen dataclasses, and back to what the host keeps for renewals."""

from __future__ import annotations

import re
import typing as t
from dataclasses import asdict, dataclass, field

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError

SOURCES = ("acme", "self_signed", "files")
DIRECTORIES = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True)
class Acme:
    """How certificates are ordered. ``directory`` is a URL, ``ca`` the PEM text of who signed its own certificate."""

    directory: str = ""
    email: str = ""
    ca: str = ""
    eab_kid: str = ""
    eab_hmac_key: str = ""
    probe: bool = True


@dataclass(frozen=True)
class Certificate:
    """One certificate. ``served_at`` is where Nginx is asked for it, as HOST:PORT, empty for nowhere."""

    name: str
    names: tuple[str, ...]
    source: str = "acme"
    acme: Acme = field(default_factory=Acme)
    dns_hook: str = ""
    certificate_file: str = ""
    key_file: str = ""
    ca: str = ""
    served_at: str = "127.0.0.1:443"
    # Texts of the user's own pair. They are put in place at once and never kept in the configuration.
    certificate: str = ""
    key: str = ""

    @property
    def own_pair(self) -> bool:
        """Whether there is a pair of the user's to be looked at now."""
        return bool(self.certificate or self.certificate_file)


def parse_acme(raw: t.Mapping[str, t.Any]) -> Acme:
    """The ACME settings of the parameters. Raises SpecError."""
    directory = DIRECTORIES.get(raw.get("directory") or "letsencrypt", raw.get("directory"))
    if not isinstance(directory, str) or not re.fullmatch(r"https://[^\s/?#@]+(/\S*)?", directory):
        raise SpecError(f"the ACME directory '{directory}' is neither {', nor '.join(DIRECTORIES)}, nor a URL that begins with https://")
    email = raw.get("email") or ""
    if email and not re.fullmatch(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+", email):
        raise SpecError(f"'{email}' is no e-mail address: leave it empty, or give the ACME account one address")
    ca = raw.get("ca") or ""
    if ca and "-----BEGIN CERTIFICATE-----" not in ca:
        raise SpecError("the CA of the ACME directory must be given as PEM text, not as a path: look the file up")
    kid, key = raw.get("eab_kid") or "", raw.get("eab_hmac_key") or ""
    if bool(kid) != bool(key):
        raise SpecError("an external account binding needs its key id and its HMAC key, only one of them is given")
    return Acme(directory, email, ca, kid, key, raw.get("probe") is not False)


def parse_certificate(raw: t.Mapping[str, t.Any], acme: Acme) -> Certificate:
    """One certificate of the parameters. Raises SpecError with what is wrong, where, and what to do."""
    name = str(raw.get("name") or "")
    where = f"certificate '{name}'"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise SpecError(f"{where}: the name may have letters, digits, '-', '_' and '.' only, since it names a folder")
    names = tuple(dict.fromkeys(str(one).strip().rstrip(".").lower() for one in raw.get("names") or ()))
    if not names:
        raise SpecError(f"{where} needs `names`, the host names it is for, at least one")
    source = raw.get("source") or "acme"
    if source not in SOURCES:
        raise SpecError(f"{where}: the source '{source}' is none of {', '.join(SOURCES)}")
    for one in names:
        _check_name(where, one, source, bool(raw.get("dns_hook")))
    made = Certificate(
        name=name,
        names=names,
        source=source,
        acme=acme if source == "acme" else Acme(),
        **{key: raw.get(key) or "" for key in ("dns_hook", "certificate_file", "key_file", "ca", "certificate", "key")},
        served_at="127.0.0.1:443" if raw.get("served_at") is None else raw["served_at"],
    )
    _check_rest(where, made)
    return made


def _check_name(where: str, name: str, source: str, over_dns: bool) -> None:
    if not name.isascii():
        raise SpecError(f"{where}: '{name}' must be given in its ASCII form (xn--...)")
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise SpecError(f"{where}: '{name}' is no host name")
    if re.fullmatch(r"[0-9.]+", name):
        raise SpecError(f"{where}: '{name}' is an address: certificates here are for host names")
    if source == "acme" and "." not in name:
        raise SpecError(f"{where}: no CA signs the name '{name}', which has no domain: use source self_signed for it")
    if source == "acme" and name.startswith("*.") and not over_dns:
        raise SpecError(f"{where}: a CA signs '{name}' only after a challenge over DNS: give a dns_hook, or list the names one by one")


def _check_rest(where: str, made: Certificate) -> None:
    if made.source == "files":
        texts, files = bool(made.certificate) + bool(made.key), bool(made.certificate_file) + bool(made.key_file)
        if sorted((texts, files)) != [0, 2]:
            raise SpecError(f"{where} has source files: give either certificate and key, or certificate_file and key_file")
    elif made.certificate or made.key or made.certificate_file or made.key_file or made.ca:
        raise SpecError(f"{where}: certificate, key, their files and ca go with source files, but the source is {made.source}")
    if made.dns_hook and made.source != "acme":
        raise SpecError(f"{where}: a dns_hook goes with source acme, but the source is {made.source}")
    for path in (made.dns_hook, made.certificate_file, made.key_file):
        if path and not re.fullmatch(r"/[A-Za-z0-9._/@+-]+", path):
            raise SpecError(f"{where}: '{path}' must be a whole path, from /, without spaces")
    if made.served_at and not re.fullmatch(r"(\[[0-9A-Fa-f:]+\]|[^\s:\[\]]+):[0-9]{1,5}", made.served_at):
        raise SpecError(f"{where}: served_at is '{made.served_at}', it must be HOST:PORT, or empty where nothing is to be asked")


def parse_all(raws: t.Sequence[t.Mapping[str, t.Any]], acme: Acme) -> tuple[tuple[Certificate, ...], tuple[str, ...]]:
    """The wanted certificates, and the names of those that must go. Raises SpecError."""
    seen: set[str] = set()
    for raw in raws:
        if raw.get("name") in seen:
            raise SpecError(f"certificate '{raw.get('name')}' is listed twice")
        seen.add(str(raw.get("name")))
    gone = [raw for raw in raws if raw.get("state") == "absent"]
    for raw in gone:
        parse_certificate({"name": raw.get("name"), "names": ["localhost"], "source": "self_signed"}, acme)
    return tuple(parse_certificate(raw, acme) for raw in raws if raw not in gone), tuple(str(raw["name"]) for raw in gone)


def kept(certificate: Certificate) -> dict[str, t.Any]:
    """What the host keeps of a certificate so that it can renew it by itself."""
    made = asdict(certificate)
    del made["certificate"], made["key"]
    made["names"] = list(certificate.names)
    return made


def from_kept(raw: t.Mapping[str, t.Any]) -> Certificate:
    """A certificate as the host has kept it."""
    return Certificate(**{**raw, "names": tuple(raw["names"]), "acme": Acme(**raw["acme"])})
