"""Which host a program that runs by itself is to read from, as options of its command line."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kdumpkit.hosts.ssh import SshHost

#: names the socket of the process that keeps a run's logins; a stage's kernel has it, and what it starts
ENV_LOGINS = "KDUMPKIT_LOGINS"


@dataclass(frozen=True)
class OnHost:
    """A host, by what :class:`~kdumpkit.hosts.ssh.SshHost` is made of."""

    destination: str
    name: str
    #: empty: the user's own configuration
    ssh_config: str = ""

    def arguments(self) -> tuple[str, ...]:
        """The options that :func:`add_host_options` reads."""
        config = ("--ssh-config", self.ssh_config) if self.ssh_config else ()
        return ("--on", self.destination, "--host-name", self.name, *config)

    def connect(self) -> SshHost:
        """The host; the login of a run is borrowed where there is one."""
        from kdumpkit.hosts.ssh import SshHost

        keeper = os.environ.get(ENV_LOGINS)
        config = Path(self.ssh_config).expanduser() if self.ssh_config else None
        return SshHost(self.destination, config=config, name=self.name, keeper=Path(keeper) if keeper else None)


def add_host_options(parser: argparse.ArgumentParser) -> None:
    """Let a program read a file on a host: ``--on DESTINATION --host-name NAME [--ssh-config FILE]``."""
    parser.add_argument("--on", metavar="DESTINATION", help="the file lies on this host and is read there, over ssh")
    parser.add_argument("--host-name", metavar="NAME", help="what messages call that host")
    parser.add_argument("--ssh-config", metavar="FILE", default="", help="an ssh_config file instead of your own")


def host_from(options: argparse.Namespace) -> OnHost | None:
    """The host that the options name; None: the file lies here."""
    return OnHost(options.on, options.host_name or options.on, options.ssh_config) if options.on else None
