"""One real crash of a chosen kind in the lab's machine, and its dump, log and console fetched.

This is the lab crashing itself: the machine is made for it, and its disk is thrown away. Hosts are crashed by
``actions/crash.py`` alone, under consent.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from kdumpkit.command import command
from kdumpkit.errors import HostError, LabError
from kdumpkit.hosts.base import Host
from kdumpkit.lab import paths
from kdumpkit.lab.armed import guest, start_armed
from kdumpkit.lab.crash_kinds import MODULE, CrashKind
from kdumpkit.lab.crash_module import build_module
from kdumpkit.lab.machine import find_machine, qmp
from kdumpkit.lab.process import Say
from kdumpkit.lab.ssh_access import console_tail, read_banner
from kdumpkit.lab.symbols import find_symbols

_CAPTURE_DEADLINE_S = 300.0
_SAY_EVERY_S = 15.0
_CONSOLE_LIMIT_BYTES = 64 << 20

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_LOAD = f"cat > /run/{MODULE}.ko && insmod /run/{MODULE}.ko"
_MARK = 'printf "<4>%s\\n" "$1" > /dev/kmsg && sync'
# A second later and in a session of its own, so that the call comes back.
_START = 'setsid sh -c "sleep 1; $1" < /dev/null > /dev/null 2>&1 &'
_LIST = 'cd /var/crash && for path in */dump.* */dmesg.*; do [ -f "$path" ] && echo "$path"; done; true'


@dataclass(frozen=True)
class Crash:
    """What one crash left here, and how long its parts took."""

    kind: CrashKind
    folder: Path
    dump: Path
    #: the kernel's log as makedumpfile took it out of the dump
    dmesg: Path
    #: what the machine said on its serial console from the trigger on, over crash, capture and return
    console: Path
    #: the module with debug information; None where the kind needs none
    module: Path | None
    #: link to the kernel's symbols, in a folder where drgn finds the module too; None where they were never fetched
    vmlinux: Path | None
    kernel_release: str
    #: until the capture kernel was loaded; from the trigger to the first words of the crash; from there to a login
    boot_s: float
    trigger_s: float
    return_s: float


def crash(kind: CrashKind, folder: Path, progress: Say) -> Crash:
    """Crash the machine and fetch what it left into ``folder``, which must be new; it is up and loaded afterwards.

    A machine that runs with its capture kernel loaded is taken as it is, with what earlier crashes left on it.

    Raises LabError: no crash within the kind's time, no return, or not exactly one dump and log of this crash.
    """
    folder.mkdir(parents=True)
    started = time.monotonic()
    start_armed(progress)
    boot_s = time.monotonic() - started
    with guest() as host:
        release = host.run(command("uname", "-r", timeout_s=30)).checked().text.strip()
        boot_id = _read_boot_id(host)
        module = _load_module(host, release, progress) if kind.needs_module else None
        for name, value in kind.sysctls.items():
            host.run(command("sysctl", "-q", "-w", f"{name}={value}", timeout_s=30, as_root=True)).checked()
        mark = f"kdumpkit: lab crash {kind.name} of boot {boot_id}"
        host.run(command("sh", "-c", _MARK, "sh", mark, timeout_s=60, as_root=True, title="mark and sync")).checked()
        before = _read_listing(host)
        progress(f"crash: {kind.name}: {kind.what}")
        seen = _console_bytes()
        triggered = time.monotonic()
        host.run(command("sh", "-c", _START, "sh", kind.command, timeout_s=30, as_root=True, title="trigger")).checked()
        host.disconnect()
        if kind.nmi_after:
            _wait_console(kind.nmi_after, seen, kind.within_s, progress)
            _inject_nmi()
        if kind.says:
            _wait_console(kind.says, seen, kind.within_s, progress)
        crashed = time.monotonic()
        progress(f"it crashed after {crashed - triggered:.0f} s; the capture kernel saves the dump and reboots")
        _wait_return(host, boot_id, progress)
        returned = time.monotonic()
        progress(f"the machine is back {returned - crashed:.0f} s after its crash")
        dump, dmesg = _fetch(host, folder, before, mark, progress)
    console = folder / "console.log"
    with paths.console_log().open("rb") as said:
        said.seek(seen)
        console.write_bytes(said.read(_CONSOLE_LIMIT_BYTES))
    kept_module, vmlinux = _keep_symbols(folder / "symbols", module, release)
    done = Crash(
        kind,
        folder,
        dump,
        dmesg,
        console,
        kept_module,
        vmlinux,
        release,
        boot_s,
        crashed - triggered,
        returned - crashed,
    )
    (folder / "crash.json").write_text(json.dumps(crash_as_json(done), indent=1) + "\n")
    return done


def crash_as_json(done: Crash) -> dict[str, object]:
    """Plain values for ``json.dumps``; paths as they are."""
    return {
        "kind": done.kind.name,
        "kernel_release": done.kernel_release,
        "folder": str(done.folder),
        "dump": str(done.dump),
        "dmesg": str(done.dmesg),
        "console": str(done.console),
        "module": None if done.module is None else str(done.module),
        "vmlinux": None if done.vmlinux is None else str(done.vmlinux),
        "boot_s": round(done.boot_s, 1),
        "trigger_s": round(done.trigger_s, 1),
        "return_s": round(done.return_s, 1),
    }


def _keep_symbols(folder: Path, module: Path | None, release: str) -> tuple[Path | None, Path | None]:
    """Module and vmlinux laid out as debug packages do: modules in a folder beside the kernel."""
    (folder / "modules").mkdir(parents=True)
    kept = Path(shutil.copy(module, folder / "modules")) if module is not None else None
    symbols = find_symbols(release)
    if symbols is None:
        return kept, None
    vmlinux = folder / "vmlinux"
    vmlinux.symlink_to(symbols)
    return kept, vmlinux


def _read_boot_id(host: Host) -> str:
    return host.run(command("cat", _BOOT_ID, timeout_s=20)).checked().text.strip()


def _load_module(host: Host, release: str, progress: Say) -> Path:
    module = build_module(release, progress)
    content = module.read_bytes()
    host.run(command("sh", "-c", _LOAD, timeout_s=60, stdin=content, as_root=True, title=f"insmod {MODULE}")).checked()
    return module


def _console_bytes() -> int:
    try:
        return paths.console_log().stat().st_size
    except FileNotFoundError:
        return 0


def _wait_console(words: str, seen: int, within_s: float, progress: Say) -> None:
    """Until the console has the words behind its first ``seen`` bytes. Raises LabError."""
    started = time.monotonic()
    say_at = _SAY_EVERY_S
    while True:
        with paths.console_log().open("rb") as file:
            file.seek(seen)
            if words.encode() in file.read(_CONSOLE_LIMIT_BYTES):
                return
        passed = time.monotonic() - started
        if find_machine(paths.run_root()) is None:
            raise LabError(
                f"the lab's machine ended before it crashed\n{console_tail(paths.console_log())}",
                f"read {paths.console_log()}",
            )
        if passed > within_s:
            raise LabError(
                f"no crash: the console does not say {words!r} within {within_s:.0f} s\n"
                + console_tail(paths.console_log()),
                "kdumpkit lab ssh dmesg",
            )
        if passed >= say_at:
            progress(f"  waiting for it since {passed:.0f} s, at most {within_s:.0f}")
            say_at += _SAY_EVERY_S
        time.sleep(0.2)


def _inject_nmi() -> None:
    # the message is printed before the last processor is caught
    time.sleep(1)
    try:
        qmp(paths.run_root(), "inject-nmi")
    except (OSError, ValueError) as error:
        raise LabError(f"QEMU sent no NMI: {error}", "kdumpkit lab status") from error


def _wait_return(host: Host, boot_id: str, progress: Say) -> None:
    """Until the machine answers in another boot. Raises LabError."""
    started = time.monotonic()
    say_at = _SAY_EVERY_S
    while (passed := time.monotonic() - started) < _CAPTURE_DEADLINE_S:
        machine = find_machine(paths.run_root())
        if machine is None:
            raise LabError(
                f"the lab's machine ended while it was dumping\n{console_tail(paths.console_log())}",
                f"read {paths.console_log()}",
            )
        if read_banner(machine.ssh_port, 3).startswith(b"SSH-2.0"):
            try:
                if _read_boot_id(host) != boot_id:
                    return
            except HostError:
                pass
            host.disconnect()
        if passed >= say_at:
            progress(f"  waiting for its return since {passed:.0f} s, at most {_CAPTURE_DEADLINE_S:.0f}")
            say_at += _SAY_EVERY_S
        time.sleep(0.3)
    raise LabError(
        f"the machine crashed and did not return within {_CAPTURE_DEADLINE_S:.0f} s\n"
        + console_tail(paths.console_log()),
        f"read {paths.console_log()}",
    )


def _read_listing(host: Host) -> list[str]:
    listing = command("sh", "-c", _LIST, timeout_s=30, as_root=True, title="ls /var/crash")
    return host.run(listing).checked().text.splitlines()


def _fetch(host: Host, folder: Path, before: list[str], mark: str, progress: Say) -> tuple[Path, Path]:
    found = [name for name in _read_listing(host) if name not in before]
    kinds = sorted(name.rsplit("/", 1)[-1].split(".")[0] for name in found)
    if kinds != ["dmesg", "dump"]:
        raise LabError(
            f"the crash did not leave one dump and one log below /var/crash, but: {', '.join(found) or 'nothing'}\n"
            + console_tail(paths.console_log()),
            "kdumpkit lab ssh ls -R /var/crash",
        )
    dmesg, dump = sorted(found, key=lambda name: name.rsplit("/", 1)[-1])
    progress(f"fetching {dump} and {dmesg}")
    for name in (dump, dmesg):
        host.fetch(f"/var/crash/{name}", folder / name.rsplit("/", 1)[-1])
    log = folder / dmesg.rsplit("/", 1)[-1]
    if mark.encode() not in log.read_bytes():
        raise LabError(f"{log.name} is not the log of this crash: it lacks {mark!r}", f"read {log}")
    return folder / dump.rsplit("/", 1)[-1], log
