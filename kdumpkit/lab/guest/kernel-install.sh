#!/bin/bash
# kernel-install of kdumpkit's lab: `add RELEASE IMAGE` and `remove RELEASE` keep one boot entry per kernel.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
command=$1 release=$2
entries=/boot/loader/entries
id=$(cat /etc/machine-id)-$release
. /etc/os-release
case "$command" in
    add)
        if [ -f /etc/kernel/cmdline ]; then
            options=$(cat /etc/kernel/cmdline)
        else
            GRUB_CMDLINE_LINUX=
            GRUB_DEVICE=$(awk '$1 !~ /^#/ && $2 == "/" { print $1; exit }' /etc/fstab)
            . /etc/default/grub
            options="root=$GRUB_DEVICE ro $GRUB_CMDLINE_LINUX"
        fi
        mkdir -p $entries
        cat > "$entries/$id.conf" << END
title $NAME ($release) $VERSION
version $release
linux /boot/vmlinuz-$release
initrd /boot/initramfs-$release.img
options $options
grub_users \$grub_users
grub_arg --unrestricted
grub_class ${ID%%-*}
END
        if grep -q '^UPDATEDEFAULT=yes' /etc/sysconfig/kernel; then
            grub2-editenv /boot/grub2/grubenv set "saved_entry=$id"
        fi ;;
    remove)
        rm -f "$entries/$id.conf" "/boot/initramfs-${release}kdump.img"
        if grub2-editenv /boot/grub2/grubenv list | grep -qx "saved_entry=$id"; then
            newest=$(ls $entries | sed 's/\.conf$//' | sort -V | tail -n 1)
            grub2-editenv /boot/grub2/grubenv set "saved_entry=$newest"
        fi ;;
    *) echo "kernel-install: unknown command $command" >&2; exit 1 ;;
esac
