#!/usr/bin/env bash
# ruff (rules and format) over all Python, mypy and the Python 3.9 check over what runs on managed hosts.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

cd "$ROOT"
status=0
ruff check --quiet --no-cache --output-format concise . || status=1
ruff format --quiet --no-cache --output-format concise --check . || { status=1; log "ruff format would change the files above: run 'make format'" >&2; }

# Syntax and standard library of Python 3.9. Annotations may be newer: nothing evaluates them.
if [ -d plugins/module_utils ]; then
    vermin --no-tips --target=3.9- --violations --no-eval-annotations --quiet plugins || {
        status=1
        log "the code above needs a newer Python than the 3.9 of managed hosts" >&2
    }
    # Each file for itself: what runs on managed hosts has the standard library and Ansible's module_utils only.
    mypy -p ansible_collections.steady.deploy.plugins.module_utils || status=1
fi
[ "$status" -eq 0 ] || exit 1
log "$(repo_files | grep -zcE '\.py$') files"
