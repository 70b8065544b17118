"""The lab's kdumpctl with its paths moved into a folder; kexec and mkdumprd are programs that take notes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kdumpkit.lab.enterprise_linux import guest_text
from kdumpkit.lab.recipe import load_flavour

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="not on this machine: bash")

RELEASE = "6.1.0-56"
CMDLINE = "BOOT_IMAGE=/boot/vmlinuz root=UUID=1 ro crashkernel=160M rd.lvm.lv=a/b console=ttyS0 quiet slub_debug=FZ"
Kdumpctl = Callable[..., subprocess.CompletedProcess[str]]


def settings(name: str, path: str) -> str:
    (text,) = [file.text for file in load_flavour(name).files if file.path == f"/usr/src/lab/{path}"]
    return text


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("boot", "bin", "etc", "kernel"):
        (tmp_path / folder).mkdir()
    (tmp_path / "kernel/kexec_crash_loaded").write_text("0\n")
    (tmp_path / "kernel/kexec_crash_size").write_text(f"{160 << 20}\n")
    (tmp_path / "cmdline").write_text(f"{CMDLINE}\n")
    (tmp_path / f"boot/vmlinuz-{RELEASE}").write_text("kernel")
    (tmp_path / "etc/kdump.conf").write_text(settings("el", "kdump.conf"))
    (tmp_path / "etc/fstab").write_text("")
    programs = {
        "uname": f"echo {RELEASE}",
        "mkdumprd": f'echo mkdumprd >> {tmp_path}/notes; : > "$1"',
        "kexec": f'printf "%s\\n" "$@" >> {tmp_path}/notes; echo 1 > {tmp_path}/kernel/kexec_crash_loaded',
    }
    for name, line in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def kdumpctl(root: Path) -> Kdumpctl:
    def run(*words: str, status: int = 0, flavour: str = "el") -> subprocess.CompletedProcess[str]:
        version = {"el": "7", "el-bls": "9.4"}[flavour]
        (root / "etc/sysconfig").write_text(settings(flavour, "kdump.sysconfig"))
        text = guest_text("kdumpctl")
        for old, new in (
            ("export PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"export PATH={root}/bin:{os.environ['PATH']}"),
            ("/usr/sbin/mkdumprd", f"{root}/bin/mkdumprd"),
            (". /etc/os-release", f"VERSION_ID={version}"),
            ("/etc/sysconfig/kdump", f"{root}/etc/sysconfig"),
            ("/etc/", f"{root}/etc/"),
            ("/sys/kernel/", f"{root}/kernel/"),
            ("/proc/cmdline", f"{root}/cmdline"),
            ("/boot/", f"{root}/boot/"),
        ):
            if old != "/etc/":
                assert old in text, old
            text = text.replace(old, new) if old != "/etc/" else text.replace("=/etc/", f"={root}/etc/")
        assert " /etc/fstab" in text
        text = text.replace(" /etc/fstab", f" {root}/etc/fstab")
        done = subprocess.run(
            ["bash", "-c", text, "kdumpctl", *words], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def notes(root: Path) -> list[str]:
    path = root / "notes"
    said = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return said


def test_status_has_two_answers_and_exit_statuses(kdumpctl: Kdumpctl, root: Path) -> None:
    assert kdumpctl("status", status=3).stdout == "Kdump is not operational\n"
    (root / "kernel/kexec_crash_loaded").write_text("1\n")
    assert kdumpctl("status").stdout == "Kdump is operational\n"
    assert kdumpctl("status", flavour="el-bls").stdout == "kdump: Kdump is operational\n"


@pytest.mark.parametrize("flavour", ["el", "el-bls"])
def test_capture_gets_the_running_line_without_what_the_family_takes_off(
    kdumpctl: Kdumpctl, root: Path, flavour: str
) -> None:
    kdumpctl("start", flavour=flavour)
    said = notes(root)
    assert said[0] == "mkdumprd"
    assert ("-s" in said) == (flavour == "el-bls")
    assert f"--initrd={root}/boot/initramfs-{RELEASE}kdump.img" in said
    assert said[-1] == f"{root}/boot/vmlinuz-{RELEASE}"
    (line,) = [word.removeprefix("--command-line=") for word in said if word.startswith("--command-line=")]
    assert line.startswith("ro console=ttyS0 irqpoll nr_cpus=1 reset_devices ")
    assert "panic=10" in line.split()
    for word in ("root=", "crashkernel", "BOOT_IMAGE", "rd.lvm", "quiet", "slub_debug"):
        assert word not in line


def test_image_is_built_again_only_for_a_reason(kdumpctl: Kdumpctl, root: Path) -> None:
    image = root / f"boot/initramfs-{RELEASE}kdump.img"
    image.write_text("")
    for path in (*root.glob("etc/*"), *root.glob("boot/vmlinuz*"), root / "bin/mkdumprd"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    kdumpctl("start")
    assert "mkdumprd" not in notes(root)
    (root / "kernel/kexec_crash_loaded").write_text("0\n")
    os.utime(image, (900_000_000, 900_000_000))
    os.utime(root / "etc/kdump.conf", (950_000_000, 950_000_000))
    said = kdumpctl("start").stdout
    assert "Detected change(s) in the following file(s):" in said
    assert "kdump.conf" in said
    assert "mkdumprd" in notes(root)


def test_nothing_is_loaded_without_a_reservation(kdumpctl: Kdumpctl, root: Path) -> None:
    (root / "kernel/kexec_crash_size").write_text("0\n")
    assert "No memory reserved for crash kernel" in kdumpctl("start", status=1).stdout
    assert notes(root) == ["mkdumprd"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("net host\n", "Deprecated kdump config option: net"),
        ("nonsense 1\n", "Invalid kdump config option nonsense"),
        ("path\n", "Invalid kdump config value for option path"),
        ("path /a\npath /b\n", "More than one path"),
        ("nfs a:/b\nssh c@d\n", "More than one dump targets specified"),
    ],
)
def test_wrong_settings_are_named_and_load_nothing(kdumpctl: Kdumpctl, root: Path, text: str, says: str) -> None:
    (root / "etc/kdump.conf").write_text(text)
    said = kdumpctl("start", status=1).stdout
    assert says in said
    assert "Starting kdump: [FAILED]" in said
    assert notes(root) == []


def test_extra_lines_may_repeat_and_comments_say_nothing(kdumpctl: Kdumpctl, root: Path) -> None:
    (root / "etc/kdump.conf").write_text("extra_bins /a\nextra_bins /b # /c\n#path\npath /var/crash\n")
    kdumpctl("start")


def test_what_only_newer_releases_know_is_wrong_use_before(kdumpctl: Kdumpctl) -> None:
    assert kdumpctl("get-default-crashkernel", flavour="el-bls").stdout == "1G-4G:192M,4G-64G:256M,64G-:512M\n"
    for command in ("get-default-crashkernel", "reset-crashkernel", "estimate", "rebuild", "test"):
        assert kdumpctl(command, status=1).stdout.startswith("Usage:")
    # on real machines it crashes the kernel: the lab has none
    assert "Usage:" in kdumpctl("test", status=1, flavour="el-bls").stdout
