#!/usr/bin/env bash
# yamllint over every YAML file of the repository.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

cd "$ROOT"
mapfile -d '' files < <(repo_files | grep -zE '\.ya?ml$|^\.(yamllint|ansible-lint)$')
[ "${#files[@]}" -gt 0 ] || die "no YAML files found."
yamllint --strict --format parsable "${files[@]}"
log "${#files[@]} files"
