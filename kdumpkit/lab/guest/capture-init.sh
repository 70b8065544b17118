#!/bin/busybox sh
# PID 1 of the lab's capture kernel: saves the log, then the dump, as kdump.conf says, and reboots.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec < /dev/console > /dev/console 2>&1
say() { echo "kdump[1]: $*"; }
act() {
    sync
    umount /sysroot 2> /dev/null
    say "$1 after $(cut -d ' ' -f 1 /proc/uptime) s"
    case "$1" in
        halt) halt -f ;;
        poweroff) poweroff -f ;;
        shell) sh ;;
    esac
    reboot -f
}
. /etc/kdump
for module in /modules/*.ko; do
    [ -f "$module" ] && { insmod "$module" || say "insmod $module failed"; }
done
waited=0
until device=$(findfs "UUID=$DEVICE" 2> /dev/null) && [ -n "$device" ]; do
    waited=$((waited + 1))
    [ $waited -gt 150 ] && { say "no device with UUID $DEVICE"; act "$FAILURE_ACTION"; }
    usleep 200000
done
say "dump target is $device"
mount -t ext4 "$device" /sysroot || { say "failed to mount $device"; act "$FAILURE_ACTION"; }
folder="/sysroot$DUMP_PATH/127.0.0.1-$(date +%Y-%m-%d-%H:%M:%S)"
say "saving to $folder/"
mkdir -p "$folder" || { say "failed to make $folder"; act "$FAILURE_ACTION"; }
umask 077
say "saving vmcore-dmesg.txt"
if vmcore-dmesg /proc/vmcore > "$folder/vmcore-dmesg-incomplete.txt"; then
    sync
    mv "$folder/vmcore-dmesg-incomplete.txt" "$folder/vmcore-dmesg.txt"
    say "saving vmcore-dmesg.txt complete"
else
    say "saving vmcore-dmesg.txt failed"
fi
say "saving vmcore"
if $COLLECTOR /proc/vmcore "$folder/vmcore-incomplete"; then
    sync
    mv "$folder/vmcore-incomplete" "$folder/vmcore"
    say "saving vmcore complete"
    dmesg > "$folder/kexec-dmesg.log"
    act "$FINAL_ACTION"
fi
say "saving vmcore failed"
dmesg > "$folder/kexec-dmesg.log"
act "$FAILURE_ACTION"
