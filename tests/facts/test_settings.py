"""shell_assignments, kdump_tools, grub, grub_cfg: what a shell or GRUB would execute, read without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.errors import ParseError
from kdumpkit.facts.grub import (
    DEFAULTS,
    ENVIRONMENTS,
    GrubDefaults,
    GrubEnvironment,
    grub_defaults_from,
    grub_environment_from,
    parse_grub_defaults,
    parse_grub_environment,
)
from kdumpkit.facts.grub import PATHS as GRUB
from kdumpkit.facts.grub_cfg import PATHS as GRUB_CFG
from kdumpkit.facts.grub_cfg import GrubConfig, default_entry, grub_config_from, parse_grub_cfg
from kdumpkit.facts.kdump_tools import PATH as KDUMP_TOOLS
from kdumpkit.facts.kdump_tools import kdump_tools_from, parse_kdump_tools
from kdumpkit.facts.shell_assignments import parse_shell_assignments
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import read_files

from .conftest import REAL, TreeHost, file_states

DROP_IN = "/etc/default/grub.d/kdump-tools.cfg"


def values(text: str) -> dict[str, str]:
    found = parse_shell_assignments([("f", text.encode())])
    return {assignment.name: assignment.value for assignment in found.assignments}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=1", "1"),
        ("  A=1  # why", "1"),
        ("A=", ""),
        ('A=""', ""),
        ("A='a $B `c`'", "a $B `c`"),
        ('A="a \\"b\\" \\$c \\\\ \\n"', 'a "b" $c \\ \\n'),
        ("A=a\\ b", "a b"),
        ("A=a'b'\"c\"d", "abcd"),
        ('A="one\ntwo"', "one\ntwo"),
        ('A="one \\\ntwo"', "one two"),
        ("A=a#b", "a#b"),
        ("export A=1", "1"),
        ("B=x; A=${B}y$B", "xyx"),
        ('A="$A crashkernel=1M"', " crashkernel=1M"),
        ("A=${B:-other}", "other"),
        ("B=; A=${B-other}", ""),
        ("B=; A=${B:-other}", "other"),
        ("B=1; A=${B:+set}", "set"),
        ("A=1\nA=2", "2"),
        ("A=1 B=2", "1"),
        ("A=$", "$"),
        ("A=a\r", "a"),
    ],
)
def test_values_are_what_a_shell_makes_of_them(text: str, value: str) -> None:
    found = parse_shell_assignments([("f", text.encode())])
    assert found.value("A") == value
    assert found.broken == ()
    last = found.last("A")
    assert last is not None
    assert last.certain


def test_the_shell_agrees(tmp_path: Path) -> None:
    import subprocess

    text = 'X=1\nA="a \\"b\\" ${X} $X"\'c $d\'e\\ f\nA="$A ${Y:-z} ${X:+w}"\n'
    file = tmp_path / "settings"
    file.write_text(text)
    said = subprocess.run(["/bin/sh", "-c", f'. {file}; printf %s "$A"'], capture_output=True, check=True).stdout
    assert values(text)["A"].encode() == said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("USE_KDUMP = 1", "spaces around '='"),
        ("USE_KDUMP =1", "spaces around '='"),
        ("USE_KDUMP= 1", "a space after '='"),
        ("USE_KDUMP=1 -d 31", "are quotes missing"),
        ("USE_KDUMP+=1", "'+='"),
        ("hello", "not an assignment"),
        (". /etc/other", "reads another file"),
        ('USE_KDUMP="1', "do not close"),
        ("USE_KDUMP='1", "do not close"),
        ("if true; then", "shell code"),
        ("cat <<EOF\nUSE_KDUMP=1\nEOF", "here-document"),
    ],
)
def test_what_is_no_assignment_is_reported_with_its_line(text: str, why: str) -> None:
    found = parse_shell_assignments([("/etc/x", f"FIRST=1\n\n{text}\n".encode())])
    assert found.value("FIRST") == "1"
    assert found.value("USE_KDUMP") is None
    assert any(why in broken.why for broken in found.broken)
    assert str(found.broken[0].origin) == "/etc/x:3"


@pytest.mark.parametrize(
    "text", ["A=`id`", "A=$(id -u)", "A=$1", "A=${B%x}", "if true; then\nA=1\nfi", "test -e /x && A=1", "A=${B:=1}"]
)
def test_what_only_a_shell_could_tell_is_not_certain(text: str) -> None:
    last = parse_shell_assignments([("f", text.encode())]).last("A")
    assert last is not None
    assert not last.certain


def test_after_the_block_it_is_certain_again() -> None:
    last = parse_shell_assignments([("f", b"if x; then\nA=1\nfi\nA=2\n")]).last("A")
    assert last is not None
    assert last.certain
    assert last.value == "2"


def test_growth_is_bounded() -> None:
    with pytest.raises(ParseError):
        parse_shell_assignments([("f", b"A=xxxxxxxx\n" + b'A="$A$A"\n' * 60)])
    with pytest.raises(ParseError):
        parse_shell_assignments([("f", b"A=" + b"x" * 200_000)])
    with pytest.raises(ParseError):
        parse_shell_assignments([("f", b"A=\0")])


def test_kdump_tools_as_packaged() -> None:
    found = parse_kdump_tools((REAL / "kdump-tools").read_bytes(), (5,))
    assert found.use_kdump == "1"
    assert found.enabled
    assert found.core_directory == "/var/crash"
    assert found.kernel == "/var/lib/kdump/vmlinuz"
    assert found.initrd == "/var/lib/kdump/initrd.img"
    assert found.makedump_arguments is None
    assert found.effective_makedump_arguments == "-F -c -d 31"
    assert found.nfs is found.ssh is found.ftp is None
    assert found.broken == ()
    assert found.records == (5,)


def test_kdump_tools_values() -> None:
    text = b'USE_KDUMP=0\nMAKEDUMP_ARGS="-c -d 17"\nSSH="root@safe"\nFTP_PASSWORD=hunter2\nKDUMP_NUM_DUMPS=3\nNFS=\n'
    found = parse_kdump_tools(text)
    assert not found.enabled
    assert found.effective_makedump_arguments == "-c -d 17 -F"
    assert found.ssh == "root@safe"
    assert found.number_of_dumps == "3"
    assert found.nfs == ""
    assert found.dump_directory == "/var/crash"
    assert "hunter2" not in repr(found)


def test_kdump_tools_with_spaces_around_the_sign() -> None:
    found = parse_kdump_tools(b"# made by a template\nUSE_KDUMP = 1\nKDUMP_COREDIR=/data\n")
    assert found.use_kdump is None
    assert not found.enabled
    assert found.core_directory == "/data"
    assert [str(broken.origin) for broken in found.broken] == [f"{KDUMP_TOOLS}:2"]


def test_kdump_tools_states() -> None:
    empty = kdump_tools_from(file_states({KDUMP_TOOLS: b""}))
    assert not isinstance(empty, Unknown)
    assert empty.use_kdump is None
    for content, why in ((None, Why.ABSENT), ("denied", Why.NOT_PERMITTED), (b"A\0", Why.NOT_UNDERSTOOD)):
        found = kdump_tools_from(file_states({KDUMP_TOOLS: content}))
        assert isinstance(found, Unknown)
        assert found.why is why


def test_grub_as_packaged_names_the_file_of_each_word() -> None:
    packaged = (REAL / "grub").read_bytes().replace(b'"quiet"', b'"quiet crashkernel=256M"')
    found = parse_grub_defaults([(DEFAULTS, packaged), (DROP_IN, (REAL / "kdump-tools.cfg").read_bytes())])
    assert found.broken == ()
    assert found.default_entry == "0"
    assert [(word.text, str(word.origin)) for word in found.crashkernel_words()] == [
        ("crashkernel=256M", f"{DEFAULTS}:9"),
        ("crashkernel=384M-:128M", f"{DROP_IN}:1"),
    ]
    distributor = found.settings.last("GRUB_DISTRIBUTOR")
    assert distributor is not None
    assert not distributor.certain


def test_a_word_that_is_glued_from_two_files_has_the_first_as_origin() -> None:
    found = parse_grub_defaults([("a", b"X=crash\n"), ("b", b'GRUB_CMDLINE_LINUX="quiet ${X}kernel=1M"\n')])
    assert [(word.text, str(word.origin)) for word in found.kernel_words()] == [
        ("quiet", "b:1"),
        ("crashkernel=1M", "a:1"),
    ]
    assert parse_grub_defaults([("a", b"")]).kernel_words() == ()
    assert parse_grub_defaults([("a", b"")]).default_entry is None


def test_grub_files_are_sourced_in_order(tree: TreeHost) -> None:
    tree.write("/etc/default/grub.d/zz.cfg", b'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT last"\n')
    tree.write("/etc/default/grub.d/50-cloud.cfg", b'GRUB_CMDLINE_LINUX_DEFAULT="console=ttyS0"\n')
    tree.write("/etc/default/grub", b'GRUB_CMDLINE_LINUX_DEFAULT="crashkernel=256M"\n')
    found = grub_defaults_from(read_files(tree, GRUB))
    assert isinstance(found, GrubDefaults)
    assert found.paths == (DEFAULTS, "/etc/default/grub.d/50-cloud.cfg", "/etc/default/grub.d/zz.cfg")
    assert [word.text for word in found.kernel_words()] == ["console=ttyS0", "last"]
    assert found.crashkernel_words() == ()
    assert found.records == (0,)


def test_grub_files_are_sourced_in_order_however_they_come() -> None:
    word = b'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT '
    found = grub_defaults_from(
        file_states({DROP_IN: word + b'c"\n', "/etc/default/grub.d/a.cfg": word + b'b"\n', DEFAULTS: word + b'a"\n'})
    )
    assert isinstance(found, GrubDefaults)
    assert [word.text for word in found.kernel_words()] == ["a", "b", "c"]


def test_grub_defaults_states() -> None:
    absent = grub_defaults_from(file_states({DEFAULTS: None, "/etc/default/grub.d/*.cfg": None}))
    assert isinstance(absent, Unknown)
    assert absent.absent
    # what one unreadable file does to the rest is not known
    denied = grub_defaults_from(file_states({DEFAULTS: b"A=1\n", DROP_IN: "denied"}))
    assert isinstance(denied, Unknown)
    assert denied.why is Why.NOT_PERMITTED
    broken = grub_defaults_from(file_states({DEFAULTS: b"A=\0\n"}))
    assert isinstance(broken, Unknown)
    assert broken.why is Why.NOT_UNDERSTOOD
    empty = grub_defaults_from(file_states({DEFAULTS: b""}))
    assert isinstance(empty, GrubDefaults)


ENVIRONMENT = b"# GRUB Environment Block\n# WARNING: Do not edit this file by tools other than grub-editenv!!!\n"


def test_grub_environment() -> None:
    found = parse_grub_environment(ENVIRONMENT + b"saved_entry=1>2\nx=a\\\\b\\\nc\n" + b"#" * 900)
    assert found.saved_entry == "1>2"
    assert found.next_entry is None
    assert found.get("x") == "a\\b\nc"
    assert parse_grub_environment(ENVIRONMENT + b"next_entry=\n").next_entry == ""
    for data in (b"", b"saved_entry=0\n", b"\0" * 1024):
        with pytest.raises(ParseError):
            parse_grub_environment(data)


def test_grub_environment_states() -> None:
    both = dict.fromkeys(ENVIRONMENTS)
    absent = grub_environment_from(file_states({**both}))
    assert isinstance(absent, Unknown)
    assert absent.absent
    denied = grub_environment_from(file_states({**both, ENVIRONMENTS[0]: "denied"}))
    assert isinstance(denied, Unknown)
    assert denied.why is Why.NOT_PERMITTED
    second = grub_environment_from(file_states({**both, ENVIRONMENTS[1]: ENVIRONMENT}))
    assert isinstance(second, GrubEnvironment)
    assert second.path == ENVIRONMENTS[1]


def real_config() -> GrubConfig:
    return parse_grub_cfg((REAL / "grub.cfg").read_bytes())


def test_generated_menu_of_debian() -> None:
    config = real_config()
    assert config.default == "0"
    assert [entry.position for entry in config.entries] == ["0", "1>0", "1>1", "1>2", "1>3"]
    assert [entry.recovery for entry in config.entries] == [False, False, True, False, True]
    first, _, recovery, other, _ = config.entries
    assert first.kernel_path == "/boot/vmlinuz-6.1.0-56-cloud-amd64"
    assert first.kernel_release == "6.1.0-56-cloud-amd64"
    assert first.initrd_paths == ("/boot/initrd.img-6.1.0-56-cloud-amd64",)
    assert first.command_line.endswith("ro crashkernel=256M crashkernel=384M-:128M")
    assert "crashkernel" not in recovery.command_line
    assert other.kernel_release == "6.1.0-55-cloud-amd64"
    assert other.titles == (
        "Advanced options for Debian GNU/Linux",
        "Debian GNU/Linux, with Linux 6.1.0-55-cloud-amd64",
    )


def test_entries_are_found_by_position_title_and_id() -> None:
    config = real_config()
    other = config.entries[3]
    assert config.find("1>2") is other
    assert config.find(">".join(other.titles)) is other
    assert config.find(f"{other.ids[0]}>{other.ids[1]}") is other
    assert config.find("1") is config.entries[1]
    assert config.find("Debian GNU/Linux") is config.entries[0]
    assert config.find("7") is None
    assert config.find("0>1") is None


def test_entry_of_the_next_boot() -> None:
    config = real_config()
    none = Unknown(ENVIRONMENTS[0], Why.ABSENT)
    assert default_entry(config, none) is config.entries[0]
    once = parse_grub_environment(ENVIRONMENT + b"next_entry=1>2\n")
    assert default_entry(config, once) is config.entries[3]
    saved = parse_grub_cfg(
        (REAL / "grub.cfg").read_bytes().replace(b'set default="0"', b'set default="${saved_entry}"')
    )
    assert saved.default == "${saved_entry}"
    assert default_entry(saved, parse_grub_environment(ENVIRONMENT + b"saved_entry=1>2\n")) is saved.entries[3]
    assert default_entry(saved, none) is saved.entries[0]
    assert default_entry(saved, parse_grub_environment(ENVIRONMENT + b"saved_entry=gone\n")) is None


def test_menu_quotes_and_other_systems() -> None:
    text = rb"""
menuentry 'It'\''s > "here"' --id=own { linux16 /vmlinuz-5.10 "root=LABEL=a b" quiet; initrd16 /u.img /i.img; }
menuentry "Windows" { chainloader +1; }
submenu 'More' { submenu 'Deep' { menuentry 'x' { linux /k root=/dev/sda1
} } }
"""
    config = parse_grub_cfg(text)
    assert [entry.position for entry in config.entries] == ["0", "1", "2>0>0"]
    first, windows, deep = config.entries
    assert first.title == 'It\'s > "here"'
    assert first.id == "own"
    assert first.command_line == "root=LABEL=a b quiet"
    assert first.initrd_paths == ("/u.img", "/i.img")
    assert config.find('It\'s >> "here"') is first
    assert windows.kernel_path is None
    assert windows.kernel_release is None
    assert deep.titles == ("More", "Deep", "x")
    assert deep.kernel_release is None
    assert config.default is None


def test_grub_cfg_that_is_cut_off() -> None:
    whole = (REAL / "grub.cfg").read_bytes()
    with pytest.raises(ParseError):
        parse_grub_cfg(whole[: whole.index(b"initrd") + 3])
    with pytest.raises(ParseError):
        parse_grub_cfg(b"set x='open\n")
    with pytest.raises(ParseError):
        parse_grub_cfg(b"")
    assert parse_grub_cfg(b"# nothing\n").entries == ()


def test_grub_cfg_states() -> None:
    both = dict.fromkeys(GRUB_CFG)
    for content, why in (
        (None, Why.ABSENT),
        ("denied", Why.NOT_PERMITTED),
        (b"", Why.NOT_UNDERSTOOD),
        ("cut", Why.NOT_UNDERSTOOD),
    ):
        found = grub_config_from(file_states({**both, GRUB_CFG[0]: content}))
        assert isinstance(found, Unknown)
        assert found.why is why
    suse = grub_config_from(file_states({GRUB_CFG[0]: None, GRUB_CFG[1]: b"menuentry 'a' {\n}\n"}))
    assert isinstance(suse, GrubConfig)
    assert suse.path == "/boot/grub2/grub.cfg"
