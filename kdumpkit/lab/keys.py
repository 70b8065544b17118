"""The lab's ssh keys: one that its guest is logged in with, one that the guest is known by. Both are made here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kdumpkit.lab.process import run_here

CLIENT_KEY = "id_ed25519"
HOST_KEY = "ssh_host_ed25519_key"


@dataclass(frozen=True)
class LabKeys:
    """A folder with the client's key pair and the guest's host key pair."""

    folder: Path

    @property
    def client_private(self) -> Path:
        return self.folder / CLIENT_KEY

    @property
    def client_public(self) -> str:
        return (self.folder / f"{CLIENT_KEY}.pub").read_text()

    @property
    def host_public(self) -> str:
        """Type and base64 text of the host key, without its comment."""
        return " ".join((self.folder / f"{HOST_KEY}.pub").read_text().split()[:2])

    def install_host_key(self, ssh_folder: Path) -> None:
        """Make this host key the only one of a guest; the private half is not kept on this side."""
        for path in ssh_folder.glob("ssh_host_*"):
            path.unlink()
        private = ssh_folder / HOST_KEY
        (self.folder / HOST_KEY).rename(private)
        private.chmod(0o600)
        public = ssh_folder / f"{HOST_KEY}.pub"
        public.write_text((self.folder / f"{HOST_KEY}.pub").read_text())


def generate_keys(folder: Path) -> LabKeys:
    """A new pair of pairs in ``folder``, without passphrases: they open a machine that lives for minutes."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, comment in ((CLIENT_KEY, "kdumpkit-lab client"), (HOST_KEY, "kdumpkit-lab host")):
        run_here(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(folder / name)],
            what="making the lab's ssh keys",
            timeout_s=30,
        )
    return LabKeys(folder)
