#!/usr/bin/env bash
# ansible-test sanity over a copy of this checkout, in the directory shape ansible-test insists on.
#
#   tools/sanity.sh [ansible-test sanity options, e.g. --test validate-modules]
#
# ansible-test makes one venv per check and caches it under HOME, so it gets a HOME of its own in .lab:
# `make clean` removes it, and nothing is left in the user's. It wants to fetch its pip from a server of
# the Ansible project; here pip comes from the package index the machine's pip is configured for.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

SANITY="$STATE/sanity"
TREE="$SANITY/ansible_collections/steady/deploy"
REAL_HOME="$HOME"

# An ignored finding is a finding: fix it instead.
no_ignores() {
    local entries
    entries=$(grep -rsvnE '^[[:space:]]*(#|$)' "$ROOT"/tests/sanity/ignore*.txt || true)
    [ -z "$entries" ] || die "tests/sanity has ignore entries; fix what they hide and remove them: $entries"
}

# ansible-test passes no PIP_* variables on, so the effective pip configuration goes into its HOME as a file.
write_pip_conf() {
    mkdir -p "$HOME/.config/pip"
    (
        umask 077
        HOME="$REAL_HOME" python -m pip config list 2>/dev/null | python -c '
import ast, sys
settings = {("global", "quiet"): 1}
for line in sys.stdin:
    key, _, value = line.strip().partition("=")
    scope, _, name = key.rpartition(".")
    if scope in (":env:", "global", "install", "download"):
        # Variables come first in the listing and win over files.
        settings.setdefault(("global" if scope == ":env:" else scope, name), ast.literal_eval(value))
for section in sorted({section for section, _ in settings}):
    print(f"[{section}]")
    for (owner, name), value in settings.items():
        if owner == section:
            print(f"{name} = " + str(value).replace("\n", "\n    "))
' >"$HOME/.config/pip/pip.conf"
    )
}

# Put pip where ansible-test looks for its cached bootstrap script before it downloads one.
provide_pip() {
    local version cache script
    version=$(python -c '
import types
from ansible_test._internal.python_requirements import get_venv_packages
print(get_venv_packages(types.SimpleNamespace(version="3.13"))["pip"])') \
        || die "cannot read which pip this ansible-test wants: its internals changed, adapt provide_pip in tools/sanity.sh."
    cache="$HOME/.ansible/test/cache"
    script="$cache/get_pip_${version//./_}.py"
    [ ! -e "$script" ] || return 0
    mkdir -p "$cache"
    python -m pip download --quiet --no-deps --only-binary :all: --dest "$cache" "pip==$version" 2>"$STATE/sanity-pip.log" \
        || { tail -n 5 "$STATE/sanity-pip.log" >&2; die "cannot fetch pip $version for ansible-test."; }
    cat >"$script.new" <<'PY'
"""Install pip with the pip in the wheel beside this file."""
import glob
import os
import sys

wheel = glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pip-*.whl"))[0]
sys.path.insert(0, wheel)
os.environ.pop("GET_PIP", None)
from pip._internal.cli.main import main

sys.exit(main(["install"] + [a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel")]))
PY
    mv "$script.new" "$script"
}

# compile and import run on every Python that ansible-test finds on PATH. A version manager's shims look like
# interpreters there and fail when run, so PATH gets links to the ones that do run.
provide_pythons() {
    local minor python found=()
    rm -rf "${SANITY:?}/bin"
    mkdir -p "$SANITY/bin"
    for minor in 9 10 11 12 13 14; do
        for python in "/usr/bin/python3.$minor" "$(command -v "python3.$minor" || true)" \
            "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python3."$minor"; do
            python=$("$python" -c 'import sys; print(sys._base_executable)' 2>/dev/null) || continue
            ln -s "$python" "$SANITY/bin/python3.$minor"
            found+=("3.$minor")
            break
        done
    done
    log "Python ${found[*]}"
    PATH="$VENV/bin:$SANITY/bin:/usr/bin:/bin"
}

one_at_a_time sanity
no_ignores
provide_pythons
copy_tree "$TREE"
export HOME="$SANITY/home"
mkdir -p "$HOME"
write_pip_conf
provide_pip

cd "$TREE"
log "$(git -C "$ROOT" ls-files -co --exclude-standard | wc -l) files, $(ansible-test --version)"
# ansible-test reads no terminal, and a closed stdin must not stop it.
ansible-test sanity --color no "$@" </dev/null 2>&1 | grep --line-buffered -vE 'Using locale "C.UTF-8"|Reviewing previous 1 warning' | tee "$STATE/sanity.log"
case " $* " in *" --list-tests "*) exit 0 ;; esac
# A check that looked at nothing must not pass for a clean one.
if grep -qE 'All targets skipped|Skipping .*(due to missing|version checks since)' "$STATE/sanity.log"; then
    die "some sanity checks did not run: see the warnings above."
fi
absent=$(sed -nE 's/.*Skipping sanity test "compile" on Python ([0-9.]+) because it could not be found.*/\1/p' "$STATE/sanity.log" | sort -uV | paste -sd ' ')
log "clean${absent:+ (compile and import not run on Python $absent, absent here: vermin covers what those cannot)}"
