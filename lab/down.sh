#!/usr/bin/env bash
# Remove what the lab made: containers, volumes, network, images, keys and demo secrets. The engine stays.
#
# Usage: lab/down.sh          everything
#        lab/down.sh NAME     only this host and its volume
set -euo pipefail
cd "$(dirname "$0")"
source ./lib.sh

if ! docker info >/dev/null 2>&1; then
    log "no Docker engine answers: nothing to remove but files"
elif [ $# -gt 0 ]; then
    docker rm -f -v "$1" >/dev/null 2>&1 || true
    docker volume rm -f "$1-docker" >/dev/null
    log "host $1 is gone"
    exit 0
else
    # remove COMMAND... with the ids read from standard input, if there are any.
    remove() { xargs -r "$@" >/dev/null; }
    docker ps -aq --filter "label=$LAB_LABEL" | remove docker rm -f -v
    docker volume ls -q --filter "label=$LAB_LABEL" | remove docker volume rm -f
    docker network ls -q --filter "label=$LAB_LABEL" | remove docker network rm
    # By name where there is one: an image with several names can't be removed by its id.
    # Images of the lab's registry are the lab's too, whoever built them.
    {
        docker images --filter "label=$LAB_LABEL" --format '{{.Repository}}:{{.Tag}} {{.ID}}'
        docker images --filter 'reference=127.0.0.1:5000/*' --filter 'reference=127.0.0.1:5000/*/*' --format '{{.Repository}}:{{.Tag}} {{.ID}}'
    } | sed -E 's/^[^ ]*<none>[^ ]* //; s/ .*//' | sort -u | remove docker rmi -f
    # The base images, where base-image.sh built them itself.
    docker images --filter label=steady.lab.base=1 --format '{{.Repository}}:{{.Tag}}' | remove docker rmi -f
fi
# dockerd.log stays: the engine that stays may write to it.
rm -rf "$LAB_STATE/ssh" "$LAB_STATE/demo" "$LAB_STATE/acme" "$LAB_STATE/apt.log"
log "the lab is gone"
