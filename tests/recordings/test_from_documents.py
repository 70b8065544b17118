"""Recordings that are written from documents: as their documents say, and replayed through all six notebooks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kdumpkit.evidence.transcript import Record, read_transcript
from kdumpkit.evidence.verdict import StageVerdict
from kdumpkit.runbook.run import replay_stages
from kdumpkit.runbook.session import STAGES

from .from_documents import HERE, all_documents, make_recording

DOCUMENTS = all_documents()
each = pytest.mark.parametrize("documents", DOCUMENTS, ids=lambda path: str(path.parent.relative_to(HERE)))


class Silent:
    def stage_begins(self, stage: str, number: int, of: int) -> None: ...
    def step_begins(self, number: int, of: int, step: str) -> None: ...
    def waiting(self, text: str, elapsed_s: float, expected_s: float) -> None: ...
    def stage_ends(self, verdict: StageVerdict) -> None: ...


def findings(folder: str) -> dict[str, tuple[str, str]]:
    """Status and reason of each finding of a recording, by stage and id; the last one counts."""
    return {
        f"{record.stage[:2]} {finding['id']}": (finding["status"], finding["reason"])
        for record in read_transcript(HERE / folder)
        if record.kind == "findings"
        for finding in record.data["findings"]
    }


def asked(records: tuple[Record, ...]) -> list[str]:
    return [json.dumps([r.data["argv"], r.data["stdout"]]) for r in records if r.kind == "command"]


@each
def test_it_says_in_its_first_record_that_no_host_was_reached(documents: Path) -> None:
    first = read_transcript(documents.parent)[0]
    assert "written from documents" in first.data["written_from_documents"]
    assert len(first.data["written_from_documents"]) > 80


@each
def test_it_is_what_its_documents_make(documents: Path, tmp_path: Path) -> None:
    made = read_transcript(make_recording(documents, tmp_path / documents.parent.name))
    kept = read_transcript(documents.parent)
    assert asked(made) == asked(kept), f"tests/recordings/from_documents.py {documents.parent.relative_to(HERE)}"
    assert [dict(r.data) for r in made if r.kind == "findings"] == [dict(r.data) for r in kept if r.kind == "findings"]


@pytest.mark.slow
@each
def test_all_six_notebooks_replay_from_it(documents: Path, tmp_path: Path) -> None:
    outcome = replay_stages(documents.parent, tmp_path / "out", Silent())
    assert [stage.stage for stage in outcome.verdict.stages if not stage.error] == list(STAGES)
    assert outcome.report.is_file()
    text = outcome.report.read_text()
    assert read_transcript(documents.parent)[0].data["host"] in text


# what each of them is about


def test_centos_7_with_a_reservation_and_no_capture_kernel() -> None:
    found = findings("centos-7/check")
    assert found["01 host.supported"][0] == "PASS"
    assert found["02 crashkernel.configured"] == (
        "PASS",
        "crashkernel=256M is given: crashkernel=256M asks for 256 MiB.",
    )
    assert found["03 crashkernel.reserved"][0] == "PASS"
    assert found["04 kexec.loaded"][0] == "FAIL"
    assert "256 MiB is reserved" in found["04 kexec.loaded"][1]


def test_rhel_9_with_a_value_that_the_boot_entries_never_got() -> None:
    status, reason = findings("rhel-9/bls-without-crashkernel")["02 crashkernel.configured"]
    assert status == "FAIL"
    assert "/boot/loader/entries/" in reason
    assert "(from /etc/default/grub:6) is configured, and the entry was not made from it" in reason


def test_rhel_8_where_auto_is_a_good_value() -> None:
    found = findings("rhel-8/auto")
    assert found["02 crashkernel.configured"][0] == "PASS"
    assert "stands for 1G-4G:192M" in found["02 crashkernel.configured"][1]
    assert found["03 crashkernel.reserved"] == ("PASS", "Reserved is 256 MiB in /proc/iomem, as crashkernel=auto asks.")


def test_alma_where_all_is_well_and_an_old_log_has_no_dump() -> None:
    found = findings("almalinux-9/check")
    assert {status for status, _ in found.values()} == {"PASS", "WARN", "SKIP"}
    assert found["05 kexec.loaded"][0] == "PASS"
    assert found["06 dump.found"][0] == "SKIP"


def planned(folder: str) -> list[str]:
    """The commands that stage 01 shows for the kernels that are asked for."""
    plans = [record.data["plan"] for record in read_transcript(HERE / folder) if record.kind == "plan"]
    found = next(plan for plan in plans if "starts at each boot" in plan["title"])
    return [change["command"] for change in found["changes"]]


def test_alma_where_other_kernels_are_asked_for() -> None:
    default, remove, once = planned("almalinux-9/kernels")
    assert default == "grubby --set-default=/boot/vmlinuz-5.14.0-427.13.1.el9_4.x86_64"
    parts = [f"{name}-5.14.0-362.8.1.el9_3.x86_64" for name in ("core", "modules-core", "modules")]
    assert remove.split() == ["rpm", "--erase", "--", *(f"kernel-{part}" for part in parts), f"kernel-{parts[0][5:]}"]
    assert once == "grub2-reboot b2c3d4e5f60718293a4b5c6d7e8f90a1-5.14.0-427.13.1.el9_4.x86_64"
    # nothing was changed, and so the boot loader's own files say
    status, reason = findings("almalinux-9/kernels")["02 kernels.as_asked"]
    assert status == "FAIL"
    assert "each boot starts 5.14.0-427.24.1.el9_4.x86_64, not 5.14.0-427.13.1.el9_4.x86_64" in reason
    assert "5.14.0-362.8.1.el9_3.x86_64 is still in /boot" in reason


def test_sles_where_other_kernels_are_asked_for() -> None:
    default, remove, once = planned("sles-15/kernels")
    assert [default.split()[0], once.split()[0]] == ["grub2-set-default", "grub2-reboot"]
    assert "gnulinux-5.14.21-150500.53-default-advanced-" in default
    assert default.split()[1] == once.split()[1]
    assert remove == "rpm --erase -- kernel-default-5.14.21-150500.47.1.x86_64"
    assert findings("sles-15/kernels")["02 kernels.as_asked"][0] == "FAIL"


def test_rocky_with_encrypted_memory_is_short_of_64_mib() -> None:
    found = findings("rocky-10/encrypted")
    status, reason = found["03 crashkernel.reserved"]
    assert status == "FAIL"
    assert "less than the 320 MiB" in reason
    # the same machine without it has enough
    assert findings("rocky-10/ssh-target")["03 crashkernel.reserved"][0] == "PASS"


def test_fedora_by_a_unified_kernel_image_is_read_to_the_end_and_not_changed() -> None:
    found = findings("fedora-41/unified-image")
    assert found["01 kernels.second"] == ("PASS", "Installed: 6.11.4-301.fc41.x86_64, 6.12.6-200.fc41.x86_64.")
    for name in ("01 kernels.running_is_default", "02 crashkernel.configured", "02 change_boot_loader.known"):
        assert found[name][0] == "UNKNOWN", name
    assert "does not boot by GRUB" in found["02 crashkernel.configured"][1]
    assert found["05 kexec.loaded"][0] == "FAIL"
    ended = [record.data["ended"] for record in read_transcript(HERE / "fedora-41/unified-image") if record.kind == "notebook"]
    assert ended == ["finished"] * len(STAGES)
    remedies = [
        finding["remedy"]
        for record in read_transcript(HERE / "fedora-41/unified-image")
        if record.kind == "findings"
        for finding in record.data["findings"]
        if finding["id"] == "crashkernel.reserved"
    ]
    assert remedies
    assert all("ukify" in remedy and "grubby" not in remedy for remedy in remedies)


def test_rhel_on_64_bit_arm_has_enough_with_pages_of_4_kib_and_too_little_with_64() -> None:
    found = findings("rhel-9/arm64")
    assert {status for status, _ in found.values()} == {"PASS", "WARN", "SKIP"}
    assert "320 MiB" in found["03 crashkernel.reserved"][1]
    status, reason = findings("rhel-9/arm64-64k")["03 crashkernel.reserved"]
    assert status == "FAIL"
    assert "less than the 420 MiB that crashkernel=1G-4G:356M,4G-64G:420M,64G-:676M stands for" in reason


def test_amazon_linux_where_boot_is_no_file_system_of_its_own() -> None:
    found = findings("amazon-2023/check")
    assert {status for status, _ in found.values()} == {"PASS", "WARN", "SKIP"}
    assert found["01 kernels.running_is_default"][0] == "PASS"
    assert "Amazon EC2 m5.large" in found["01 guest.confidential"][1]


def test_a_load_on_graviton_is_without_irqpoll() -> None:
    found = findings("amazon-2023/graviton")
    assert found["04 kexec.loaded"][0] == "FAIL"
    assert found["03 crashkernel.reserved"][0] == "PASS"
    plans = [record.data["plan"] for record in read_transcript(HERE / "amazon-2023/graviton") if record.kind == "plan"]
    (load,) = (c["command"] for plan in plans for c in plan["changes"] if c["command"].startswith("kexec "))
    words = load.split()
    assert words[-1] == "/boot/vmlinuz-6.1.102-108.177.amzn2023.aarch64"
    assert words[-2].startswith("--initrd=/boot/initramfs-6.1.102-108.177.amzn2023.aarch64kdump.img")
    assert "irqpoll" not in words
    assert "swiotlb=noforce" in words
    assert not [word for word in words if word.startswith(("root=", "crashkernel=", "disable_cpu_apicid="))]


def test_fedora_with_less_ram_than_its_default_begins_at() -> None:
    status, reason = findings("fedora-41/check")["03 crashkernel.reserved"]
    assert status == "FAIL"
    assert "no range matches 1.75 GiB of RAM, so nothing is reserved" in reason


def test_a_network_target_is_not_taken_for_a_place_on_this_host() -> None:
    found = findings("rocky-10/ssh-target")
    for name in ("01 dump_target.fits", "05 dump.baseline", "06 dump.found"):
        assert found[name][0] == "SKIP"
        assert "kdump@dumps.example.com by ssh" in found[name][1]


def test_a_linux_that_is_not_known_gets_every_generic_check_and_no_change() -> None:
    found = findings("void/check")
    for generic in ("02 crashkernel.configured", "03 crashkernel.reserved", "04 kexec.loaded", "04 kexec.load_allowed"):
        assert found[generic][0] == "PASS", generic
    for needs_knowledge in ("01 check_packages.known", "02 recommend_size.known", "04 show_kexec_command.known"):
        assert found[needs_knowledge][0] == "UNKNOWN", needs_knowledge
    assert not [found for found in found.values() if found[0] == "FAIL"]
    changed = [r for r in read_transcript(HERE / "void/check") if r.kind in ("intent", "applied", "undo")]
    assert changed == []
