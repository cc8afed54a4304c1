#!/usr/bin/env bash
# Build the collection as a user gets it, install it into an empty place, and use it from there.
#
# Fails when the archive carries files of the checkout only, lacks what it needs, does not install, when
# ansible-doc cannot show each module and role, or when galaxy-importer has anything to say.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
: >ansible.cfg
# Neither the checkout's ansible.cfg nor its collection tree may help.
export ANSIBLE_CONFIG="$work/ansible.cfg" ANSIBLE_COLLECTIONS_PATH="$work/collections" ANSIBLE_LOCAL_TEMP="$work/tmp"

run() {
    "$@" >"$work/out" 2>&1 </dev/null || {
        cat "$work/out" >&2
        die "'$*' failed."
    }
}

# From the checkout itself, venv and lab and all: build_ignore has to keep them out.
run ansible-galaxy collection build --output-path "$work" "$ROOT"
archive=$(echo "$work"/steady-deploy-*.tar.gz)
[ -f "$archive" ] || die "ansible-galaxy built no archive."
tar -tzf "$archive" | grep -v '/$' | sort >"$work/names"

unwanted=$(grep -E '^(\.|tests/|tools/|lab/|molecule/|requirements/|examples/|inventories/|Makefile|ansible\.cfg)|\.pyc$|__pycache__|\.tar\.gz$' "$work/names" || true)
[ -z "$unwanted" ] || die "the archive carries files that only a checkout needs; extend build_ignore in galaxy.yml: $(head -n 5 <<<"$unwanted" | paste -sd ' ')"
for name in README.md LICENSE meta/runtime.yml changelogs/changelog.yaml FILES.json MANIFEST.json; do
    grep -qxF "$name" "$work/names" || die "the archive lacks $name."
done

run ansible-galaxy collection install --offline --no-deps --collections-path "$work/collections" "$archive"
documented() { # TYPE FILE-GLOB-BASENAMES...
    local type=$1 name
    shift
    for name in "$@"; do
        run ansible-doc --type "$type" "steady.deploy.$name"
        grep -q . "$work/out" || die "ansible-doc has nothing on the $type steady.deploy.$name."
        # ansible-doc reports an unknown name with a warning and status 0.
        if grep -qE '(not found|missing|was unable|Error extracting|ERROR)' <(grep -E '^\[?(WARNING|ERROR)' "$work/out"); then
            cat "$work/out" >&2
            die "ansible-doc cannot show the $type steady.deploy.$name."
        fi
    done
}
names() { # DIR SUFFIX
    find "$ROOT/$1" -maxdepth 1 -name "*$2" ! -name '__*' ! -name '_*' -exec basename {} "$2" \; 2>/dev/null | sort
}
mapfile -t modules < <(names plugins/modules .py)
mapfile -t roles < <(find "$ROOT/roles" -mindepth 1 -maxdepth 1 -type d -exec basename {} \; 2>/dev/null | sort)
[ "${#modules[@]}" -gt 0 ] || die "no modules in plugins/modules."
documented module "${modules[@]}"
[ "${#roles[@]}" -eq 0 ] || documented role "${roles[@]}"
for group_member in $(python -c '
import sys, yaml
for members in yaml.safe_load(open(sys.argv[1]))["action_groups"].values():
    print(*members)' "$ROOT/meta/runtime.yml"); do
    printf '%s\n' "${modules[@]}" | grep -qxF "$group_member" || die "meta/runtime.yml names the module $group_member, which does not exist."
done
for module in "${modules[@]}"; do
    grep -qxE "[[:space:]]*- $module" "$ROOT/meta/runtime.yml" || die "meta/runtime.yml: the action group lacks the module $module."
done

# Playbooks must work from the installed collection by their full name.
mapfile -t playbooks < <(names playbooks .yml)
for playbook in "${playbooks[@]}"; do
    run ansible-playbook --syntax-check -i localhost, "steady.deploy.$playbook"
done

cat >"$work/galaxy-importer.cfg" <<'CFG'
[galaxy-importer]
# ansible-lint runs by itself with this repository's rules; ansible-test would need an image from a registry.
run_ansible_lint = False
run_ansible_test = False
run_ansible_doc = True
check_changelog = True
check_required_tags = True
CFG
GALAXY_IMPORTER_CONFIG="$work/galaxy-importer.cfg" HOME="$work" python -m galaxy_importer.main "$archive" >"$work/importer.log" 2>&1 </dev/null \
    || { cat "$work/importer.log" >&2; die "galaxy-importer refuses the archive."; }
grep -q 'Importer processing completed successfully' "$work/importer.log" \
    || { cat "$work/importer.log" >&2; die "galaxy-importer did not finish."; }
if grep -E '^(WARNING|ERROR|CRITICAL)' "$work/importer.log" >&2; then
    die "galaxy-importer has objections (above)."
fi

log "$(basename "$archive"): $(wc -l <"$work/names") files, $(du -k "$archive" | cut -f 1) KiB, ${#modules[@]} modules, ${#roles[@]} roles, ${#playbooks[@]} playbooks"
