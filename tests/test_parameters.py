from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import papermill
import pytest
import yaml

from kdumpkit.errors import ParameterError
from kdumpkit.parameters import FIELDS, Parameters, check_parameters, json_schema, parameters_cell, read_parameters

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

#: what a file holds, and what the message about it says
BAD = [
    # unknown names, with the nearest right one
    ("hots: web01", "there is no parameter 'hots'; did you mean 'host'?"),
    ("boot_timeout: 300", "there is no parameter 'boot_timeout'; did you mean 'boot_timeout_s'?"),
    ("Mode: apply", "there is no parameter 'Mode'; did you mean 'mode'?"),
    ("crash-kernel: 256M", "did you mean 'crashkernel'?"),
    ("zzzzzz: 1", "there is no parameter 'zzzzzz'"),
    ("password: hunter2", "there is no parameter 'password'"),
    # what YAML makes of a word without quotes
    ("consent: 6.10", 'consent is 6.10 (to YAML a number: 6.1), but it must be text: put it in quotes: "6.10"'),
    ("consent: on", 'consent is on (to YAML true or false: True), but it must be text: put it in quotes: "on"'),
    ("consent: 0755", 'consent is 0755 (to YAML a whole number: 493), but it must be text: put it in quotes: "0755"'),
    ("crashkernel: 1:30", 'crashkernel is 1:30 (to YAML a whole number: 90), but it must be text'),
    ("consent: 2024-01-31", 'consent is 2024-01-31 (a date), but it must be text: put it in quotes: "2024-01-31"'),
    ("consent: no", 'consent is no (to YAML true or false: False), but it must be text: put it in quotes: "no"'),
    ("consent: 2026-13-45", "cannot be what YAML takes it for: month must be in 1..12"),
    ("on: web01", "there is no parameter 'True'"),
    ("consent: ~", "consent is nothing, but it must be text; leave the line out for its default"),
    ("consent:", "consent is nothing, but it must be text; leave the line out for its default"),
    # types
    ("host: 5", "host is 5 (a whole number), but it must be text"),
    ("host: [a]", "host is ['a'] (a list), but it must be text"),
    ("host: {a: b}", "host is {'a': 'b'} (a mapping), but it must be text"),
    ("boot_timeout_s: true", "boot_timeout_s is True (true or false), but it must be a whole number"),
    ("boot_timeout_s: yes", "boot_timeout_s is yes (to YAML true or false: True), but it must be a whole number"),
    ("host: web01\n---\nhost: web02", "line 2: not YAML: expected a single document in the stream, but found another"),
    ('boot_timeout_s: "900"', "boot_timeout_s is '900' (text), but it must be a whole number without quotes"),
    ("boot_timeout_s: 900.0", "boot_timeout_s is 900.0 (a number), but it must be a whole number"),
    ("boot_timeout_s: 1e3", "boot_timeout_s is '1e3' (text), but it must be a whole number"),
    ("boot_timeout_s: .inf", "boot_timeout_s is .inf (to YAML a number: inf), but it must be a whole number"),
    ("boot_timeout_s: 5", "boot_timeout_s is 5 (a whole number), but it must be at least 30"),
    ("boot_timeout_s: -1", "but it must be at least 30"),
    ("dump_timeout_s: 86401", "but it must be at most 86400"),
    ("boot_timeout_s: " + "9" * 5000, "cannot be what YAML takes it for"),
    # values
    ("mode: crash", "mode is 'crash' (text), but it must be one of: check, plan, apply"),
    ("mode: Apply", "but it must be one of: check, plan, apply"),
    ("transport: telnet", "but it must be one of: ssh, local"),
    ("host: ../../etc", "host is '../../etc' (text), but it must be: letters, digits"),
    ("host: ''", "but it must be: letters, digits"),
    ("host: .hidden", "but it must be: letters, digits"),
    ("run_id: ../x", "but it must be: the name of a folder under evidence"),
    ("crashkernel: crashkernel=256M", "but it must be: the value alone"),
    ("crashkernel: 256M quiet", "but it must be: the value alone"),
    ('ssh_destination: "-oProxyCommand=id"', "but it must be: user@host"),
    ('ssh_destination: "web01 -v"', "but it must be: user@host"),
    ('vmlinux: "a\\0b"', "but it must be: one line of text without control characters"),
    ('consent: "web01\\n"', "but it must be: one line of text without control characters"),
    ('consent: "a\\u202eb"', "but it must be: one line of text without control characters"),
    # not a mapping, not YAML
    ("", "holds nothing, not `name: value` lines"),
    ("# only a comment", "holds nothing, not `name: value` lines"),
    ("web01", "holds text, not `name: value` lines"),
    ("- host: web01", "holds a list, not `name: value` lines"),
    ("42", "holds a whole number, not `name: value` lines"),
    ("host: web01\nhost: web02", "line 2: not YAML: 'host' is given twice"),
    ("mode: check\nhost: a\nmode: apply", "line 3: not YAML: 'mode' is given twice"),
    ("host: [", "not YAML"),
    ("host: a\n\tmode: b", "line 2: not YAML"),
    ("host: 'a", "not YAML"),
    ("host: *other", "not YAML: found undefined alias"),
    ("? [a]\n: b", "line 1: not YAML: a name must be a word"),
    ("host: a\n---\nhost: b", "line 2: not YAML"),
    ("<<: {host: a}", "line 1: not YAML"),
    ("host: !!python/object/apply:os.system [id]", "line 1: not YAML: could not determine a constructor"),
    ("consent: !!int x", "cannot be what YAML takes it for"),
    ("consent: !!timestamp x", "cannot be what YAML takes it for"),
    ("consent: " + "[" * 1500, "cannot be what YAML takes it for"),
    ("host: a\x01b", "not YAML: special characters are not allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD, ids=[text[:30] or "empty" for text, _ in BAD])
def test_bad_input_is_a_sentence_that_names_the_file(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "web01.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError) as caught:
        read_parameters(path)
    assert caught.value.message.startswith(str(path))
    assert said in caught.value.message
    assert len(caught.value.message.splitlines()) == 1
    assert caught.value.hint
    assert caught.value.exit_status == 2


def test_what_is_no_text_file(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\x7fELF\xff\xfe")
    for path, said in [
        (tmp_path / "missing.yaml", "there is no such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "binary.yaml", "is not text in UTF-8: byte 4 is 0xff"),
        (tmp_path / "binary.yaml" / "below", "cannot be read: Not a directory"),
    ]:
        with pytest.raises(ParameterError, match=said):
            read_parameters(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "web01.yaml"
    path.write_text("host: web01")
    path.chmod(0)
    with pytest.raises(ParameterError, match="cannot be read"):
        read_parameters(path)


#: through the real command line, which takes a process for each
THROUGH_THE_COMMAND_LINE = [
    "hots: web01",
    "boot_timeout_s: true",
    "consent: 0755",
    "host: web01\nhost: web02",
    "host: [",
]


def test_the_command_line_says_it_with_exit_status_2_and_no_traceback(run_kdumpkit: Any, tmp_path: Path) -> None:
    for text in THROUGH_THE_COMMAND_LINE:
        (tmp_path / "web01.yaml").write_text(text)
        done = run_kdumpkit("run", "web01.yaml", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("kdumpkit: web01.yaml")
        assert dict(BAD)[text] in done.stderr
        assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["web01.yaml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "missing.yaml"], "missing.yaml: there is no such file"),
        (["check", "."], ".: cannot be read: Is a directory"),
        (["run", "good.yaml", "--set", "mode=crash"], "good.yaml with --set: mode is 'crash'"),
        (["run", "good.yaml", "--set", "boot_timeout_s=soon"], "boot_timeout_s is 'soon' (text)"),
        (["run", "good.yaml", "--set", "mode"], "--set mode: there is no ="),
        (["run", "good.yaml", "--set", "modes=check"], "did you mean 'mode'?"),
    ],
)
def test_wrong_use_through_the_command_line(run_kdumpkit: Any, tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "good.yaml").write_text("host: web01\n")
    done = run_kdumpkit(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["good.yaml"]


def test_what_is_written_in_quotes_is_taken_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "web01.yaml"
    path.write_text('host: "6.10"\nconsent: "on"\nvmlinux: \'0755\'\nboot_timeout_s: 300\nmode: plan\n')
    parameters = read_parameters(path)
    assert (parameters.host, parameters.consent, parameters.vmlinux) == ("6.10", "on", "0755")
    assert (parameters.boot_timeout_s, parameters.mode, parameters.transport) == (300, "plan", "local")


def test_every_default_is_itself_allowed() -> None:
    assert check_parameters({}, "defaults") == Parameters()
    assert check_parameters(Parameters().model_dump(), "defaults") == Parameters()


def test_the_default_changes_nothing_on_any_host() -> None:
    defaults = Parameters()
    assert (defaults.mode, defaults.consent) == ("check", "")


def test_no_parameter_is_a_secret() -> None:
    assert not [name for name in FIELDS if any(word in name for word in ("pass", "secret", "token"))]


def test_the_schema_in_the_repository_is_the_one_of_the_code() -> None:
    assert (ROOT / "parameters" / "schema.json").read_text() == json_schema()


def test_the_schema_describes_every_parameter() -> None:
    schema = json.loads(json_schema())
    assert list(schema["properties"]) == list(FIELDS)
    assert schema["additionalProperties"] is False
    assert all(field["description"] and "default" in field for field in schema["properties"].values())


@pytest.mark.parametrize("path", sorted((ROOT / "parameters").glob("*.yaml")), ids=lambda path: path.name)
def test_every_parameter_file_of_the_repository_is_good(path: Path) -> None:
    parameters = read_parameters(path)
    assert parameters.mode == "check"
    assert yaml.safe_load(path.read_text()).items() <= parameters.model_dump().items()
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")


def test_there_are_six_notebooks() -> None:
    assert len(NOTEBOOKS) == 6


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_parameters_cell_of_each_notebook_is_made_from_the_code(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    (tagged,) = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", ())]
    assert "".join(tagged["source"]) == parameters_cell()


def test_papermill_reads_every_name_type_and_default_of_it() -> None:
    inspected = papermill.inspect_notebook(str(NOTEBOOKS[0]))
    assert list(inspected) == list(FIELDS)
    for name, field in FIELDS.items():
        found = inspected[name]
        assert found["inferred_type_name"] == ("int" if field.annotation is int else "str")
        assert json.loads(found["default"]) == field.default
        assert found["help"].startswith(str(field.description))
