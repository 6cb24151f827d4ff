#!/bin/bash
# What the script under test calls, in the place of a network: `ip`, `networkctl`, `sleep`. The name it is called by counts.
# Its memory lies in $APPLIANCE_ROOT: calls (a line each), silent (the gateway does not answer), deaf (networkd fails),
# on-sleep (run at each sleep; nothing here ever waits).
world=$APPLIANCE_ROOT
case ${0##*/} in
networkctl)
    echo "networkctl $*" >>"$world/calls"
    [ ! -e "$world/deaf" ]
    ;;
sleep)
    if [ -x "$world/on-sleep" ]; then "$world/on-sleep"; fi
    ;;
ip)
    # What networkd would have made of the first file; without one DHCP gives something.
    in_force=/dev/null
    for file in "$world"/data/network/*.network "$world"/run/systemd/network/*.network; do
        [ -e "$file" ] && in_force=$file
    done
    values() { sed -n "s/^$1=//p" "$in_force"; }
    case "$*" in
    "-j -4 route show default")
        if grep -qs DHCP=no "$in_force"; then
            values Gateway | jq -R '{dst: "default", gateway: ., dev: "eth0", protocol: "static"}' | jq -s .
        else
            echo '[{"dst": "default", "gateway": "192.0.2.254", "dev": "eth0", "protocol": "dhcp"}]'
        fi
        ;;
    "-j address show")
        values Address | jq -R 'split("/") | {local: .[0], prefixlen: .[1] | tonumber}' | jq -s '[{addr_info: .}]'
        ;;
    "neigh show to "*)
        if [ -e "$world/silent" ]; then echo "$4 dev eth0 FAILED"; else echo "$4 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE"; fi
        ;;
    "neigh "*) ;;
    *) echo '[]' ;;
    esac
    ;;
esac
