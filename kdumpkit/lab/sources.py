"""Where the building machine gets its packages: its own apt configuration, asked through apt itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kdumpkit.errors import LabError
from kdumpkit.lab.process import run_here

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_FIELDS = ("CREATED_BY", "ORIGIN", "REPO_URI", "RELEASE", "CODENAME", "COMPONENT")
#: what decides how apt reaches an archive: proxies, time-outs, certificates, and whether an old Release file will do
_TRANSPORT_OPTION = re.compile(r"^Acquire::(https?|ftp|Retries|ForceIPv[46]|Check-Valid-Until|Check-Date)\b.*;$")


@dataclass(frozen=True, order=True)
class PackageSource:
    """One suite of one archive, such as bookworm-security, with its components."""

    uri: str
    suite: str
    components: tuple[str, ...]

    def deb822(self) -> str:
        """A stanza for a ``.sources`` file."""
        lines = ["Types: deb", f"URIs: {self.uri}", f"Suites: {self.suite}", f"Components: {' '.join(self.components)}"]
        if _KEYRING.exists():
            lines.append(f"Signed-By: {_KEYRING}")
        return "\n".join(lines) + "\n"


def parse_index_targets(text: str, suite: str) -> list[PackageSource]:
    """Debian's own sources of a release (with updates and security) out of ``apt-get indextargets``."""
    components: dict[tuple[str, str], list[str]] = {}
    for line in text.splitlines():
        values = line.split("\t")
        if len(values) != len(_FIELDS):
            continue
        created_by, origin, uri, release, codename, component = values
        if created_by != "Packages" or origin != "Debian" or component != "main":
            continue
        if codename == suite or codename in (f"{suite}-updates", f"{suite}-security"):
            components.setdefault((uri, release or codename), []).append(component)
    return sorted(PackageSource(uri, name, tuple(sorted(set(found)))) for (uri, name), found in components.items())


def read_package_sources(suite: str) -> list[PackageSource]:
    """The sources of a Debian release that this machine's apt uses.

    Raises LabError where apt knows no archive of that release.
    """
    form = "\t".join(f"$({field})" for field in _FIELDS)
    said = run_here(["apt-get", "indextargets", "--format", form], what="reading the package sources", timeout_s=60)
    sources = parse_index_targets(said.decode("utf-8", "replace"), suite)
    if not any(source.suite == suite for source in sources):
        raise LabError(
            f"apt on this machine knows no Debian archive of the release {suite}, which the lab's guest is built from",
            f"add Debian {suite} to /etc/apt/sources.list and run: apt-get update",
        )
    return sources


def transport_options(apt_config_dump: str) -> str:
    """The lines of ``apt-config dump`` that say how archives are reached."""
    lines = [line for line in apt_config_dump.splitlines() if _TRANSPORT_OPTION.match(line)]
    return "".join(f"{line}\n" for line in lines)


def read_transport_options() -> str:
    """How this machine's apt reaches archives, as lines for an apt.conf file."""
    said = run_here(["apt-config", "dump"], what="reading apt's configuration", timeout_s=30)
    return transport_options(said.decode("utf-8", "replace"))


def newest_kernels(package_names: Iterable[str], pattern: str, count: int) -> list[str]:
    """The newest kernel packages whose names match, oldest first. Raises LabError where there are fewer than wanted."""
    expression = re.compile(pattern)
    found: dict[tuple[int, ...], str] = {}
    for name in package_names:
        if match := expression.fullmatch(name.strip()):
            found[tuple(int(group) for group in match.groups())] = name.strip()
    if len(found) < count:
        raise LabError(
            f"the package sources offer {len(found)} kernels that match {pattern}; the lab needs {count}",
            "check that the sources of this machine include Debian's security updates",
        )
    return [found[key] for key in sorted(found)][-count:]
