#!/usr/bin/env bash
# Make sure a Docker engine with Compose v2 and buildx answers on this machine.
#
# An engine that already answers is left alone. Otherwise the packages come from
# Debian (from trixie, pinned low, where the running release has no Compose v2)
# and dockerd is started detached, since lab machines may have no service manager.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

install_engine() {
    local suite=''
    log "installing Docker Engine and Compose"
    as_root apt-get update -qq
    # Debian 12's docker-compose is v1, and it has no docker-cli package.
    if ! apt-cache policy docker-compose | grep -qE 'Candidate: ([2-9]|[1-9][0-9]+)\.'; then
        suite=trixie
        printf 'deb %s trixie main\n' "$(debian_mirror)" | as_root tee /etc/apt/sources.list.d/steady-lab-trixie.list >/dev/null
        printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' | as_root tee /etc/apt/preferences.d/steady-lab-trixie >/dev/null
        as_root apt-get update -qq
    fi
    apt_install ${suite:+-t "$suite"} docker.io docker-cli docker-compose docker-buildx iptables
}

start_engine() {
    log "starting dockerd (log: $LAB_STATE/dockerd.log)"
    # A killed dockerd leaves pid files behind, and a recycled pid in them would stop the new one.
    pgrep -x dockerd >/dev/null || as_root rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid
    as_root setsid nohup dockerd >"$LAB_STATE/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 120); do
        docker info >/dev/null 2>&1 && return 0
        sleep 0.5
    done
    log "dockerd does not answer:" >&2
    tail -n 20 "$LAB_STATE/dockerd.log" >&2
    return 1
}

if ! docker info >/dev/null 2>&1; then
    command -v dockerd >/dev/null || install_engine
    start_engine
fi
if ! docker compose version >/dev/null 2>&1 || ! docker buildx version >/dev/null 2>&1; then
    install_engine
fi
log "engine $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short)"
