#!/bin/bash
# kdumpctl of kdumpkit's lab: arms the capture kernel on a guest that is laid out like Enterprise Linux.
# Commands, files, messages' meaning and exit statuses as there; the program is the lab's own.
# Not here: estimate's module list, propagate, fadump, and `test`, which would crash the machine.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
CONFIG=/etc/kdump.conf
MKDUMPRD=/usr/sbin/mkdumprd

. /etc/os-release
major=${VERSION_ID%%.*}
[ -f /etc/sysconfig/kdump ] && . /etc/sysconfig/kdump

say() {
    if [ "$major" -ge 9 ]; then echo "kdump: $*"; else echo "$*"; fi
}

kernel_version=${KDUMP_KERNELVER:-$(uname -r)}
kernel=/boot/${KDUMP_IMG:-vmlinuz}-$kernel_version$KDUMP_IMG_EXT
image=/boot/initramfs-${kernel_version}kdump.img

is_loaded() { [ "$(cat /sys/kernel/kexec_crash_loaded 2>/dev/null)" = 1 ]; }

configured() { awk -v key="$1" '$1 == key { $1 = ""; sub(/^ /, ""); print; exit }' $CONFIG; }

check_config() {
    [ -f $CONFIG ] || { say "Error: No kdump config file found!"; return 1; }
    local key rest seen=" " targets=0
    while read -r key rest; do
        case "$key" in
            '' | '#'*) continue ;;
            raw | nfs | ssh | ext2 | ext3 | ext4 | xfs | btrfs | minix | virtiofs) targets=$((targets + 1)) ;;
            path | core_collector | kdump_pre | kdump_post | extra_bins | extra_modules | failure_action | default | \
                final_action | force_rebuild | force_no_rebuild | dracut_args | fence_kdump_args | fence_kdump_nodes | \
                sshkey | auto_reset_crashkernel | kdump_emergency) ;;
            net | options | link_delay | disk_timeout | debug_mem_level | blacklist)
                say "Deprecated kdump config option: $key. Refer to kdump.conf manpage for alternatives."; return 1 ;;
            *) say "Invalid kdump config option $key"; return 1 ;;
        esac
        [ -n "$rest" ] || { say "Invalid kdump config value for option $key"; return 1; }
        case "$key $seen" in
            extra_* | dracut_args*) ;;
            "$key "*" $key "*) say "More than one $key in $CONFIG"; return 1 ;;
        esac
        seen="$seen$key "
    done < <(sed 's/#.*//' $CONFIG)
    [ $targets -le 1 ] || { say "More than one dump targets specified"; return 1; }
}

stale_because() {
    [ -f "$image" ] || { echo "no $image"; return 0; }
    [ "$(configured force_rebuild)" = 1 ] && { echo "force_rebuild is set"; return 0; }
    [ "$(configured force_no_rebuild)" = 1 ] && return 1
    local file changed=
    for file in $CONFIG "$kernel" /etc/fstab $MKDUMPRD; do
        [ "$file" -nt "$image" ] && changed="$changed $file"
    done
    [ -n "$changed" ] && echo "Detected change(s) in the following file(s): $changed"
}

rebuild() {
    say "Rebuilding $image"
    $MKDUMPRD "$image" "$kernel_version" || { say "mkdumprd: failed to make kdump initrd"; return 1; }
}

capture_command_line() {
    local word name drop line=
    for word in ${KDUMP_COMMANDLINE:-$(cat /proc/cmdline)}; do
        name=${word%%=*}
        for drop in $KDUMP_COMMANDLINE_REMOVE crashkernel panic_on_warn root rd.lvm.lv rd.luks.uuid rd.dm.uuid \
            rd.md.uuid fcoe netroot BOOT_IMAGE; do
            [ "$name" = "$drop" ] && continue 2
        done
        line="$line $word"
    done
    line="$line $KDUMP_COMMANDLINE_APPEND"
    echo "${line# }"
}

load() {
    if [ "$(cat /sys/kernel/kexec_crash_size 2>/dev/null || echo 0)" = 0 ]; then
        say "No memory reserved for crash kernel"
        return 1
    fi
    if ! kexec $KEXEC_ARGS -p --command-line="$(capture_command_line)" --initrd="$image" "$kernel"; then
        say "kexec: failed to load kdump kernel"
        return 1
    fi
    say "kexec: loaded kdump kernel"
}

start() {
    if is_loaded; then say "Kdump already running: [WARNING]"; return 0; fi
    local why
    check_config || { say "Starting kdump: [FAILED]"; return 1; }
    if why=$(stale_because); then
        say "$why"
        rebuild || { say "Starting kdump: [FAILED]"; return 1; }
    fi
    load || { say "Starting kdump: [FAILED]"; return 1; }
    say "Starting kdump: [OK]"
}

stop() {
    is_loaded && { kexec $KEXEC_ARGS -p -u || { say "kexec: failed to unload kdump kernel"; return 1; }; }
    say "Stopping kdump: [OK]"
}

default_crashkernel() { echo "1G-4G:192M,4G-64G:256M,64G-:512M"; }

reset_crashkernel() {
    local which
    which=$(grubby --default-kernel) || return 1
    for word in "$@"; do
        case "$word" in
            --kernel=*) which=${word#--kernel=} ;;
            *) say "unsupported option $word"; return 1 ;;
        esac
    done
    grubby --update-kernel="$which" --args="crashkernel=$(default_crashkernel)" \
        || { say "grubby failed: crashkernel is not changed"; return 1; }
    say "Updated crashkernel=$(default_crashkernel) for kernel=$which. Please reboot the system for the change to take effect."
}

newer_only() {
    [ "$major" -ge 9 ] || usage
}

usage() {
    if [ "$major" -ge 9 ]; then
        say "Usage: $0 {estimate|start|stop|status|restart|reload|rebuild|reset-crashkernel|showmem|get-default-crashkernel}"
    else
        echo "Usage: $0 {start|stop|status|restart|reload|showmem}"
    fi
    exit 1
}

command=$1
shift
case "$command" in
    start) start ;;
    stop) stop ;;
    restart) stop; start ;;
    reload) stop; start ;;
    rebuild) newer_only; check_config && rebuild ;;
    status)
        if is_loaded; then say "Kdump is operational"; else say "Kdump is not operational"; exit 3; fi ;;
    showmem) say "Reserved $(($(cat /sys/kernel/kexec_crash_size) >> 20))MB memory for crash kernel" ;;
    get-default-crashkernel) newer_only; default_crashkernel ;;
    reset-crashkernel) newer_only; reset_crashkernel "$@" ;;
    estimate)
        newer_only
        [ -f "$image" ] || rebuild || exit 1
        echo "Reserved crashkernel:    $(($(cat /sys/kernel/kexec_crash_size) >> 20))M"
        echo "Recommended crashkernel: 192M"
        echo "Kernel image size:   $(($(stat -c %s "$kernel") >> 20))M"
        echo "Initramfs size:      $(($(stat -c %s "$image") >> 20))M" ;;
    *) usage ;;
esac
