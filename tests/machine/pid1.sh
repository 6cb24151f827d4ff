#!/bin/sh
# systemd as PID 1 on a copy-on-write root, in namespaces of its own. What it changes is gone with it.
#
#   pid1.sh LOWER WORK SHARED TARGET PROGRAM
#
# LOWER: the root that is copied on write, never written. WORK: an empty folder. SHARED: a folder seen inside as /shared.
# TARGET: what is started. PROGRAM: what is /usr/bin/conductor inside, or nothing.
set -e
lower=$1 work=$2 shared=$3 target=$4 program=$5

if [ -z "$INSIDE" ]; then
    # A cgroup of its own, so that two of these know nothing of each other.
    mount --make-rprivate /
    mkdir -p "$work/cgroup"
    mount -t cgroup2 none "$work/cgroup"
    mkdir "$work/cgroup/$(basename "$work")"
    echo $$ > "$work/cgroup/$(basename "$work")/cgroup.procs"
    umount "$work/cgroup"
    INSIDE=yes exec unshare -mpfuiC --kill-child --mount-proc "$0" "$@"
fi

mkdir -p "$work/mem"
mount -t tmpfs -o mode=755 tmpfs "$work/mem"
mkdir "$work/mem/upper" "$work/mem/work" "$work/mem/root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/mem/upper,workdir=$work/mem/work" "$work/mem/root"
root=$work/mem/root

mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp" "$root/shared" "$root/.old"
mount -t proc proc "$root/proc"
# The kernel's settings are not this machine's.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
touch "$root/dev/console"
touch "$work/console"
mount --bind "$work/console" "$root/dev/console"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$shared" "$root/shared"
if [ -n "$program" ]; then
    touch "$root/usr/bin/conductor"
    mount --bind "$program" "$root/usr/bin/conductor"
fi

# Of the root's own services only the journal and temporary files: this is no machine to be administered.
rm -rf "$root/usr/sbin/policy-rc.d" "$root/etc/fstab" "$root/etc/systemd/system" "$root/lib/systemd/system-generators" "$root/var/log/journal"
mkdir -p "$root/etc/systemd/system"
for unit in "$root"/lib/systemd/system/sysinit.target.wants/* "$root"/lib/systemd/system/local-fs.target.wants/* \
    "$root"/lib/systemd/system/sockets.target.wants/* "$root"/lib/systemd/system/timers.target.wants/*; do
    case "${unit##*/}" in
        # The kernel's audit is the host's.
        systemd-journald-audit.socket) ln -sf /dev/null "$root/etc/systemd/system/${unit##*/}" ;;
        systemd-journal*.s* | systemd-tmpfiles-setup.service | "*") ;;
        *) ln -sf /dev/null "$root/etc/systemd/system/${unit##*/}" ;;
    esac
done
: > "$root/etc/machine-id"

# A container's manager leaves mounts as they are, and hands credentials over by one that must be seen elsewhere too.
cd "$root"
pivot_root . .old
exec env -i container=trial PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 /bin/sh -c \
    "umount -l /.old; mount --make-rshared /; exec /lib/systemd/systemd --system --unit=$target --log-target=journal --show-status=0"
