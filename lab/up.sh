#!/usr/bin/env bash
# Bring up the lab: engine, base image, registry and one managed host.
#
# Usage: lab/up.sh [NAME SSH_PORT HTTP_PORT [HTTPS_PORT [SUITE]]]
#        (default: steady-lab-host 2201 8080 8443 trixie; HTTPS_PORT: HTTP_PORT + 363)
#
# Call it again with another name and other ports for a further host. What already
# runs is left alone. Every port is published on 127.0.0.1 only.
#   hosts      ssh -i .lab/ssh/id_ed25519 -o UserKnownHostsFile=.lab/ssh/known_hosts -p SSH_PORT ops@127.0.0.1
#   registry   127.0.0.1:5000 from here, registry.lab:5000 from the hosts
set -euo pipefail
cd "$(dirname "$0")"
source ./lib.sh

NAME=${1:-steady-lab-host}
SSH_PORT=${2:-2201}
HTTP_PORT=${3:-8080}
HTTPS_PORT=${4:-$((HTTP_PORT + 363))}
SUITE=${5:-trixie}
IMAGE=steady-lab-host-$SUITE
SSH_DIR=$LAB_STATE/ssh

ssh_key() {
    command -v ssh-keygen >/dev/null || { as_root apt-get update -qq; apt_install openssh-client; }
    [ -f "$SSH_DIR/id_ed25519" ] && return
    install -d -m 0700 "$SSH_DIR"
    ssh-keygen -q -t ed25519 -N '' -C steady-lab -f "$SSH_DIR/id_ed25519"
}

registry_up() {
    lab_image steady-lab-registry registry
    lab_discard_outdated steady-lab-registry steady-lab-registry
    lab_container steady-lab-registry steady-lab-registry \
        --network-alias registry.lab -p 127.0.0.1:5000:5000 \
        -v steady-lab-registry:/var/lib/registry
}

host_up() {
    lab_image "$IMAGE" host --build-arg "SUITE=$SUITE"
    lab_discard_outdated "$NAME" "$IMAGE" "$NAME-docker"
    docker volume create --label "$LAB_LABEL" "$NAME-docker" >/dev/null
    # Systemd needs the cgroup tree; its own Docker needs privileges and a volume that is not an overlay.
    lab_container "$NAME" "$IMAGE" \
        --privileged --cgroupns=host -v /sys/fs/cgroup:/sys/fs/cgroup:rw \
        --tmpfs /run --tmpfs /tmp -v "$NAME-docker:/var/lib/docker" \
        -p "127.0.0.1:$SSH_PORT:22" -p "127.0.0.1:$HTTP_PORT:80" -p "127.0.0.1:$HTTPS_PORT:443"
}

# Waits for systemd, then lets our key in and learns the host's key from the host itself.
host_ready() {
    local state=''
    for _ in $(seq 120); do
        state=$(docker exec "$NAME" systemctl is-system-running 2>/dev/null || true)
        case $state in running | degraded) break ;; esac
        sleep 0.25
    done
    if [ "$state" != running ]; then
        log "$NAME: systemd says '${state:-nothing}'" >&2
        docker exec "$NAME" systemctl --no-pager --failed >&2 || true
        docker logs --tail 20 "$NAME" >&2 || true
        return 1
    fi
    docker exec -i "$NAME" sh -c 'install -d -m 0700 -o ops -g ops /home/ops/.ssh
        cat >/home/ops/.ssh/authorized_keys && chown ops: /home/ops/.ssh/authorized_keys' <"$SSH_DIR/id_ed25519.pub"
    touch "$SSH_DIR/known_hosts"
    ssh-keygen -q -R "[127.0.0.1]:$SSH_PORT" -f "$SSH_DIR/known_hosts" >/dev/null 2>&1 || true
    printf '[127.0.0.1]:%s %s\n' "$SSH_PORT" \
        "$(docker exec "$NAME" cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub)" >>"$SSH_DIR/known_hosts"
}

./engine.sh
# Two hosts made at once would make the same key, image, network and registry. The engine is up by now: it must not inherit this.
exec 9>"$LAB_STATE/up.lock"
flock 9
./base-image.sh
[ "$SUITE" = trixie ] || ./base-image.sh "$SUITE"
ssh_key
lab_network
docker volume create --label "$LAB_LABEL" steady-lab-registry >/dev/null
registry_up
host_up
lab_listening steady-lab-registry 5000
host_ready
log "host $NAME: ssh 127.0.0.1:$SSH_PORT, http 127.0.0.1:$HTTP_PORT, https 127.0.0.1:$HTTPS_PORT; registry 127.0.0.1:5000"
