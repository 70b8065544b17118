# Enterprise Linux's names for the boot files and for GRUB's programs, and the first grub.cfg.
. /etc/os-release
major=${VERSION_ID%%.*}
for release in $(linux-version list); do
    mv "/boot/initrd.img-$release" "/boot/initramfs-$release.img"
done
rm -f /vmlinuz* /initrd.img*
for name in mkconfig set-default reboot; do
    # two of them put the path together from a variable
    sed 's,/boot/grub\b,/boot/grub2,g; s,{bootdir}/grub\b,{bootdir}/grub2,g
        s,grub-set-default,grub2-set-default,g; s,grub-reboot,grub2-reboot,g' \
        /usr/sbin/grub-$name > /usr/sbin/grub2-$name
    chmod 755 /usr/sbin/grub2-$name
    rm /usr/sbin/grub-$name
done
rm -f /usr/sbin/update-grub /usr/sbin/update-grub2 /usr/sbin/grub-install /etc/grub.d/05_debian_theme
rm -f /etc/grub.d/20_linux_xen /etc/grub.d/30_os-prober /etc/grub.d/30_uefi-firmware
sed -i 's,/boot/grub\b,/boot/grub2,g' /etc/grub.d/00_header
# Versions are compared without dpkg, which a finished guest does not have.
sed -i 's/^  dpkg --compare-versions /  version_test_numeric /' /usr/share/grub/grub-mkconfig_lib
cat > /usr/bin/grub2-editenv << 'END'
#!/bin/sh
case "$1" in
    -) shift; set -- /boot/grub2/grubenv "$@" ;;
    /*) ;;
    *) set -- /boot/grub2/grubenv "$@" ;;
esac
exec grub-editenv "$@"
END
chmod 755 /usr/bin/grub2-editenv
for name in script-check mkrelpath file mkimage; do ln -s grub-$name /usr/bin/grub2-$name; done
ln -s grub-probe /usr/sbin/grub2-probe
ln -s ../boot/grub2/grub.cfg /etc/grub2.cfg
if [ "$major" -ge 9 ]; then
    mkdir -p /usr/lib/grub/lab
    mv /usr/sbin/grub2-mkconfig /usr/lib/grub/lab/grub-mkconfig
    mv /usr/src/lab/bls-mkconfig /usr/sbin/grub2-mkconfig
    mv /usr/src/lab/bls-menu /etc/grub.d/10_linux
    # These two words are what an entry says until the module is loaded by name.
    sed -i '/^\**linux: /d; /^\**initrd: /d' /boot/grub2/i386-pc/command.lst
else
    # As its GRUB names entries, and starts kernels under BIOS.
    sed -i 's, GNU/Linux"$,",; s/"%s, with Linux %s"/"%s (%s) 7 (Core)"/; s/^\tlinux\t/\tlinux16\t/
        s/^\tinitrd\t/\tinitrd16\t/; s,/boot/grub\b,/boot/grub2,g' /etc/grub.d/10_linux
fi
grub2-mkconfig -o /boot/grub2/grub.cfg
