"""The fingerprint of a host in a stage: what a panic test of it proves something about."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding
from kdumpkit.checks.fingerprint import check_same_machine
from kdumpkit.distributions.answers import CaptureFacts
from kdumpkit.facts.fingerprint import (
    Fingerprint,
    fingerprint_from_json,
    fingerprint_of,
    read_file_digests,
)
from kdumpkit.facts.unknown import Unknown
from kdumpkit.runbook.capture_files import read_capture_files
from kdumpkit.runbook.stage import Stage


def read_fingerprint(stage: Stage) -> Fingerprint:
    """The host as it is now. Raises UnsupportedHost where the kit does not know what its capture kernel is."""
    survey, distribution = stage.survey, stage.distribution
    settings = None if isinstance(survey.settings, Unknown) else survey.settings
    files = distribution.capture_files(CaptureFacts(stage.uname.release, stage.uname.machine, settings))
    # the file that decides is named also where there are no settings yet: it may come
    paths = settings.paths if settings is not None else (distribution.kdump_service().settings_path,)
    digests = read_file_digests(stage.target, (files.kernel, files.initramfs, *paths))
    if not isinstance(digests, Unknown) and digests.digests[files.kernel] is None:
        # it may be elsewhere: a unified kernel image is on the EFI partition
        elsewhere = read_capture_files(stage)
        if elsewhere.kernel != files.kernel:
            files = elsewhere
            digests = read_file_digests(stage.target, (files.kernel, files.initramfs, *paths))
    return fingerprint_of(
        boot=survey.boot,
        uname=stage.uname,
        build_id=survey.build_id,
        command_line=survey.command_line,
        packages=survey.packages,
        digests=digests,
        kernel=files.kernel,
        initramfs=files.initramfs,
        settings=paths,
    )


def same_machine(stage: Stage) -> tuple[Finding, ...]:
    """What speaks against the machine that answers now being the one that this run crashed; () where nothing does."""
    kept = stage.session.recall_value("fingerprint")
    # a run that crashed nothing kept none
    return () if kept is None else check_same_machine(fingerprint_from_json(kept), stage.survey.boot)
