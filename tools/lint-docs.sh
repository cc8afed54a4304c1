#!/usr/bin/env bash
# Plugin and role documentation, docs/docsite and changelog fragments.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

# antsibull-docs reads the collection from its place in a collection tree, as sanity does.
TREE="$STATE/docs/ansible_collections/steady/deploy"
one_at_a_time docs
rm -rf "$STATE/docs"
copy_tree "$TREE"
# The collections that the documentation may refer to: the dependencies, and community.docker for comparison.
# Not all of the ansible package: reading its hundred collections takes two minutes.
for name in community.docker $(python -c 'import sys, yaml; print(*yaml.safe_load(open(sys.argv[1])).get("dependencies") or ())' "$ROOT/galaxy.yml"); do
    source=$(python -c 'import importlib.util as u, sys; print(*u.find_spec(f"ansible_collections.{sys.argv[1]}").submodule_search_locations)' "$name") \
        || die "the collection $name is not in the ansible package: correct galaxy.yml or requirements/test.in."
    mkdir -p "$STATE/docs/ansible_collections/${name%.*}"
    ln -sfn "$source" "$STATE/docs/ansible_collections/${name/.//}"
done
cd "$TREE"
export ANSIBLE_COLLECTIONS_SCAN_SYS_PATH=false ANSIBLE_COLLECTIONS_PATH="$STATE/docs" ANSIBLE_CONFIG="$STATE/docs/ansible.cfg"
: >"$ANSIBLE_CONFIG"
status=0
antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all --disallow-unknown-collection-refs . </dev/null || status=1
antsibull-changelog lint </dev/null || status=1
[ "$status" -eq 0 ] || exit 1
log "documentation and changelog"
