#!/usr/bin/env bash
# Make sure the image debian:SUITE exists: pulled where a registry answers, else built by mmdebstrap.
#
# Usage: lab/base-image.sh [SUITE]     (default: trixie)
set -euo pipefail
source "$(dirname "$0")/lib.sh"

suite=${1:-trixie}
image=debian:$suite
docker image inspect "$image" >/dev/null 2>&1 && exit 0
if timeout 60 docker pull -q "$image" >/dev/null 2>&1; then
    log "pulled $image"
    exit 0
fi
command -v mmdebstrap >/dev/null || { as_root apt-get update -qq; apt_install mmdebstrap; }
log "building $image with mmdebstrap"
# Without force-unsafe-io dpkg waits for the disk at each file: a third of what an installation takes, for a host that is thrown away.
as_root mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-unsafe-io \
    "$suite" - "$(debian_mirror)" \
    | docker import --change 'CMD ["bash"]' --change 'LABEL steady.lab.base=1' - "$image" >/dev/null
