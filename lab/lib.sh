# shellcheck shell=bash
# Shared by the lab's scripts.

LAB_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# Everything the lab makes outside Docker lives here; Git ignores it.
LAB_STATE="${LAB_STATE:-$LAB_ROOT/.lab}"
mkdir -p "$LAB_STATE"

log() { printf 'lab: %s\n' "$*"; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# apt_install PACKAGE...: quiet on success, the end of apt's log on failure.
apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$LAB_STATE/apt.log" 2>&1 \
        || { tail -n 20 "$LAB_STATE/apt.log" >&2; return 1; }
}

# The Debian mirror this machine's own apt uses, so that a local mirror is honoured.
debian_mirror() {
    local found
    found=$(grep -rhoE '^(URIs:|deb( \[[^]]*\])?) +https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null || true)
    found=$(grep -oE 'https?://[^ ]+' <<<"$found" | head -n 1) || true
    [ -n "$found" ] || { log "no Debian mirror found in this machine's apt sources" >&2; return 1; }
    printf '%s\n' "${found%/}"
}

# Everything the lab makes in Docker carries this label, so that down.sh finds it again.
LAB_LABEL=steady.lab=1
LAB_NETWORK=steady-lab

# lab_image NAME DIRECTORY [docker build option...]: builds one of the lab's own images (instant when nothing changed).
lab_image() {
    local name=$1 directory=$2
    shift 2
    docker build -q -t "$name" --label "$LAB_LABEL" "$@" "$directory" >/dev/null
}

lab_network() {
    docker network inspect "$LAB_NETWORK" >/dev/null 2>&1 \
        || docker network create --label "$LAB_LABEL" "$LAB_NETWORK" >/dev/null
}

# lab_discard_outdated NAME IMAGE [VOLUME]: removes a container of an older image, and the volume that goes with it.
lab_discard_outdated() {
    local name=$1 image=$2 current
    current=$(docker container inspect --format '{{.Image}}' "$name" 2>/dev/null) || return 0
    [ "$current" = "$(docker image inspect --format '{{.Id}}' "$image")" ] && return 0
    log "replacing $name: its image has changed"
    docker rm -f -v "$name" >/dev/null
    [ $# -lt 3 ] || docker volume rm -f "$3" >/dev/null
}

# lab_listening NAME PORT: waits until a container of the lab listens, or shows the end of its log.
lab_listening() {
    local name=$1 port=$2
    for _ in $(seq 120); do
        docker exec "$name" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null && return
        sleep 0.25
    done
    log "$name does not answer on port $port:" >&2
    docker logs --tail 20 "$name" >&2
    return 1
}

# lab_container NAME IMAGE [docker run option...]: runs a container of the lab, or starts the one that is there.
lab_container() {
    local name=$1 image=$2
    shift 2
    if docker container inspect "$name" >/dev/null 2>&1; then
        docker start "$name" >/dev/null
    else
        docker run -d --name "$name" --hostname "$name" --label "$LAB_LABEL" --network "$LAB_NETWORK" "$@" "$image" >/dev/null
    fi
}
