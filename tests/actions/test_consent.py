from __future__ import annotations

import pytest

from kdumpkit.actions.consent import Consent, check_consent
from kdumpkit.errors import ConsentMissing

HERE = "0b8f5c5e-0d5e-4a52-9a3a-2b8d7b7d1a11"
THERE = "7f0f3a52-6f2d-44a8-8a4f-1d0c5b1c9e22"


def test_the_hosts_own_name_for_another_machine_is_consent_for_its_present_boot() -> None:
    assert check_consent("web01", "web01", THERE, HERE) == Consent("web01", THERE)
    # line ends of the files and commands that they come from
    assert check_consent(" web01 ", "web01\n", THERE + "\n", HERE + "\n") == Consent("web01", THERE)


@pytest.mark.parametrize(
    ("consent", "nodename", "target", "local", "said"),
    [
        ("", "web01", THERE, HERE, "there is no consent"),
        ("   ", "web01", THERE, HERE, "there is no consent"),
        ("web02", "web01", THERE, HERE, "'web02'.*'web01'"),
        ("WEB01", "web01", THERE, HERE, "'WEB01'.*'web01'"),
        ("web01.example.org", "web01", THERE, HERE, "calls itself 'web01'"),
        ("yes", "web01", THERE, HERE, "'yes'"),
        ("*", "web01", THERE, HERE, "'\\*'"),
        # the same boot id is the same machine, whatever it is called and however it was reached
        ("web01", "web01", HERE, HERE, "machine that runs kdumpkit"),
        ("web01", "web01", HERE + "\n", HERE, "machine that runs kdumpkit"),
        ("", "web01", HERE, HERE, "machine that runs kdumpkit"),
        # what is not known is no consent
        ("", "", THERE, HERE, "its own name is not known"),
        ("web01", "web01", "", HERE, "its boot id is not known"),
        ("web01", "web01", THERE, "", "boot id of this machine is not known"),
        ("web01", "web01", "", "", "not known"),
    ],
)
def test_everything_else_is_refused_with_a_sentence(
    consent: str, nodename: str, target: str, local: str, said: str
) -> None:
    with pytest.raises(ConsentMissing, match=said) as caught:
        check_consent(consent, nodename, target, local)
    assert "nothing was done" in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_status == 4
