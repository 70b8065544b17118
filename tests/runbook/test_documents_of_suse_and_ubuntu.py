"""SUSE and Ubuntu as documents have them: the notebooks' own code asks such a host, and finds what is wrong with it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from kdumpkit.evidence.transcript import Record, read_transcript

RECORDINGS = Path(__file__).parents[1] / "recordings"
Made = dict[tuple[str, str], dict[str, str]]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("from_documents", RECORDINGS / "from_documents.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def findings(records: tuple[Record, ...]) -> Made:
    """Status, reason and remedy of each finding, by stage and id; the last one counts."""
    found: Made = {}
    for record in records:
        for finding in record.data["findings"] if record.kind == "findings" else ():
            found[(record.stage[:2], finding["id"])] = {name: str(value) for name, value in finding.items()}
    return found


Ask = Callable[..., tuple[Made, tuple[Record, ...]]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """The findings about a host of documents, with other content for some of its files."""

    def made(system: str, changes: dict[str, str | None] | None = None) -> tuple[Made, tuple[Record, ...]]:
        documents = tmp_path / "documents"
        shutil.copytree(RECORDINGS / system / "documents", documents)
        for path, content in (changes or {}).items():
            file = documents / "root" / path.lstrip("/")
            file.unlink(missing_ok=True)
            if content is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
        folder = tmp_path / "made"
        _generator().make_recording(documents, folder)
        records = read_transcript(folder)
        return findings(records), records

    return made


def failed(found: Made) -> set[str]:
    return {f"{stage} {name}" for (stage, name), finding in found.items() if finding["status"] in ("FAIL", "UNKNOWN")}


SYSTEMS = (
    "sles-15/check",
    "opensuse-tumbleweed/check",
    "opensuse-tumbleweed/systemd-boot",
    "sles-16/arm64",
    "ubuntu-24.04/use-kdump-0",
    "ubuntu-26.04/check",
)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_recording_is_what_the_code_asks_and_says_now(system: str, ask: Ask) -> None:
    now, records = ask(system)
    kept = read_transcript(RECORDINGS / system)
    assert "no such host was reached" in str(kept[0].data["written_from_documents"])
    assert findings(kept) == now != {}
    asked = [[str(r.data.get("argv")) for r in both if r.kind == "command"] for both in (kept, records)]
    assert asked[0] == asked[1]
    assert [r.data["ended"] for r in kept if r.kind == "notebook"] == ["finished"] * 6


def test_sles_with_a_high_and_a_low_part_is_well(ask: Ask) -> None:
    found, _ = ask("sles-15/check")
    assert failed(found) == set()
    # case 6: two words on the command line and two ranges in the memory map are one reservation
    assert found["03", "crashkernel.tokens"]["status"] == "PASS"
    assert "high and low part" in found["03", "crashkernel.reserved"]["reason"]
    assert found["02", "crashkernel.size"]["status"] == "PASS"
    assert found["02", "crashkernel.configured"]["status"] == "PASS"
    assert "372 MiB" in found["02", "crashkernel.size"]["reason"]
    assert found["04", "service.active"]["status"] == "PASS"
    assert found["01", "dump_target.fits"]["status"] == "PASS"


def test_case_12_neither_a_dump_that_was_cut_off_nor_one_that_was_deleted_again_is_analysed(ask: Ask) -> None:
    found, records = ask("sles-15/check")
    assert found["06", "dump.found"]["status"] == "SKIP"
    # it was seen, and is not taken for one that a test leaves
    kept = [str(r.data) for r in records if r.kind == "values" and r.stage == "05-panic-test"]
    assert any("/var/crash/2024-05-02-03:11/vmcore" in values for values in kept)


def test_tumbleweed_is_warned_that_the_next_dump_would_be_deleted_again(ask: Ask) -> None:
    found, _ = ask("opensuse-tumbleweed/check")
    assert failed(found) == set()
    assert found["01", "dump_target.fits"]["status"] == "WARN"
    # low before high, as kdump's service writes it, is no difference
    assert found["02", "crashkernel.configured"]["status"] == "PASS"
    assert found["06", "dump.found"]["status"] == "SKIP"


def test_tumbleweed_by_systemd_boot_is_read_and_left_alone(ask: Ask) -> None:
    found, _ = ask("opensuse-tumbleweed/systemd-boot")
    assert failed(found) == set()
    assert found["02", "crashkernel.configured"]["status"] == "PASS"
    assert "72M,low" in found["02", "crashkernel.configured"]["reason"]


def test_entries_of_sdbootutil_that_ask_for_too_little_are_told_with_the_way_to_change_them(ask: Ask) -> None:
    system = "opensuse-tumbleweed/systemd-boot"
    entries = RECORDINGS / system / "documents/root/boot/efi/loader/entries"
    less = {
        f"/boot/efi/loader/entries/{path.name}": path.read_text().replace("180M,high", "100M,high")
        for path in entries.iterdir()
    }
    cmdline = (RECORDINGS / system / "documents/root/etc/kernel/cmdline").read_text().replace("180M,high", "100M,high")
    found, records = ask(system, {**less, "/etc/kernel/cmdline": cmdline})
    assert found["02", "crashkernel.configured"]["status"] == "FAIL"
    (ended,) = [r.data for r in records if r.kind == "notebook" and r.stage.startswith("02")]
    # nothing is changed in check, so the rest is looked at too
    assert ended["ended"] == "finished"
    refused = found["02", "change_boot_loader.known"]
    assert refused["status"] == "UNKNOWN"
    assert "sdbootutil" in refused["reason"]
    assert "kdumptool commandline -u" in refused["remedy"]


def test_sles_16_on_arm64_with_a_reservation_that_is_too_small(ask: Ask) -> None:
    found, _ = ask("sles-16/arm64")
    # kernels named Image are found, and no second one is wanted
    assert found["01", "kernels.second"]["status"] == "PASS"
    assert found["02", "crashkernel.size"]["status"] == "PASS"
    assert found["02", "crashkernel.configured"]["status"] == "FAIL"
    assert found["03", "crashkernel.reserved"]["status"] == "FAIL"
    assert "330 MiB" in found["03", "crashkernel.reserved"]["reason"]
    # kdump's own setting goes first, or the service would put 128M back
    assert "KDUMP_CRASHKERNEL" in found["02", "crashkernel.configured"]["remedy"]


def test_case_3_use_kdump_0_with_a_green_service(ask: Ask) -> None:
    found, _ = ask("ubuntu-24.04/use-kdump-0")
    assert found["04", "settings.enabled"]["status"] == "FAIL"
    assert "green" in found["04", "settings.enabled"]["reason"]
    assert found["04", "service.active"]["status"] == "FAIL"
    assert "USE_KDUMP is 0" in found["04", "service.active"]["reason"]
    assert found["05", "kexec.loaded"]["status"] == "FAIL"


def test_case_8_blanks_in_a_file_that_a_shell_sources(ask: Ask) -> None:
    settings = (RECORDINGS / "ubuntu-24.04/use-kdump-0/documents/root/etc/default/kdump-tools").read_text()
    found, _ = ask("ubuntu-24.04/use-kdump-0", {"/etc/default/kdump-tools": settings + "USE_KDUMP = 1\n"})
    assert found["04", "settings.syntax"]["status"] == "FAIL"
    assert "spaces around '='" in found["04", "settings.syntax"]["reason"]
    # and the switch is still off
    assert found["04", "settings.enabled"]["status"] == "FAIL"


def test_case_20_only_the_new_place_in_sysfs_exists(ask: Ask) -> None:
    found, _ = ask("ubuntu-26.04/check")
    assert found["05", "kexec.loaded"]["status"] == "PASS"
    assert found["03", "crashkernel.reserved"]["status"] == "PASS"


def test_case_21_a_watchdog_that_bites_before_a_lockup_is_noticed(ask: Ask) -> None:
    found, _ = ask("ubuntu-26.04/check")
    assert found["01", "watchdog.budget"]["status"] == "FAIL"


@pytest.mark.parametrize(
    ("system", "path", "line", "server"),
    [
        ("sles-15/check", "/etc/sysconfig/kdump", 'KDUMP_SAVEDIR="nfs://vault/srv/dump"', "vault:/srv/dump by nfs"),
        ("ubuntu-26.04/check", "/etc/default/kdump-tools", 'NFS="vault:/srv/dump"', "vault:/srv/dump by nfs"),
        ("ubuntu-26.04/check", "/etc/default/kdump-tools", 'SSH="kdump@vault"', "kdump@vault by ssh"),
    ],
)
def test_case_24_dumps_that_go_to_a_server_are_not_looked_for_here(
    ask: Ask, system: str, path: str, line: str, server: str
) -> None:
    settings = (RECORDINGS / system / "documents" / "root" / path.lstrip("/")).read_text()
    found, records = ask(system, {path: f"{settings}{line}\n"})
    assert found["06", "dump.found"]["status"] == "SKIP"
    # the panic test says it too, and would not be tried
    assert server in found["05", "dump.baseline"]["reason"]
    assert server in found["06", "dump.found"]["reason"]
    assert found["01", "dump_target.fits"]["status"] == "SKIP"
    listed = [
        r for r in records if r.kind == "command" and "find -H /var/crash" in f"{r.data.get('title')} {r.data['argv']}"
    ]
    assert listed == []
    assert [r.data["ended"] for r in records if r.kind == "notebook"] == ["finished"] * 6
