#!/usr/bin/env bash
# Remove every trace of the demo: containers, volumes, networks, images, keys and secrets. The engine stays.
set -euo pipefail
cd "$(dirname "$0")"
source ./lib.sh
./down.sh
# The examples' images are tagged by their build scripts, not by the lab.
docker images --filter 'reference=hotel/*' --filter 'reference=community/*' --format '{{.Repository}}:{{.Tag}}' | xargs -r docker rmi -f >/dev/null
