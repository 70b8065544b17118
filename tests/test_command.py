from __future__ import annotations

import pytest

from kdumpkit.command import Command, CommandResult, command, explain_exit_status
from kdumpkit.errors import CommandFailed, KdumpkitError


def result(status: int, stdout: bytes = b"", stderr: bytes = b"", **options: object) -> CommandResult:
    return CommandResult(command("false", "a b", **options), status, stdout, stderr, 0.0, 0.0)


@pytest.mark.parametrize("argv", [(), (b"uname",), ("uname", 1), ("uname", None)])
def test_an_argument_list_is_words(argv: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match="non-empty sequence of strings"):
        Command(argv)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (command("cat", "/proc/cmdline"), "cat /proc/cmdline"),
        (command("sh", "-c", "echo a; $(id)"), "sh -c 'echo a; $(id)'"),
        (command("tee", "/x", stdin=b"a b"), "printf %s 'a b' | tee /x"),
        (command("tee", stdin=b"\xff"), "printf %s '\ufffd' | tee"),
        (command("sh", "-c", "long", stdin=b"x", title="read 3 files"), "read 3 files"),
    ],
)
def test_a_command_is_shown_as_it_would_be_typed(made: Command, shown: str) -> None:
    assert made.shown() == shown


def test_a_result_with_an_accepted_status_is_handed_on() -> None:
    assert result(0).checked().ok
    assert result(1, accepted=(0, 1)).checked().exit_status == 1
    assert not result(0, accepted=(1,)).ok


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        (result(1, b"out", b"first\nlast words\n"), "`false 'a b'` ended with status 1: last words"),
        (result(1, b"only output\n"), "ended with status 1: only output"),
        (result(1), "`false 'a b'` ended with status 1"),
        (result(127, b"", b"sh: x: not found"), "status 127 (command not found): sh: x: not found"),
        (result(1, b"", b"\xff\n"), "status 1: \ufffd"),
        (result(1, b"", b"\x1b[31mred\x1b[0m password=hunter2"), "status 1: red password=[masked]"),
    ],
)
def test_a_failed_command_says_its_last_words(failed: CommandResult, said: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        failed.checked()
    assert caught.value.message.endswith(said)
    assert caught.value.hint == "run it by hand on the host: false 'a b'"


def test_long_last_words_are_cut() -> None:
    with pytest.raises(CommandFailed) as caught:
        result(1, b"", b"x" * 5000).checked()
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "status 0"),
        (1, "status 1"),
        (126, "status 126 (not executable, or not permitted)"),
        (127, "status 127 (command not found)"),
        (128, "status 128"),
        (137, "status 137 (killed by signal 9)"),
        (-15, "status -15 (killed by signal 15)"),
        (255, "status 255"),
        (-65, "status -65"),
    ],
)
def test_an_exit_status_in_words(status: int, words: str) -> None:
    assert explain_exit_status(status) == words


def test_text_of_bytes_that_are_no_text() -> None:
    assert result(0, b"a\xffb").text == "a\ufffdb"


def test_the_record_is_not_part_of_what_came_back() -> None:
    one, two = (CommandResult(command("true"), 0, b"", b"", 0.0, 0.0, record=n) for n in (1, 2))
    assert one == two


def _tree(kind: type[KdumpkitError]) -> list[type[KdumpkitError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _tree(child))]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    from kdumpkit import errors

    own = [kind for kind in _tree(KdumpkitError) if kind.__module__ == errors.__name__]
    lines = [
        line.replace("│", " ").replace("├──", "").replace("└──", "") for line in (errors.__doc__ or "").splitlines()
    ]
    drawn = {words[0]: int(words[1]) for words in map(str.split, lines) if len(words) > 1 and words[1].isdigit()}
    assert drawn == {kind.__name__: kind.exit_status for kind in own}


def test_an_error_is_a_sentence_and_a_next_step() -> None:
    error = KdumpkitError("it is so", "do this")
    assert str(error) == "it is so\n  next: do this"
    assert str(KdumpkitError("it is so")) == "it is so"
    assert error._render_traceback_() == ["KdumpkitError: it is so\n  next: do this"]


def test_what_a_host_said_is_harmless_in_an_error() -> None:
    error = KdumpkitError("\x1b]0;x\x07said password=hunter2 \u202e", "type secret=hunter2\x1b[2J")
    assert "hunter2" not in str(error)
    assert str(error).isprintable() or str(error).replace("\n", "").isprintable()
    assert error.args == (error.message,)
