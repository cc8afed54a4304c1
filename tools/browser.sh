#!/usr/bin/env bash
# Install the browser that the tests look at a rollout's picture with. Only they need it, so `make setup` does not.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

command -v chromium >/dev/null && exit 0
command -v apt-get >/dev/null || die "chromium is missing and there is no apt-get: install it."
log "installing chromium"
{
    as_root apt-get update -qq \
        && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
} >"$STATE/setup-browser.log" 2>&1 </dev/null \
    || {
        tail -n 20 "$STATE/setup-browser.log" >&2
        die "apt-get could not install chromium (log: $STATE/setup-browser.log)."
    }
