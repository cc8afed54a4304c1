#!/usr/bin/env bash
# Run Molecule's scenarios, two at a time, each on a host of its own.
#
# Usage: tools/molecule.sh                     all: on Debian 13, and with STEADY_FULL=1 on Debian 12 too
#        tools/molecule.sh SCENARIO[-12] [COMMAND [option...]]     one, for instance: nginx-12 converge
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

run() {
    local scenario=${1%-1[23]} debian=13
    case $1 in *-12) debian=12 ;; esac
    shift
    export STEADY_DEBIAN=$debian MOLECULE_EPHEMERAL_DIRECTORY="$STATE/molecule/$scenario-$debian"
    mkdir -p "$MOLECULE_EPHEMERAL_DIRECTORY"
    molecule "${@:-test}" --scenario-name "$scenario"
}

# run_quietly SCENARIO-DEBIAN: one line when it passes, its log when not.
run_quietly() {
    local started=$SECONDS log="$STATE/molecule/$1.log"
    if run "$1" test >"$log" 2>&1 </dev/null; then
        echo "molecule: $1 passed in $((SECONDS - started)) s"
    else
        tail -n 120 "$log"
        echo "molecule: $1 FAILED (log: $log)"
        return 1
    fi
}

mkdir -p "$STATE/molecule"
if [ $# -gt 0 ] && [ "$1" != --quietly ]; then
    run "$@"
elif [ $# -gt 0 ]; then
    run_quietly "$2"
else
    # The long ones first, so that no long one is left alone at the end.
    long="database default tls docker_host"
    for scenario in $long $(printf '%s\n' molecule/*/molecule.yml | cut -d / -f 2 | grep -vxF "${long// /$'\n'}"); do
        echo "$scenario-13"
        [ "${STEADY_FULL:-}" != 1 ] || echo "$scenario-12"
    done | xargs -P 2 -n 1 "$0" --quietly
fi
