"""An orderly reboot."""

from __future__ import annotations

from kdumpkit.actions.consent import Consent
from kdumpkit.actions.detached import go_down
from kdumpkit.command import CommandResult
from kdumpkit.hosts.base import Host


def trigger_reboot(host: Host, consent: Consent) -> CommandResult:
    """Returns, and a second later the host begins to shut down and boots again.

    The boot id is compared on the host before: a repeated call does not reboot the next boot. Raises GateClosed where
    the boot is another.
    """
    return go_down(host, consent, "systemctl reboot || reboot", title="reboot in one second")
