#!/usr/bin/env bash
# Write requirements/test.txt: every package that requirements/test.in leads to, at one exact version.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$ROOT/requirements/test.in"
{
    echo '# Written by tools/pins.sh from requirements/test.in: do not edit.'
    # --all: a venv of Python 3.11 brings setuptools along and freeze would hide it. pip itself stays the venv's own.
    "$work/venv/bin/python" -m pip freeze --all --disable-pip-version-check | grep -viE '^(pip|wheel)=='
} >"$work/test.txt"
mv "$work/test.txt" "$ROOT/requirements/test.txt"
log "$(grep -c == "$ROOT/requirements/test.txt") packages pinned"
