"""Where SUSE's kdump saves dumps: the URLs of ``KDUMP_SAVEDIR``.

**Source**: kdump(5), section URL FORMAT; ``kdump-read-config.sh`` and ``dracut/kdump-save`` of openSUSE's kdump 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.facts.kdump_settings import DumpTargetKind

#: ``scp`` and ``smb`` are other names of ``sftp`` and ``cifs``
_KINDS = {
    "file": DumpTargetKind.LOCAL,
    "nfs": DumpTargetKind.NFS,
    "cifs": DumpTargetKind.CIFS,
    "smb": DumpTargetKind.CIFS,
    "ssh": DumpTargetKind.SSH,
    "sftp": DumpTargetKind.SFTP,
    "scp": DumpTargetKind.SFTP,
    "ftp": DumpTargetKind.FTP,
}
#: what stands in the place of a password
MASK = "********"


@dataclass(frozen=True)
class SaveDirectory:
    """One target of ``KDUMP_SAVEDIR``.

    ``text`` is the URL as it is written, its password masked. ``kind`` is None where kdump knows no such protocol.
    ``path`` is the directory on the target, absolute; "" where there is none. ``server`` is the host of a network
    target with its user and port as written, None for a local one. ``fault`` says why kdump cannot save there; "" where
    it can.
    """

    text: str
    kind: DumpTargetKind | None
    server: str | None
    path: str
    fault: str = ""

    @property
    def target(self) -> str | None:
        """What a person calls the target: ``server:/export/path``, ``//server/share/path``; None for a local one."""
        if self.server is None:
            return None
        if self.kind is DumpTargetKind.CIFS:
            return f"//{self.server}{self.path}"
        return f"{self.server}:{self.path}"


def parse_save_directory(text: str) -> SaveDirectory:
    """One URL, or a bare absolute path.

    >>> parse_save_directory("nfs://10.10.2.120/srv/dump").target
    '10.10.2.120:/srv/dump'
    >>> parse_save_directory("/var/crash").path
    '/var/crash'
    >>> parse_save_directory("cifs://ops:secret@nas/share/crash").text
    'cifs://ops:********@nas/share/crash'
    """
    if text.startswith("/"):
        return SaveDirectory(text, DumpTargetKind.LOCAL, None, text)
    protocol, separator, rest = text.partition("://")
    kind = _KINDS.get(protocol.lower()) if separator else None
    if kind is None:
        known = ", ".join(f"{name}://" for name in _KINDS)
        return SaveDirectory(masked(text), None, None, "", f"it is neither an absolute path nor one of {known}")
    if kind is DumpTargetKind.LOCAL:
        fault = "" if rest.startswith("/") else "a file:// target needs three slashes: what follows is a whole path"
        return SaveDirectory(text, kind, None, rest, fault)
    place, slash, path = rest.partition("/")
    server = _without_password(place)
    fault = ""
    if not server.rpartition("@")[2].partition(":")[0]:
        fault = "it names no server"
    elif not slash or not path:
        fault = "it names no directory on the server"
    return SaveDirectory(masked(text), kind, server, slash + path, fault)


def parse_save_directories(value: str) -> tuple[SaveDirectory, ...]:
    """The targets of the setting, separated by blanks: at least one, with a fault where it holds nothing else."""
    return tuple(parse_save_directory(word) for word in value.split() or [value])


def masked(text: str) -> str:
    """The URL (or several) with a mask in the place of each password.

    >>> masked("ftp://dump:s@cret@host/x /var/crash")
    'ftp://dump:********@host/x /var/crash'
    """
    return " ".join(_masked_one(word) for word in text.split(" "))


def _masked_one(word: str) -> str:
    protocol, separator, rest = word.partition("://")
    if not separator:
        return word
    place, slash, path = rest.partition("/")
    user, at, host = place.rpartition("@")
    name, colon, password = user.partition(":")
    if not at or not colon or not password:
        return word
    return f"{protocol}://{name}:{MASK}@{host}{slash}{path}"


def _without_password(place: str) -> str:
    user, at, host = place.rpartition("@")
    return f"{user.partition(':')[0]}@{host}" if at else place
