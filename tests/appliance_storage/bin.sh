#!/bin/bash
# What the script under test calls, in the place of disks and of a TPM2. The name it is called by counts. Its memory lies in
# $APPLIANCE_ROOT: calls (a line each), esp/ (what lies on the ESP), luks (there is a LUKS2, sealed by the TPM2 named in it),
# dev/tpmrm0 (the name of the TPM2), keyless (that keeps no key), torn (the ESP takes nothing more).
world=$APPLIANCE_ROOT
name=${0##*/}
echo "$name $*" >>"$world/calls"
case $name in
mount)
    case $* in
    *by-partlabel/esp*) cp -a "$world/esp/." "$world/efi/" ;;
    esac
    ;;
umount)
    if [ ! -e "$world/torn" ]; then
        rm -rf "$world/esp"
        cp -a "$world/efi" "$world/esp"
    fi
    rm -rf "$world/efi"
    mkdir "$world/efi"
    ;;
cryptsetup)
    case $1 in
    isLuks) [ -e "$world/luks" ] ;;
    luksErase) rm "$world/luks" ;;
    luksFormat) echo nobody >"$world/luks" ;;
    open) cmp -s "$world/luks" "$world/dev/tpmrm0" ;;
    esac
    ;;
systemd-cryptenroll)
    case $* in
    *--wipe-slot=password*) ;;
    *)
        if [ -e "$world/keyless" ]; then
            echo "the TPM2 is locked" >&2
            exit 1
        fi
        cp "$world/dev/tpmrm0" "$world/luks"
        ;;
    esac
    ;;
wipefs) rm -f "$world/luks" ;;
esac
