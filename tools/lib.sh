# shellcheck shell=bash
# Shared by the scripts in tools/. They run from anywhere and work in the checkout they belong to.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"
# Everything the tools make outside the venv lives here; Git ignores it.
STATE="$ROOT/.lab"
mkdir -p "$STATE"
export PATH="$VENV/bin:$PATH" LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

log() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*"; }

die() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
    exit 1
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

# one_at_a_time NAME: wait until no other run of this kind is under way in this checkout.
one_at_a_time() {
    exec 9>"$STATE/$1.lock"
    flock -w 1800 9 || die "another run has held $STATE/$1.lock for half an hour: end it first."
}

# The files Git has or would take, NUL separated: what a clean clone holds, plus work not added yet.
repo_files() {
    local path
    git -C "$ROOT" ls-files -z --cached --others --exclude-standard | sort -zu | while IFS= read -r -d '' path; do
        # A file deleted but still in the index is no part of the tree.
        if [ -e "$ROOT/$path" ] || [ -L "$ROOT/$path" ]; then printf '%s\0' "$path"; fi
    done
}

# copy_tree DIR: an exact copy of repo_files in DIR, made anew. ansible-test and antsibull-docs ask Git for the
# files of a collection: without a repository of its own the copy would look empty to them, since Git ignores .lab.
copy_tree() {
    rm -rf "$1"
    mkdir -p "$1"
    repo_files | tar -C "$ROOT" --null --no-recursion -T - -cf - | tar -C "$1" -xf -
    git -C "$1" init --quiet --initial-branch=main
}
