"""Controls for a person who steps through a notebook: consent to type, and waits to look at.

Nothing here is made in a headless run, and no Output widget, ``clear_output`` or ``display_id`` is used.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from kdumpkit.evidence.redact import cleaned

#: characters of a wait's words that are shown
_WORDS = 160

# the wait that is shown now: its controls, the cell it stands in, its last words and seconds
_wait: _Wait | None = None


def consent_field(host: str, give: Callable[[str], None]) -> Any:
    """A field into which the host's own name is typed; ``give(text)`` is called with every change.

    The line below it says at any time whether the next cell would refuse. ``host`` is what the host calls itself.
    """
    import ipywidgets

    name = cleaned(host.strip())
    field = ipywidgets.Text(
        description="consent",
        placeholder=f"type {name}",
        tooltip=f"the host's own name, as uname -n prints it there: {name}",
        continuous_update=True,
    )
    state = ipywidgets.HTML(value=_consent_line(name, ""))

    def changed(change: Any) -> None:
        typed = str(change["new"]).strip()
        give(typed)
        state.value = _consent_line(name, typed)

    field.observe(changed, names="value")
    return ipywidgets.VBox([field, state])


def _consent_line(name: str, typed: str) -> str:
    # the words say it; the mark before them is for those who only glance
    code = f"<code>{escape(name)}</code>"
    if not typed:
        return f"✗ No consent is given yet: the next cell refuses. The name to type is {code}."
    if typed != name:
        return f"✗ This is not the host's own name: the next cell refuses. The name to type is {code}."
    return f"<strong>✔ Consent is given: the next cell takes {code} down.</strong>"


def display_in_cell(shown: Any) -> None:
    """Show something in the cell that runs."""
    from IPython.display import display

    display(shown)


class _Wait:
    """The bar of one wait, in the cell that waits."""

    def __init__(self, cell: int | None) -> None:
        import ipywidgets

        self.cell = cell
        self.elapsed_s = 0.0
        self.text = ""
        self.bar = ipywidgets.FloatProgress(
            min=0.0,
            max=1.0,
            tooltip="the wait's time so far, of what it is expected to take",
            layout=ipywidgets.Layout(flex="0 0 16em"),
        )
        self.words = ipywidgets.Label()
        self.box = ipywidgets.HBox([self.bar, self.words])

    def tell(self, text: str, elapsed_s: float, expected_s: float) -> None:
        self.text, self.elapsed_s = cleaned(text)[:_WORDS], elapsed_s
        self.bar.max = max(expected_s, elapsed_s, 1.0)
        self.bar.value = elapsed_s
        late = elapsed_s > expected_s > 0
        self.bar.bar_style = "warning" if late else ""
        expected = f", longer than the {_time(expected_s)} expected" if late else f" of about {_time(expected_s)}"
        self.words.value = f"{self.text}: {_time(elapsed_s)}{expected if expected_s > 0 else ''}"

    def end(self) -> None:
        self.bar.value = self.bar.max
        self.bar.bar_style = "success"
        self.words.value = f"the wait is over after {_time(self.elapsed_s)}; last seen: {self.text}"


def update_wait(text: str, elapsed_s: float, expected_s: float) -> None:
    """A wait's words, seconds so far, and seconds that it is expected to take; 0 where that is not known.

    One bar per wait: another cell, or a time that begins anew, gets a new one.
    """
    global _wait
    cell = _cell_number()
    if _wait is None or _wait.cell != cell or elapsed_s < _wait.elapsed_s:
        end_wait()
        _wait = _Wait(cell)
        _wait.tell(text, elapsed_s, expected_s)
        display_in_cell(_wait.box)
    else:
        _wait.tell(text, elapsed_s, expected_s)


def end_wait() -> None:
    """Say in the wait's bar that it is over. A wait that another cell left off in an error keeps its last words."""
    global _wait
    if _wait is not None and _wait.cell == _cell_number():
        _wait.end()
    _wait = None


def _cell_number() -> int | None:
    from IPython.core.getipython import get_ipython

    number = getattr(get_ipython(), "execution_count", None)
    return number if isinstance(number, int) else None


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
