"""The probe of an accelerator, with stand-ins for QEMU that behave as broken machines do."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from kdumpkit.lab import accelerator


def program(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_kernel_that_reaches_its_init_counts() -> None:
    found = accelerator.try_kvm(
        program("import time; print('[ 0.0] Linux\\nLoading, please wait...', flush=True); time.sleep(60)"), 10
    )
    assert found.name == "kvm"
    assert "reached its init" in found.reason


def test_a_guest_that_hangs_after_the_firmware_does_not_count() -> None:
    started = time.monotonic()
    found = accelerator.try_kvm(program("import time; print('Booting from ROM', flush=True); time.sleep(60)"), 0.5)
    assert found.name == "tcg"
    assert "did not reach its init" in found.reason
    assert time.monotonic() - started < 5


def test_a_qemu_that_aborts_gives_its_last_words() -> None:
    code = "import os, sys; print('qemu: kvm_buf_set_msrs: Assertion failed', file=sys.stderr, flush=True); os.abort()"
    found = accelerator.try_kvm(program(code), 10)
    assert found.name == "tcg"
    assert "kvm_buf_set_msrs" in found.reason


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A machine with a device of that name, and a count of the probes that were run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "kdumpkit/lab/images").mkdir(parents=True)
    device = tmp_path / "kvm"
    device.touch()
    monkeypatch.setattr(accelerator, "_KVM", device)
    monkeypatch.setattr(accelerator, "run_here", lambda *_, **__: b"QEMU emulator version 7.2\n")
    runs: list[int] = []

    def try_kvm(argv: list[str], deadline_s: float) -> accelerator.Accelerator:
        runs.append(1)
        return accelerator.Accelerator("kvm", "it ran")

    monkeypatch.setattr(accelerator, "try_kvm", try_kvm)
    return runs


def choose(digest: str = "a") -> accelerator.Accelerator:
    return accelerator.choose_accelerator(Path("vmlinuz"), Path("initrd"), digest, lambda _: None)


def test_the_answer_is_kept_for_this_image(probe: list[int]) -> None:
    assert [choose(), choose(), choose("b")] == [accelerator.Accelerator("kvm", "it ran")] * 3
    assert len(probe) == 2


def test_a_damaged_answer_is_asked_again(probe: list[int], tmp_path: Path) -> None:
    choose()
    (tmp_path / "kdumpkit/lab/images/accelerator.json").write_text("{")
    assert choose().name == "kvm"
    assert len(probe) == 2


def test_no_device_needs_no_probe(probe: list[int], tmp_path: Path) -> None:
    (tmp_path / "kvm").unlink()
    found = choose()
    assert found.name == "tcg"
    assert "has no" in found.reason
    assert probe == []


def test_the_probe_machine_has_no_disk_and_no_network() -> None:
    words = accelerator.probe_argv(Path("/k"), Path("/i"))
    assert "-drive" not in words
    assert "-netdev" not in words
    assert "-nodefaults" in words
    assert words[words.index("-accel") + 1] == "kvm"
