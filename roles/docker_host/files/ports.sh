#!/bin/sh
# Keeps the ports that containers publish on loopback while the engine starts anew, with userland-proxy off.
#
# before: run before the engine starts. Its rules of before still stand, until it flushes and rewrites them; ours send
#         the same ports to the same containers meanwhile.
# after:  run once the engine is ready. Its own rules are back.
set -eu

ipt() { iptables --wait 20 "$@"; }

# What the engine's rules say: ADDRESS PROTOCOL PORT CONTAINER CONTAINER-PORT.
published() {
    iptables-save --table nat | sed -nE \
        's#^-A DOCKER -d (127[0-9./]+) .*-p (tcp|udp) .*--dport ([0-9]+) -j DNAT --to-destination ([0-9.]+):([0-9]+)$#\1 \2 \3 \4 \5#p'
}

# chain NAME HOOK: an own chain, asked before the engine's.
chain() {
    ipt --table nat --new-chain "$1" 2>/dev/null || true
    ipt --table nat --check "$2" --jump "$1" 2>/dev/null || ipt --table nat --insert "$2" --jump "$1"
}

# rule CHAIN MATCH...: once, however often an engine that does not come up is started.
rule() { ipt --table nat --check "$@" 2>/dev/null || ipt --table nat --append "$@"; }

hold() {
    published | while read -r address protocol port container inside; do
        chain STEADY-PORTS OUTPUT
        chain STEADY-PORTS-BACK POSTROUTING
        rule STEADY-PORTS --destination "$address" --protocol "$protocol" --dport "$port" \
            --jump DNAT --to-destination "$container:$inside"
        rule STEADY-PORTS-BACK --source 127.0.0.0/8 --destination "$container" \
            --protocol "$protocol" --dport "$inside" --jump MASQUERADE
    done
}

drop() {
    ipt --table nat --delete "$2" --jump "$1" 2>/dev/null || true
    ipt --table nat --flush "$1" 2>/dev/null || true
    ipt --table nat --delete-chain "$1" 2>/dev/null || true
}

case ${1:-} in
    before)
        # The engine lets loopback addresses through its bridges (route_localnet). Without this a container could reach
        # what listens on the host's loopback only. Nothing from outside may have such an address.
        ipt --table raw --check PREROUTING ! --in-interface lo --destination 127.0.0.0/8 --jump DROP 2>/dev/null \
            || ipt --table raw --insert PREROUTING ! --in-interface lo --destination 127.0.0.0/8 --jump DROP
        # An engine that starts without this is better than none.
        hold || echo "published ports may refuse connections until the engine is ready" >&2
        ;;
    after)
        drop STEADY-PORTS OUTPUT
        drop STEADY-PORTS-BACK POSTROUTING
        ;;
    *)
        echo "usage: $0 before|after" >&2
        exit 64
        ;;
esac
