#!/bin/sh
# 10_linux of kdumpkit's lab on a system with boot entries. Debian's GRUB has no blscfg module: what is written into
# grub.cfg here reads the entries at each boot, in GRUB's own script language. An entry is a GRUB script whose first
# words are functions of it; `linux` and `initrd` are commands only once their module is loaded, which this GRUB does
# not do by itself. Entries are sorted by name as text, the last one first. The default is handed on as a title: GRUB
# 2.06 takes a name that begins with a digit, as most machine ids do, for the number of an entry.
set -e
prefix=/usr
exec_prefix=/usr
datarootdir=/usr/share
. "$pkgdatadir/grub-mkconfig_lib"
prepare_grub_to_access_device $(${grub_probe} --target=device /boot)
cat << 'END'
insmod regexp
function title { set bls_title="$*"; }
function version { true; }
function linux { set bls_linux="$1"; }
function initrd { set bls_initrd="$*"; }
function options { set bls_options="$*"; }
function grub_users { true; }
function grub_arg { true; }
function grub_class { true; }
function id { true; }
function architecture { true; }
function blscfg {
    set bls_below="~"
    while true; do
        set bls_id=""
        for bls_file in ($root)/boot/loader/entries/*.conf; do
            regexp --set=1:bls_name '([^/]*)\.conf$' "$bls_file"
            if [ "$bls_name" '<' "$bls_below" ]; then
                if [ "$bls_name" '>' "$bls_id" ]; then set bls_id="$bls_name"; fi
            fi
        done
        if [ -z "$bls_id" ]; then break; fi
        set bls_below="$bls_id"
        set bls_title=""
        set bls_linux=""
        set bls_initrd=""
        set bls_options=""
        source ($root)/boot/loader/entries/$bls_id.conf
        if [ "$bls_id" = "$default" ]; then set default="$bls_title"; fi
        menuentry "$bls_title" --unrestricted --id "$bls_id" "$bls_linux" "$bls_initrd" "$bls_options" {
            insmod linux
            echo "Loading $2 ..."
            linux $2 $4
            initrd $3
        }
    done
}
blscfg
END
