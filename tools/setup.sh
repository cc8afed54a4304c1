#!/usr/bin/env bash
# Make the development set-up: Debian packages, .venv with the pinned requirements, the collection tree.
#
# Asks for nothing and needs root (or a sudo that does not ask) only where a package is missing.
# A second run with the same requirements and the same Python does nothing.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

REQUIREMENTS="$ROOT/requirements/test.txt"
STAMP="$VENV/.steady-stamp"

# python3 of the distribution first: the oldest that ansible-core 2.19 takes is 3.11, the newest 3.13.
find_python() {
    local python
    for python in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        if command -v "$python" >/dev/null \
            && "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$python"
            return 0
        fi
    done
    return 1
}

# install_missing COMMAND:PACKAGE...: install the packages of the commands that are not there.
install_missing() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ "${#missing[@]}" -eq 0 ] || apt_install "${missing[@]}"
}

apt_install() {
    command -v apt-get >/dev/null || die "these Debian packages are missing and there is no apt-get: $*."
    as_root true 2>/dev/null || die "these Debian packages are missing: $*. Install them, or run this once as root or with a sudo that does not ask."
    log "installing $*"
    {
        as_root apt-get update -qq \
            && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    } >"$STATE/setup-apt.log" 2>&1 </dev/null \
        || {
            tail -n 20 "$STATE/setup-apt.log" >&2
            die "apt-get could not install $* (log: $STATE/setup-apt.log)."
        }
}

link_collection() {
    local link="$STATE/ansible_collections/steady/deploy"
    mkdir -p "$(dirname "$link")"
    [ "$(readlink "$link" 2>/dev/null)" = ../../.. ] || ln -sfn ../../.. "$link"
}

install_missing git:git make:make curl:curl ssh:openssh-client pgrep:procps python3:python3
[ -e /etc/ssl/certs/ca-certificates.crt ] || apt_install ca-certificates
python=$(find_python) || die "no Python 3.11, 3.12 or 3.13 found: install one (Debian 12 and 13 have it as python3)."
# Debian splits venv and ensurepip from python3.
"$python" -c 'import venv, ensurepip' 2>/dev/null || apt_install python3-venv

one_at_a_time setup
link_collection

wanted="$("$python" -VV | tr '\n' ' ') $ROOT $(sha256sum <"$REQUIREMENTS")"
if [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -c '' 2>/dev/null && [ "$(cat "$STAMP" 2>/dev/null)" = "$wanted" ]; then
    log "up to date ($("$VENV/bin/python" -V))"
    exit 0
fi

log "making .venv with $("$python" -V)"
rm -rf "$VENV"
"$python" -m venv "$VENV"
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -r "$REQUIREMENTS" >"$STATE/setup-pip.log" 2>&1 </dev/null \
    || {
        grep -v 'is ignored: it is neither' "$STATE/setup-pip.log" | tail -n 20 >&2
        die "pip could not install requirements/test.txt (log: $STATE/setup-pip.log)."
    }
"$VENV/bin/python" -m pip check --disable-pip-version-check >/dev/null || die "the pins in requirements/test.txt contradict each other: see '.venv/bin/pip check'."
printf '%s\n' "$wanted" >"$STAMP"
log "ready: $("$VENV/bin/ansible" --version | sed -n 1p)"
