# Packages, package source and package database of a guest that is laid out like Enterprise Linux.
. /etc/os-release
major=${VERSION_ID%%.*}
lab=/usr/src/lab
work=$lab/rpm
repository=/srv/repo
mkdir -p $work $repository /var/lib/rpm
rpm --initdb

build() { # NAME: the package of $work/NAME.spec
    rpmbuild -bb --quiet --define "_topdir $work" --define "_rpmdir $repository" --define "_tmppath $work" \
        --define "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm" --define "debug_package %{nil}" \
        --define "__os_install_post %{nil}" --define "_build_id_links none" --define "_binary_payload w1.zstdio" \
        --define "_unitdir /usr/lib/systemd/system" "$work/$1.spec"
}

head_of() { # NAME VERSION RELEASE SUMMARY [MORE-TAGS]
    cat << END
Name: $1
Version: $2
Release: $3
Summary: $4
License: see the files' own sources
AutoReqProv: no
${5-}
%description
$4. Built by kdumpkit for its lab from Debian's programs; not Enterprise Linux's package.
END
}

# What is there without a package of its own, so that packages can need it.
{
    head_of lab-release "$major" 1 "Release files of the lab, and what its packages need of the base system" \
        "Provides: system-release = $major
Provides: system-release(releasever) = $major
Provides: /bin/sh"
    cat << 'END'
%install
mkdir -p %{buildroot}/usr/lib %{buildroot}/etc
cp -p /usr/lib/os-release %{buildroot}/usr/lib/
cp -p /etc/system-release %{buildroot}/etc/
%files
/usr/lib/os-release
/etc/system-release
END
} > $work/lab-release.spec
build lab-release
rpm --install --force-debian --justdb "$repository/lab-release-$major-1.x86_64.rpm"

kernels=
for release in $(linux-version list | linux-version sort); do
    number=${release#*-}
    name=kernel-${release%%-*}-${number%%-*}.cloud
    kernels="$kernels $name.x86_64"
    {
        head_of kernel "${release%%-*}" "${number%%-*}.cloud" "The Linux kernel $release" \
            "Provides: installonlypkg(kernel)"
        if [ "$major" -ge 9 ]; then
            add="kernel-install add $release /boot/vmlinuz-$release"
            remove="kernel-install remove $release"
        else
            add="grub2-mkconfig -o /boot/grub2/grub.cfg"
            remove="rm -f /boot/initramfs-${release}kdump.img; grub2-mkconfig -o /boot/grub2/grub.cfg"
        fi
        cat << END
%install
mkdir -p %{buildroot}/boot %{buildroot}/lib/modules
cp -al /boot/vmlinuz-$release /boot/System.map-$release /boot/config-$release /boot/initramfs-$release.img %{buildroot}/boot/
cp -al /lib/modules/$release %{buildroot}/lib/modules/
%posttrans
$add
%postun
$remove
%files
/boot/*
/lib/modules/*
END
    } > "$work/$name.spec"
    build "$name"
    rpm --install --force-debian --justdb --noscripts --notriggers "$repository/$name.x86_64.rpm"
done

{
    head_of kexec-tools 2.0.25 1.lab "kexec, makedumpfile and the kdump service"
    cat << END
%install
mkdir -p %{buildroot}/usr/sbin %{buildroot}/usr/bin %{buildroot}/usr/lib/kdump %{buildroot}%{_unitdir}
mkdir -p %{buildroot}/etc/sysconfig %{buildroot}/var/crash %{buildroot}/usr/lib/systemd/system-preset
cp $lab/kexec-tools/sbin/kexec $lab/kexec-tools/sbin/vmcore-dmesg %{buildroot}/usr/sbin/
cp $lab/makedumpfile/usr/bin/makedumpfile %{buildroot}/usr/sbin/
install -m 755 $lab/kdumpctl %{buildroot}/usr/bin/kdumpctl
install -m 755 $lab/mkdumprd %{buildroot}/usr/sbin/mkdumprd
install -m 755 $lab/capture-init $lab/busybox-static/bin/busybox %{buildroot}/usr/lib/kdump/
install -m 644 $lab/kdump.service %{buildroot}%{_unitdir}/kdump.service
install -m 644 $lab/kdump.conf %{buildroot}/etc/kdump.conf
install -m 644 $lab/kdump.sysconfig %{buildroot}/etc/sysconfig/kdump
echo "enable kdump.service" > %{buildroot}/usr/lib/systemd/system-preset/90-kdump.preset
%post
systemctl --quiet preset kdump.service || :
%preun
[ "\$1" -gt 0 ] || systemctl --quiet disable --now kdump.service || :
%files
/usr/sbin/*
/usr/bin/*
/usr/lib/kdump
%{_unitdir}/kdump.service
/usr/lib/systemd/system-preset/90-kdump.preset
%config(noreplace) /etc/kdump.conf
%config(noreplace) /etc/sysconfig/kdump
%dir /var/crash
END
} > $work/kexec-tools.spec
build kexec-tools

{
    head_of crash 8.0.2 1.lab "Kernel analysis of live systems and dumps"
    cat << END
%install
mkdir -p %{buildroot}/usr/bin
cp $lab/crash/usr/bin/crash %{buildroot}/usr/bin/
%files
/usr/bin/crash
END
} > $work/crash.spec
build crash

if [ "$major" -ge 9 ]; then
    install -m 755 $lab/grubby /usr/sbin/grubby
    {
        head_of grubby 8.40 1.lab "Edits boot entries"
        cat << 'END'
%install
mkdir -p %{buildroot}/usr/sbin
cp -p /usr/sbin/grubby %{buildroot}/usr/sbin/
%files
/usr/sbin/grubby
END
    } > $work/grubby.spec
    build grubby
    rpm --install --force-debian --justdb "$repository/grubby-8.40-1.lab.x86_64.rpm"
fi

createrepo_c --quiet $repository
ln -s dnf/dnf.conf /etc/yum.conf
if [ "$major" -ge 8 ]; then
    ln -s dnf-3 /usr/bin/yum
else
    # CentOS 7 has no dnf, and its yum has a word that dnf does not know.
    rm -f /usr/bin/dnf
    cat > /usr/bin/yum << 'END'
#!/bin/sh
previous=
for word in "$@"; do
    shift
    [ "$previous $word" = "makecache fast" ] || set -- "$@" "$word"
    previous=$word
done
exec dnf-3 "$@"
END
    chmod 755 /usr/bin/yum
fi
yum --quiet makecache
rpm -q $kernels

if [ "$major" -ge 9 ]; then
    rm -f /bin/kernel-install
    install -m 755 $lab/kernel-install /usr/bin/kernel-install
    for release in $(linux-version list | linux-version sort); do
        kernel-install add "$release" "/boot/vmlinuz-$release"
    done
    # The older entry as a machine has it that was once an EL 8: its words are shared, and lie in grubenv.
    oldest=/boot/loader/entries/$(cat /etc/machine-id)-$(linux-version list | linux-version sort | head -n 1).conf
    grub2-editenv /boot/grub2/grubenv set "kernelopts=$(sed -n 's/^options //p' "$oldest")"
    sed -i 's/^options .*/options $kernelopts/' "$oldest"
fi

# A distribution's family is told by what is there: Debian's own tools would tell another one.
rm -rf /etc/apt /var/lib/apt /var/cache/apt /var/lib/dpkg /var/cache/debconf /etc/debian_version
rm -f /usr/bin/apt* /usr/bin/dpkg* /usr/sbin/dpkg* /usr/sbin/update-initramfs /usr/sbin/mkinitramfs /usr/bin/linux-*
