"""What kexec says when it fails, and what it means."""

from __future__ import annotations

import pytest

from kdumpkit.checks.finding import Status
from kdumpkit.checks.kexec_failure import check_kexec_failure


@pytest.mark.parametrize(
    ("said", "words"),
    [
        # both ways of a machine of the lab with crashkernel=32M
        (
            "Could not find a free area of memory of 0x3378000 bytes...\nlocate_hole failed\n",
            ("too small", "51.47 MiB in one piece", "32 MiB are reserved"),
        ),
        ("kexec_file_load failed: Cannot assign requested address\n", ("do not fit", "too small")),
        ("Memory for crashkernel is not reserved\nPlease reserve memory by passing\n", ("no memory is reserved",)),
        ("kexec_file_load failed: Required key not available", ("no signature",)),
        ("kexec_load failed: Operation not permitted\nentry = 0x1", ("forbids loading", "lockdown")),
        ("kexec_load failed: Device or resource busy", ("another load",)),
        ("Cannot open `/boot/vmlinuz-6.1': No such file or directory", ("/boot/vmlinuz-6.1 could not be opened",)),
        ("kexec_file_load failed: Exec format error", ("not of a form",)),
        ("Kernel command line too long for kernel!", ("longer than its architecture takes",)),
        ("syscall kexec_file_load not available: Function not implemented", ("built without",)),
    ],
)
def test_what_is_said_is_explained_with_a_next_step(said: str, words: tuple[str, ...]) -> None:
    found = check_kexec_failure(said, 32 << 20, (7,))
    assert (found.id, found.status, found.records) == ("kexec.why", Status.FAIL, (7,))
    for word in words:
        assert word in found.reason
    assert found.remedy
    assert found.reason.endswith(".")


def test_what_is_not_understood_is_not_explained() -> None:
    assert check_kexec_failure("").status is Status.UNKNOWN
    found = check_kexec_failure("kexec: a novel failure\n\n")
    assert found.status is Status.UNKNOWN
    assert "a novel failure" in found.reason
