"""The one place in kdumpkit that makes a kernel panic."""

from __future__ import annotations

import re

from kdumpkit.actions.consent import Consent
from kdumpkit.actions.detached import go_down
from kdumpkit.command import CommandResult, command
from kdumpkit.errors import NotVerified, ParameterError
from kdumpkit.hosts.base import Host

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")

#: what stands before the label in the kernel's log
MARK = "kdumpkit: panic test "


def label_line(label: str) -> str:
    """The line that a dump's log must carry to be the dump of this test. Raises ParameterError for an unsafe label."""
    if not _LABEL.fullmatch(label):
        raise ParameterError(
            f"{label!r} cannot be a label: it goes into the kernel's log",
            "use up to 80 letters, digits and . _ : - that begin with a letter or digit",
        )
    return MARK + label


def trigger_panic(host: Host, label: str, consent: Consent) -> CommandResult:
    """Returns, and a second later the host's kernel panics by sysrq-c. This cannot be undone.

    The label is written to the kernel's log and read back, data is written to disk, and only then is the trigger
    started, in a session of its own so that the call comes back. On the host itself the boot id is compared with the
    one that was consented to: after a repeated call or a lost connection, the next boot is not crashed again.

    Raises NotVerified where the label does not reach the log (nothing was crashed), GateClosed where the boot is
    another. Source: Documentation/admin-guide/sysrq.rst; root's write to /proc/sysrq-trigger is not bound by
    kernel.sysrq.
    """
    line = label_line(label)
    # one message level below the console's usual threshold is enough to be kept; <4> is a warning
    script = 'printf "<4>%s\\n" "$1" > /dev/kmsg && dmesg | grep -cF -- "$1" && sync'
    argv = ("sh", "-c", script, "sh", line)
    marked = host.run(
        command(*argv, timeout_s=120, as_root=True, title=f"write to /dev/kmsg: {line}; sync", inline=True)
    )
    if not marked.ok:
        said = marked.stderr.decode("utf-8", "replace").strip()
        raise NotVerified(
            f"{host.name}: the label {label!r} could not be put into the kernel's log"
            + (f" ({said[:200]})" if said else " (it was written and is not there)")
            + ", so its dump could not be told from another's; nothing was crashed",
            "cat /proc/sys/kernel/printk_devkmsg; it should be `on` or `ratelimit`",
        )
    return go_down(host, consent, "echo c > /proc/sysrq-trigger", title="panic in one second: sysrq-c")
