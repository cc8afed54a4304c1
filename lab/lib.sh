# shellcheck shell=bash
# Shared by the lab's scripts.

LAB_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# Everything the lab makes outside Docker lives here; Git ignores it.
LAB_STATE="${LAB_STATE:-$LAB_ROOT/.lab}"
mkdir -p "$LAB_STATE"

log() { printf 'lab: %s\n' "$*"; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# apt_install PACKAGE...: quiet on success, the end of apt's log on failure.
apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$LAB_STATE/apt.log" 2>&1 \
        || { tail -n 20 "$LAB_STATE/apt.log" >&2; return 1; }
}

# The Debian mirror this machine's own apt uses, so that a local mirror is honoured.
debian_mirror() {
    local found
    found=$(grep -rhoE '^(URIs:|deb( \[[^]]*\])?) +https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null || true)
    found=$(grep -oE 'https?://[^ ]+' <<<"$found" | head -n 1) || true
    [ -n "$found" ] || { log "no Debian mirror found in this machine's apt sources" >&2; return 1; }
    printf '%s\n' "${found%/}"
}
