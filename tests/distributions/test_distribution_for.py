from __future__ import annotations

import inspect

import pytest

from kdumpkit.distributions import FAMILIES, distribution_for
from kdumpkit.distributions.answers import SizingFacts
from kdumpkit.distributions.base import Distribution
from kdumpkit.distributions.debian import Debian
from kdumpkit.distributions.unsupported import Unsupported
from kdumpkit.errors import UnsupportedHost
from kdumpkit.facts.kernel_command_line import parse_kernel_command_line
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.unknown import Unknown, Why


def named(identity: str, *like: str) -> Distribution:
    return distribution_for(OsRelease(identity, like, None, None))


@pytest.mark.parametrize(
    ("identity", "like", "family"),
    [
        ("debian", (), "debian"),
        ("ubuntu", ("debian",), "debian"),
        ("linuxmint", ("ubuntu", "debian"), "debian"),
        ("kali", ("debian",), "debian"),
        ("void", (), "unsupported"),
        ("arch", (), "unsupported"),
        ("nixos", ("something",), "unsupported"),
    ],
)
def test_by_id_then_by_id_like(identity: str, like: tuple[str, ...], family: str) -> None:
    found = named(identity, *like)
    assert found.family == family
    assert found.supported == (family != "unsupported")


def test_ubuntu_is_told_from_debian_also_for_those_like_it() -> None:
    for identity, like, ubuntu in (
        ("debian", (), False),
        ("ubuntu", ("debian",), True),
        ("linuxmint", ("ubuntu",), True),
    ):
        found = named(identity, *like)
        assert isinstance(found, Debian)
        assert found.is_ubuntu is ubuntu


def test_an_os_release_that_could_not_be_read_is_unsupported_and_says_why() -> None:
    found = distribution_for(Unknown("/etc/os-release", Why.NOT_PERMITTED))
    assert not found.supported
    with pytest.raises(UnsupportedHost, match="not permitted"):
        found.package_needs()


def test_every_question_that_needs_knowledge_is_refused_with_the_name_and_what_still_works() -> None:
    void = named("void")
    assert isinstance(void, Unsupported)
    line = parse_kernel_command_line(b"root=/dev/vda1\n")
    known = {
        "release": "6.1",
        "machine": "x86_64",
        "command_line": line,
        "root": None,
        "signed": False,
        "sizing": SizingFacts(1 << 30, "x86_64"),
    }
    asked = 0
    for name in sorted(Distribution.__abstractmethods__ - {"survey_request"}):
        method = getattr(Distribution, name)
        arguments = {}
        for parameter in list(inspect.signature(method).parameters.values())[1:]:
            if parameter.default is inspect.Parameter.empty:
                arguments[parameter.name] = known.get(parameter.name, b"")
        with pytest.raises(UnsupportedHost) as caught:
            getattr(void, name)(**arguments)
        assert "ID=void" in caught.value.message
        assert "still read and checked" in caught.value.message
        assert caught.value.hint
        asked += 1
    assert asked >= 15


def test_the_generic_facts_of_an_unsupported_host_can_still_be_asked_for() -> None:
    request = named("void").survey_request()
    assert request.parse_boot_loader is not None
    assert (request.packages, request.units, request.settings_paths) == ((), (), ())


def test_each_family_names_what_a_survey_should_ask_for() -> None:
    for family in FAMILIES:
        identity = sorted(family.ids)[0]
        found = named(identity)
        request = found.survey_request("6.1.0-55-amd64")
        assert {need.name for need in found.package_needs()} <= set(request.packages)
        assert found.kdump_service().unit in request.units
