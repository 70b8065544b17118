"""The parameters of a host: one flat YAML file for all six notebooks, checked before anything starts.

The names, types, defaults and meanings below are the only place where a parameter is defined: the notebooks'
parameter cells, the JSON Schema that editors complete from and the messages are made from them.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from kdumpkit.errors import ParameterError

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?")
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_-]{0,200}")
_CRASHKERNEL = re.compile(r"[0-9A-Za-z:,@-]{0,200}")

Mode = Literal["check", "plan", "apply", "rollback"]


class Parameters(BaseModel):
    """What one run is told. No secret is ever a parameter: parameters are kept in clear in the evidence."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    host: str = Field("localhost", description="name of the host in reports and in the evidence folder")
    transport: Literal["ssh", "local"] = Field("local", description="how the host is reached; a panic needs ssh")
    ssh_destination: str = Field("", description="what ssh is called with; empty: the host's name")
    ssh_config: str = Field("", description="an ssh_config file to use instead of your own; empty: your own")
    mode: Mode = Field("check", description="check reads; plan shows, apply makes, rollback undoes changes")
    consent: str = Field("", description="the host's own name (uname -n): consent to reboot it and to crash it")
    crashkernel: str = Field(
        "", description="the size or ranges to reserve, such as 256M; empty: what the kit recommends"
    )
    dump_directory: str = Field("", description="where the host is to keep dumps; empty: where its settings say")
    core_collector: str = Field(
        "", description="command that the host is to write dumps with; empty: what its settings say"
    )
    dump_level: int = Field(0, ge=0, le=31, description="pages left out of dumps, makedumpfile's -d; 0: as it is set")
    panic_policy: Literal["production", "test", "as-shipped"] = Field(
        "production", description="which panic sysctls are right; as-shipped: any"
    )
    second_kernel: Literal["install", "keep"] = Field(
        "install", description="keep installs none where there is one kernel alone"
    )
    default_kernel: str = Field("", description="the release that each boot is to start; empty: as it is")
    boot_once: str = Field("", description="the release that the next boot alone is to start; empty: the default")
    remove_kernel: str = Field("", description="the release that is to be removed; empty: none")
    load_by: Literal["service", "kexec"] = Field("service", description="who loads the capture kernel in stage 04")
    vmlinux: str = Field("", description="vmlinux with debug information, here; empty: found by build id")
    dump_reading: Literal["copy", "in-place"] = Field(
        "copy", description="copy brings the dump here; in-place reads it on the host, over ssh"
    )
    dumps_dir: str = Field("", description="where fetched dumps go, here; empty: dumps beside the evidence")
    evidence_dir: str = Field("", description="where evidence goes, here; empty: ./evidence")
    run_id: str = Field("", description="a run to go on with; empty: the newest that is not finished, or a new one")
    rollback_run: str = Field(
        "", description="mode rollback: the run that is taken back; empty: the newest that changed the host"
    )
    console_log: str = Field("", description="a file here that receives the host's serial console; empty: none")
    signing_key: str = Field("", description="path of an SSH key that signs the manifest; empty: not signed")
    boot_timeout_s: int = Field(900, ge=30, le=7200, description="longest wait for the host after a reboot, seconds")
    dump_timeout_s: int = Field(
        1800, ge=60, le=86400, description="longest wait from panic to the host's return, seconds"
    )
    install_timeout_s: int = Field(1800, ge=30, le=7200, description="longest run of one package command, seconds")
    host_file: str = Field("", description="by hand: a YAML file that gives every value left at its default here")

    @field_validator("*")
    @classmethod
    def _text_is_one_printable_line(cls, value: object) -> object:
        # a NUL ends a path early, a line break forges a line in a report
        if isinstance(value, str) and not value.isprintable():
            raise ValueError("one line of text without control characters")
        return value

    @field_validator("host")
    @classmethod
    def _host_is_a_name(cls, value: str) -> str:
        # it becomes a folder's name
        if not _HOST_NAME.fullmatch(value):
            raise ValueError("letters, digits, dots, hyphens and underscores only, with a letter or digit at both ends")
        return value

    @field_validator("run_id", "rollback_run")
    @classmethod
    def _run_id_is_a_name(cls, value: str) -> str:
        if value and not _HOST_NAME.fullmatch(value):
            raise ValueError("the name of a folder under evidence/<host>/, such as 20261123T051500Z")
        return value

    @field_validator("default_kernel", "boot_once", "remove_kernel")
    @classmethod
    def _kernel_is_a_release(cls, value: str) -> str:
        if value and not _RELEASE.fullmatch(value):
            raise ValueError("a kernel release as `uname -r` prints it, such as 6.1.0-55-amd64")
        return value

    @field_validator("crashkernel")
    @classmethod
    def _crashkernel_is_a_value(cls, value: str) -> str:
        if not _CRASHKERNEL.fullmatch(value):
            raise ValueError("the value alone, such as 256M or 2G-64G:256M,64G-:512M, without crashkernel= and spaces")
        return value

    @field_validator("dump_directory")
    @classmethod
    def _dump_directory_is_absolute(cls, value: str) -> str:
        if value and (not value.startswith("/") or any(c.isspace() or c in "\"'\\$`*" for c in value)):
            raise ValueError("an absolute path without spaces and quotes, such as /var/crash")
        return value

    @field_validator("ssh_destination")
    @classmethod
    def _destination_is_no_option(cls, value: str) -> str:
        if value.startswith("-") or any(c.isspace() for c in value):
            raise ValueError("user@host, host, or a Host alias of your ssh_config")
        return value


#: order, defaults and meanings, as the parameter cells show them
FIELDS = Parameters.model_fields


def check_parameters(values: Mapping[str, object], source: str) -> Parameters:
    """Typed parameters from plain values.

    Raises ParameterError naming ``source``, the key, its value and what is allowed; for an unknown name, the
    nearest right one.
    """
    unknown = [name for name in values if name not in FIELDS]
    if unknown:
        near = difflib.get_close_matches(str(unknown[0]), FIELDS, n=1, cutoff=0.5)
        raise ParameterError(
            f"{source}: there is no parameter {unknown[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
            "the names are: " + ", ".join(FIELDS),
        )
    try:
        return Parameters(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        written = values.written.get(name) if isinstance(values, FileValues) else None
        raise ParameterError(
            f"{source}: {name} is {_shown(first['input'], written)}, but {_allowed(name, first, written)}",
            f"{name}: {FIELDS[name].description}",
        ) from error


def read_parameters(path: Path) -> Parameters:
    """The parameters in a YAML file. Raises ParameterError for a file that is missing, not YAML, or wrong."""
    return check_parameters(read_values(path), str(path))


class FileValues(dict[str, object]):
    """The names and values in a YAML file, and how each plain value was written: 0755 is the number 493 to YAML."""

    written: dict[str, str]

    def __setitem__(self, name: str, value: object) -> None:
        # what takes a value's place was not written in the file
        super().__setitem__(name, value)
        self.written.pop(name, None)


def read_values(path: Path) -> FileValues:
    """The names and values in a YAML file, not yet checked."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ParameterError(
            f"{path}: there is no such file",
            f"ls {shlex.quote(str(path.parent))}; a file to begin from is parameters/example.yaml",
        ) from error
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read: {error.strerror}", f"ls -ld {shlex.quote(str(path))}") from error
    except UnicodeDecodeError as error:
        raise ParameterError(
            f"{path}: is not text in UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}",
            f"file {shlex.quote(str(path))}",
        ) from error
    try:
        values, written = _load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        if problem.startswith("but "):
            problem = f"{getattr(error, 'context', '')}, {problem}"
        raise ParameterError(f"{path}{line}: not YAML: {problem}", "one `name: value` a line") from error
    except (ValueError, AttributeError, RecursionError) as error:
        # what looks like a date or a number and is none, and nesting without end
        raise ParameterError(
            f"{path}: a value in it cannot be what YAML takes it for: {error}",
            'put text in quotes, such as "2026-13-45"',
        ) from error
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: holds {_yaml_type(values)}, not `name: value` lines", "one `name: value` a line")
    named = FileValues({str(name): value for name, value in values.items()})
    named.written = written
    return named


def json_schema() -> str:
    """The JSON Schema of a parameter file, for editors."""
    schema = Parameters.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "kdumpkit host parameters"
    schema.pop("description", None)
    return json.dumps(schema, indent=2) + "\n"


def parameters_cell() -> str:
    """The source of the notebooks' ``parameters`` cell: literals only, one a line, with its meaning."""
    lines = []
    for name, field in FIELDS.items():
        # papermill's inspection reads `name: type = value  # comment`, and only plain types
        kind = "int" if field.annotation is int else "str"
        lines.append(f"{name}: {kind} = {json.dumps(field.default)}  # {field.description}{_choices(name)}")
    return "\n".join(lines)


def _choices(name: str) -> str:
    values = get_args(FIELDS[name].annotation)
    return f" [{' | '.join(values)}]" if values else ""


def _shown(value: object, written: str | None) -> str:
    if value is None:
        return "nothing"
    if written is None or written.lower() == str(value).lower():
        return f"{value if isinstance(value, date) else repr(value)} ({_yaml_type(value)})"
    return f"{written} (to YAML {_yaml_type(value)}: {value})"


def _allowed(name: str, error: Any, written: str | None) -> str:
    kind = str(error["type"])
    if kind == "literal_error":
        return "it must be one of: " + ", ".join(get_args(FIELDS[name].annotation))
    if kind == "string_type":
        if error["input"] is None:
            return "it must be text; leave the line out for its default"
        if isinstance(error["input"], dict | list):
            return "it must be text"
        return f"it must be text: put it in quotes: {json.dumps(written or str(error['input']))}"
    if kind in ("int_type", "int_from_float"):
        quoted = isinstance(error["input"], str) and error["input"].strip().isdecimal()
        return "it must be a whole number" + (" without quotes" if quoted else "")
    if kind == "value_error":
        return f"it must be: {error['ctx']['error']}"
    limits = error.get("ctx", {})
    if kind == "greater_than_equal":
        return f"it must be at least {limits['ge']}"
    if kind == "less_than_equal":
        return f"it must be at most {limits['le']}"
    return str(error["msg"])


def _yaml_type(value: object) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", dict: "a mapping"}
    return "nothing" if value is None else names.get(type(value), "a list" if isinstance(value, list) else "a date")


def _load(text: str) -> tuple[Any, dict[str, str]]:
    loader = _UniqueKeyLoader(text)
    try:
        node = loader.get_single_node()
        values = loader.construct_document(node) if node is not None else None
    finally:
        loader.dispose()
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    plain = [(k, v) for k, v in pairs if isinstance(k, yaml.ScalarNode) and isinstance(v, yaml.ScalarNode)]
    return values, {str(key.value): str(value.value) for key, value in plain if not value.style}


class _UniqueKeyLoader(yaml.SafeLoader):
    """A SafeLoader for which a name that is given twice is an error, not the last one wins."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if isinstance(key, list | dict):
                raise yaml.constructor.ConstructorError(None, None, "a name must be a word", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
