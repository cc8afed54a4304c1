#!/usr/bin/env bash
# Bring up an ACME CA for the lab: Pebble. It validates over HTTP on port 80 of what Docker's DNS gives for a name.
#
# Usage: lab/acme.sh                    the CA
#        lab/acme.sh HOST NAME...       the CA, and NAME... lead to the lab host HOST
#
#   directory  https://acme.lab:14000/dir, from the hosts
#   its CA     .lab/acme/ca.pem, which signed the directory's own certificate
#   texts      http://acme.lab:8055/NAME, PUT and DELETE of TXT records
set -euo pipefail
cd "$(dirname "$0")"
source ./lib.sh

# Docker takes further names of a container only where it is plugged in.
lead_to() {
    local host=$1 name
    local -a aliases=()
    shift
    local known
    known=$(docker inspect --format "{{range (index .NetworkSettings.Networks \"$LAB_NETWORK\").Aliases}} {{.}} {{end}}" "$host")
    for name in "$@"; do
        [[ $known == *" $name "* ]] || aliases=(present)
    done
    [ ${#aliases[@]} -gt 0 ] || return 0
    aliases=()
    for name in $known "$@"; do aliases+=(--alias "$name"); done
    docker network disconnect "$LAB_NETWORK" "$host"
    docker network connect "${aliases[@]}" "$LAB_NETWORK" "$host"
}

./engine.sh
./base-image.sh
lab_network
lab_image steady-lab-acme pebble
lab_discard_outdated steady-lab-acme steady-lab-acme
lab_container steady-lab-acme steady-lab-acme --network-alias acme.lab
lab_listening steady-lab-acme 14000
install -d "$LAB_STATE/acme"
docker exec steady-lab-acme cat /pebble/ca.pem >"$LAB_STATE/acme/ca.pem.$$"
mv "$LAB_STATE/acme/ca.pem.$$" "$LAB_STATE/acme/ca.pem"
[ $# -lt 2 ] || lead_to "$@"
log "ACME directory https://acme.lab:14000/dir, its CA in .lab/acme/ca.pem"
