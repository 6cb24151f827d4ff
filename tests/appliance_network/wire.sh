#!/bin/bash
# wire.sh SCRIPT: the script under test with this kernel's network, the real systemd-networkd and networkctl, in namespaces
# of its own (unshare -m -n). A second namespace at the other end of a cable is the gateway 192.0.2.1.
set -u
script=$1
world=$APPLIANCE_ROOT
rm "$world/bin/networkctl" "$world/bin/sleep" "$world/bin/ip"
# As many looks as on the box, in a twentieth of the time.
printf '#!/bin/bash\nexec /bin/sleep 0.1\n' >"$world/bin/sleep"
chmod 755 "$world/bin/sleep"

mount -t tmpfs tmpfs /run
mount -t sysfs -o ro sysfs /sys
mkdir -p /run/systemd/network /run/dbus "$world/run/systemd/network"
# Without udev it would wait for it; in a container it does not.
echo lxc >/run/systemd/container
mount --bind "$world/run/systemd/network" /run/systemd/network
mount --bind "$world/data/network" /etc/systemd/network

ip link set lo up
ip link add eth0 type veth peer name peer
mkfifo /run/up /run/over /run/bus
unshare -n bash -c 'echo >/run/up; read -r <>/run/over' &
gateway=$!
read -r </run/up
ip link set peer netns "$gateway"
nsenter -t "$gateway" -n bash -c 'ip link set peer up; ip address add 192.0.2.1/24 dev peer'

dbus-daemon --system --nofork --nopidfile --print-address=3 3>/run/bus 2>"$world/bus.log" &
bus=$!
read -r </run/bus
/lib/systemd/systemd-networkd >"$world/networkd.log" 2>&1 &
networkd=$!
# Ready once it has its name on the bus.
for _ in {1..300}; do
    networkctl list >/dev/null 2>&1 && networkctl reload 2>/dev/null && break
    /bin/sleep 0.1
done

addresses() { ip -j -4 address show dev eth0 | jq -r '.[].addr_info[] | "\(.local)/\(.prefixlen)"'; }
for typed in 192.0.2.20,192.0.2.1 192.0.2.30,192.0.2.9; do
    printf 'mode = "static"\naddresses = ["%s/24"]\ngateways = ["%s"]\nntp = ["ntp.acme.example"]\n' \
        "${typed%,*}" "${typed#*,}" >"$world/typed.toml"
    bash "$script" now "$world/typed.toml" >>"$world/said" 2>&1
    echo "exit $?"
    # Going back is under way.
    for _ in {1..300}; do
        [ "$(addresses)" = 192.0.2.20/24 ] && break
        /bin/sleep 0.1
    done
    echo "in force: $(addresses)"
done
kill "$networkd" "$bus" "$gateway"
exit 0
