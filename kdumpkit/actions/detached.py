"""Starting what takes a host down, so that the call that starts it still comes back."""

from __future__ import annotations

from kdumpkit.actions.consent import Consent
from kdumpkit.command import CommandResult, command
from kdumpkit.errors import ConsentMissing, GateClosed
from kdumpkit.hosts.base import Host

#: status of the script where the host is in another boot than the one consented to
_OTHER_BOOT = 90
_SCRIPT = f"""\
read -r now </proc/sys/kernel/random/boot_id && [ "$now" = "$1" ] || exit {_OTHER_BOOT}
command -v setsid > /dev/null || exit 91
setsid sh -c "sleep 1; $2" < /dev/null > /dev/null 2>&1 &
"""


def go_down(host: Host, consent: Consent, last_words: str, *, title: str) -> CommandResult:
    """Starts ``last_words`` on the host a second from now, in a session of its own that outlives the connection.

    Raises ConsentMissing without a consent that was checked, GateClosed where the host is in another boot than the one
    consented to, CommandFailed where it could not be started.
    """
    if not isinstance(consent, Consent) or not consent.boot_id:
        raise ConsentMissing(
            f"{host.name}: no consent was checked for this boot; nothing was done", "call check_consent() first"
        )
    argv = ("sh", "-c", _SCRIPT, "sh", consent.boot_id, last_words)
    result = host.run(command(*argv, timeout_s=30, as_root=True, title=title, inline=True))
    if result.exit_status == _OTHER_BOOT:
        raise GateClosed(
            f"{host.name} has booted since consent was given (its boot id is no longer {consent.boot_id}), so it "
            "may have "
            "gone down already; nothing was done",
            "look at what happened in between, then begin again",
        )
    return result.checked()
