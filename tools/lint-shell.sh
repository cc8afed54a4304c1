#!/usr/bin/env bash
# Check every shell script of the repository, found by name and by first line, with shellcheck.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

cd "$ROOT"
scripts=()
while IFS= read -r -d '' path; do
    if [ -L "$path" ]; then continue; fi
    case "$path" in
        *.sh | *.bash) scripts+=("$path") ;;
        *.*/* | *) if head -c 64 "$path" | head -n 1 | tr -d '\0' | grep -qE '^#!.*\b(ba|da)?sh\b'; then scripts+=("$path"); fi ;;
    esac
done < <(repo_files)
[ "${#scripts[@]}" -gt 0 ] || die "no scripts found."
shellcheck --external-sources --source-path=SCRIPTDIR --severity=style "${scripts[@]}"
for path in "${scripts[@]}"; do
    # A sourced file has no first line to run it by.
    if head -n 1 "$path" | grep -q '^#!' && [ ! -x "$path" ]; then die "$path has a #! line and is not executable."; fi
done
log "${#scripts[@]} scripts"
