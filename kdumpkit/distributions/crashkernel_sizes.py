"""How much to reserve: the distribution's own rule, evaluated for this RAM, and raised where it is too small."""

from __future__ import annotations

from kdumpkit.distributions.answers import CrashkernelRecommendation
from kdumpkit.errors import ParameterError, ParseError, UnsupportedHost
from kdumpkit.facts.crashkernel import CrashkernelKind, parse_crashkernel, requested_reservation

MIB = 1 << 20
GIB = 1 << 30

#: (from this much RAM on, reserve at least this much), smallest first. Source: the defaults of Red Hat's kdump-utils
#: (kdump-lib.sh, 1.0.61), which are tested by real panics on releases of every size; RHEL 9 starts them at 1 GiB.
LEAST_BYTES: dict[str, tuple[tuple[int, int], ...]] = {
    "x86_64": ((0, 128 * MIB), (1 * GIB, 192 * MIB), (4 * GIB, 256 * MIB), (64 * GIB, 512 * MIB)),
    "aarch64": ((0, 256 * MIB), (4 * GIB, 320 * MIB), (64 * GIB, 576 * MIB)),
    "ppc64le": (
        (0, 384 * MIB),
        (4 * GIB, 512 * MIB),
        (16 * GIB, 1 * GIB),
        (64 * GIB, 2 * GIB),
        (128 * GIB, 4 * GIB),
    ),
}
LEAST_SOURCE = "kdump-utils 1.0.61, kdump-lib.sh (RHEL 9 and 10)"


def crashkernel_tokens(value: str, *, auto: bool = False) -> tuple[str, ...]:
    """The tokens of a ``crashkernel`` setting: one, or a pair of one ``,high`` and one ``,low`` with a blank between.

    ``auto``: the kernel knows ``crashkernel=auto``. Raises ParameterError for what it would refuse or does not know.
    """
    hint = "give a size such as 256M, 512M-:192M, 1G-4G:192M,4G-:256M, or the pair 512M,high 128M,low"
    tokens = tuple(word.removeprefix("crashkernel=") for word in value.split())
    if not tokens:
        raise ParameterError("crashkernel is empty", hint)
    try:
        parsed = [parse_crashkernel(token) for token in tokens]
    except ParseError as error:
        raise ParameterError(error.message, hint) from error
    kinds = [found.kind for found in parsed]
    if auto and kinds == [CrashkernelKind.AUTO]:
        return tokens
    if CrashkernelKind.AUTO in kinds:
        raise ParameterError(
            "crashkernel=auto is known only to Red Hat's kernels before RHEL 9; any other kernel reserves "
            "nothing for it",
            hint,
        )
    alone = (CrashkernelKind.SIZE, CrashkernelKind.RANGES, CrashkernelKind.HIGH)
    pair = {CrashkernelKind.HIGH, CrashkernelKind.LOW}
    if not (len(kinds) == 1 and kinds[0] in alone) and not (len(kinds) == 2 and set(kinds) == pair):
        raise ParameterError(
            f"crashkernel={value!r} is not one value, nor a pair of one ,high and one ,low: one of them would be "
            "ignored",
            hint,
        )
    for found in parsed:
        if found.kind in (CrashkernelKind.SIZE, CrashkernelKind.HIGH) and (found.size_bytes or 0) < 16 * MIB:
            raise ParameterError(
                f"crashkernel={found.text} is {found.size_bytes} bytes, in which no kernel fits: is a unit missing?",
                f"{found.text.partition(',')[0]}M would be MiB; {hint}",
            )
    return tokens


def least_bytes(ram_bytes: int, machine: str) -> int | None:
    """The least that a capture kernel with a general-purpose initramfs should get; None for an unknown machine.

    RAM is rounded up to 128 MiB first, as firmware and the kernel keep some of each GiB for themselves.
    """
    rounded = -(-ram_bytes // (128 * MIB)) * 128 * MIB
    steps = LEAST_BYTES.get(machine, ())
    return next((size for start, size in reversed(steps) if rounded >= start), None)


def recommend(
    ram_bytes: int, machine: str, packaged_value: str, packaged_source: str, distribution: str
) -> CrashkernelRecommendation:
    """The packaged value where it reserves enough here, else a plain size, with the reason.

    Raises UnsupportedHost where nothing is known about the machine and the packaged rule reserves nothing.
    """
    packaged = requested_reservation(packaged_value.split(), ram_bytes, machine)
    least = least_bytes(ram_bytes, machine)
    ram = f"{ram_bytes / GIB:.1f} GiB of RAM"
    if packaged.total_bytes >= (least if least is not None else 1):
        enough = "" if least is None else f", at least the {least // MIB} MiB that {machine} hosts of this size need"
        return CrashkernelRecommendation(
            packaged_value,
            packaged.total_bytes,
            f"the packaged value reserves {packaged.total_bytes // MIB} MiB on {ram}{enough}",
            packaged_source,
            packaged_value,
            packaged.total_bytes,
        )
    if least is None:
        raise UnsupportedHost(
            f"{distribution} on {machine}: no rule for the size of the reservation is known, and the packaged "
            f"crashkernel={packaged_value} reserves nothing on {ram}",
            "set the parameter crashkernel to a size that is known to work on such a host",
        )
    if packaged.total_bytes == 0:
        why = f"the packaged crashkernel={packaged_value} reserves nothing on {ram}: {packaged.why}"
    else:
        why = (
            f"the packaged crashkernel={packaged_value} reserves {packaged.total_bytes // MIB} MiB on {ram}; "
            f"{least // MIB} MiB is the least for {machine} hosts of this size, as drivers and the file system of the "
            "dump target need more than in a small virtual machine, and a capture kernel that runs out of memory "
            "leaves no dump"
        )
    if least * 4 > ram_bytes:
        why += f"; note that {least // MIB} MiB is more than a quarter of this host's memory"
    return CrashkernelRecommendation(f"{least // MIB}M", least, why, LEAST_SOURCE, packaged_value, packaged.total_bytes)
