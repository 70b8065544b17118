"""Controls for a person who steps through a notebook: consent to type, and waits to look at.

Nothing here is made in a headless run, and no Output widget, ``clear_output`` or ``display_id`` is used.
"""

from __future__ import annotations

from typing import Any

from kdumpkit.evidence.redact import cleaned

_wait: Any = None


def consent_field(host: str, give: Any) -> Any:
    """A field into which the host's own name is typed; ``give(text)`` is called with every change."""
    import ipywidgets

    field = ipywidgets.Text(
        description="consent",
        placeholder=f"type {host}",
        tooltip="the host's own name, as uname -n prints it there",
        continuous_update=True,
    )
    state = ipywidgets.HTML(value="no consent: the next cell refuses")

    def changed(change: Any) -> None:
        typed = str(change["new"]).strip()
        give(typed)
        state.value = (
            "consent is given: the next cell goes on"
            if typed == host
            else "this is not the host's own name: the next cell refuses"
        )

    field.observe(changed, names="value")
    return ipywidgets.VBox([field, state])


def display_widget(widget: Any) -> None:
    """Show a control in the cell that runs."""
    from IPython.display import display

    display(widget)


def update_wait(text: str, elapsed_s: float, expected_s: float) -> None:
    """One bar per wait: a wait whose time begins anew gets a new bar in the cell that waits."""
    global _wait
    import ipywidgets

    if _wait is None or elapsed_s < _wait.kdumpkit_elapsed_s:
        bar = ipywidgets.FloatProgress(min=0.0, max=max(expected_s, 1.0))
        words = ipywidgets.Label()
        _wait = ipywidgets.HBox([bar, words])
        display_widget(_wait)
    bar, words = _wait.children
    bar.max = max(expected_s, elapsed_s, 1.0)
    bar.value = elapsed_s
    words.value = f"{cleaned(text)[:160]}: {elapsed_s:.0f} s" + (
        f" of at most {expected_s:.0f} s" if expected_s else ""
    )
    _wait.kdumpkit_elapsed_s = elapsed_s
