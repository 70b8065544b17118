#!/bin/sh
# grub2-mkconfig of kdumpkit's lab on a system with boot entries: writes grub.cfg and leaves the entries alone, unless
# it is given --update-bls-cmdline.
set -e
update=
for word in "$@"; do
    shift
    if [ "$word" = --update-bls-cmdline ]; then update=yes; else set -- "$@" "$word"; fi
done
if [ -n "$update" ]; then
    GRUB_CMDLINE_LINUX=
    . /etc/default/grub
    root=$(awk '$1 !~ /^#/ && $2 == "/" { print $1; exit }' /etc/fstab)
    for entry in /boot/loader/entries/*.conf; do
        WORDS="root=$root ro $GRUB_CMDLINE_LINUX" awk \
            '$1 == "options" { print "options " ENVIRON["WORDS"]; next } { print }' "$entry" > "$entry.new"
        mv "$entry.new" "$entry"
    done
fi
exec /usr/lib/grub/lab/grub-mkconfig "$@"
