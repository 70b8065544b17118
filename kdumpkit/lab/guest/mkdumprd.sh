#!/bin/bash
# mkdumprd of kdumpkit's lab: mkdumprd [-f] IMAGE [KERNEL-VERSION] writes the initial RAM disk of the capture kernel.
# Not dracut: busybox, makedumpfile, the modules that the root needs, and a short init of the lab's own. A dump goes
# to the file system of the machine's root; any other target is refused here rather than forgotten in the capture.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
CONFIG=/etc/kdump.conf
LAB=/usr/lib/kdump
image= release=
for word in "$@"; do
    case "$word" in
        # it always writes a new one
        -f | --force | --rebuild) ;;
        -*) echo "mkdumprd: unknown option $word" >&2; exit 1 ;;
        *) if [ -z "$image" ]; then image=$word; else release=$word; fi ;;
    esac
done
release=${release:-$(uname -r)}

fail() { echo "mkdumprd: $*" >&2; exit 1; }
configured() { awk -v key="$1" '$1 == key { $1 = ""; sub(/^ /, ""); sub(/[ \t]*#.*/, ""); print; exit }' $CONFIG; }

for target in raw nfs ssh ext2 ext3 ext4 xfs btrfs minix virtiofs; do
    value=$(configured $target)
    [ -z "$value" ] || fail "dump target $target $value cannot be used in the lab: only the root file system can"
done
path=$(configured path)
path=${path:-/var/crash}
[ -n "$image" ] || fail "no image was named"
collector=$(configured core_collector)
collector=${collector:-makedumpfile -l --message-level 7 -d 31}
failure=$(configured failure_action)
[ -n "$failure" ] || failure=$(configured default)
final=$(configured final_action)
[ -d "$path" ] || fail "Dump path $path does not exist."
case "$collector" in
    makedumpfile\ *) makedumpfile --check-params ${collector#makedumpfile } vmcore dump >/dev/null \
        || fail "Invalid core_collector: $collector" ;;
    cp | cp\ *) ;;
    *) fail "core_collector $collector is not in the lab's capture" ;;
esac
device=$(findmnt --noheadings --output UUID --target "$path")
[ -n "$device" ] || fail "no UUID for the file system of $path"
mounted_on=$(findmnt --noheadings --output TARGET --target "$path")

work=$(mktemp -d /var/tmp/mkdumprd.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p bin dev proc sys sysroot etc modules tmp lib64
cp $LAB/busybox bin/busybox
cp $LAB/capture-init init
chmod 755 init
for program in makedumpfile vmcore-dmesg; do
    full=$(command -v $program)
    cp "$full" bin/
    for library in $(ldd "$full" | grep -o '/[^ ]*'); do
        [ -e ".$library" ] || { mkdir -p ".${library%/*}"; cp -L "$library" ".$library"; }
    done
done
# The order is modprobe's: virtio.ko before what needs it.
order=0
for module in virtio_pci virtio_blk dm_mod ext4; do
    modprobe --show-depends --set-version "$release" $module | while read -r verb file rest; do
        [ "$verb" = insmod ] && echo "$file"
    done
done | awk '!seen[$0]++' > etc/order
while read -r file; do
    order=$((order + 1))
    cp "$file" "modules/$(printf %02d $order)-${file##*/}"
done < etc/order
{
    printf 'DEVICE=%q\n' "$device"
    # the path inside that file system
    printf 'DUMP_PATH=%q\n' "/${path#"${mounted_on%/}"/}"
    printf 'COLLECTOR=%q\n' "$collector"
    printf 'FAILURE_ACTION=%q\n' "${failure:-reboot}"
    printf 'FINAL_ACTION=%q\n' "${final:-reboot}"
} > etc/kdump
find . | cpio --quiet -o -H newc | gzip -1 > "$image.new"
chmod 600 "$image.new"
mv "$image.new" "$image"
