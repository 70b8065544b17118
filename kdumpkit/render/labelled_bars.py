"""Bars with their labels and values in words: tasks by state, memory by use, what a dump is made of.

The data is that of :mod:`kdumpkit.analysis.figures` in JSON's types. Parts of a whole stand in one bar at the top as
well, in the order of the rows below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from kdumpkit.render.text import cut_in_the_middle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TASKS, MEMORY, COMPOSITION = "tasks-by-state", "memory-by-use", "dump-composition"
#: Okabe and Ito, without yellow, which is hard to see on white; neighbours differ in lightness
_COLOURS = ("#56b4e9", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#7a4b00", "#8fd0b8", "#4d4d4d", "#b8b8b8")
_BLUE, _VERMILION, _GREY, _INK = "#0072b2", "#d55e00", "#b8b8b8", "#1f2328"
_GIB, _MIB = 1 << 30, 1 << 20
_LABEL = 34
_ROW_IN = 0.27


@dataclass(frozen=True)
class Bar:
    """One row."""

    label: str
    value: float
    #: the value in words, to the right of the bar
    words: str
    colour: str
    #: drawn so that it cannot be overlooked
    strong: bool = False
    #: a part of the whole in the bar at the top
    part: bool = False


def height_in(data: Mapping[str, Any]) -> float:
    """The height that all rows need, in inches, without the caption."""
    rows = len(data.get("states") or data.get("uses") or ()) or 4
    return _ROW_IN * (rows + 1) + 0.5


def draw_tasks_by_state(axes: Axes, data: Mapping[str, Any]) -> None:
    """A bar for each state; uninterruptible sleep is the first."""
    bars = []
    for state in data["states"]:
        blocked = state["letter"] == "D"
        meaning = state["meaning"] or "not known"
        colour = _VERMILION if blocked else _BLUE
        strong = blocked and state["tasks"] > 0
        bars.append(Bar(f"{meaning} ({state['letter']})", state["tasks"], str(state["tasks"]), colour, strong))
    _draw(axes, bars, f"tasks ({data['total']} in all)")


def draw_memory_by_use(axes: Axes, data: Mapping[str, Any]) -> None:
    """A bar for each use, and all of them in one."""
    total = data["total_bytes"]
    bars = [
        Bar(
            use["name"],
            use["size_bytes"],
            _size(use["size_bytes"], total),
            _GREY if use["name"] == "other" else _COLOURS[number % (len(_COLOURS) - 1)],
            part=True,
        )
        for number, use in enumerate(data["uses"])
    ]
    _draw_sizes(axes, bars, "all of memory", total)


def draw_dump_composition(axes: Axes, data: Mapping[str, Any]) -> None:
    """What became of the memory, and what that takes in the file."""
    total, left_out = data["total_bytes"], data["left_out_bytes"]
    bars = [
        Bar("held, with content", data["held_bytes"], _size(data["held_bytes"], total), _BLUE, part=True),
        Bar("zeros, held as one page", data["zero_bytes"], _size(data["zero_bytes"], total), "#56b4e9", part=True),
    ]
    if left_out is not None:
        level = "" if data["dump_level"] is None else f" (dump level {data['dump_level']})"
        bars.append(Bar(f"left out{level}", left_out, _size(left_out, total), _GREY, part=True))
    packed = "" if data["compression"] == "none" else f", {data['compression']}"
    stored = data["stored_bytes"]
    bars.append(Bar(f"in the file{packed}", stored, _size(stored, total), "#e69f00", strong=True))
    _draw_sizes(axes, bars, "all pages" if left_out is not None else "all that it holds", total)


def _size(size_bytes: int, total: int) -> str:
    share = f", {size_bytes / total:.1%}" if total else ""
    shown = f"{size_bytes / _GIB:.2f} GiB" if size_bytes >= _GIB else f"{size_bytes / _MIB:.1f} MiB"
    return shown + share


def _draw_sizes(axes: Axes, bars: Sequence[Bar], whole: str, total: int) -> None:
    unit, name = (_GIB, "GiB") if total >= _GIB else (_MIB, "MiB")
    scaled = [Bar(b.label, b.value / unit, b.words, b.colour, b.strong, b.part) for b in bars]
    words = f"{total / unit:.2f} {name}" if unit == _GIB else f"{total / unit:.1f} {name}"
    _draw(axes, scaled, name, whole=(whole, total / unit, words))


def _draw(axes: Axes, bars: Sequence[Bar], axis: str, whole: tuple[str, float, str] | None = None) -> None:
    longest = max([*(bar.value for bar in bars), 0.0 if whole is None else whole[1]], default=0) or 1
    labels = [cut_in_the_middle(bar.label, _LABEL) for bar in bars]
    first = 0
    if whole is not None:
        first = 1
        label, value, words = whole
        labels.insert(0, label)
        parts = [bar for bar in bars if bar.part]
        ends = list(accumulate(bar.value for bar in parts))
        begins = [end - bar.value for end, bar in zip(ends, parts, strict=True)]
        colours = [bar.colour for bar in parts]
        axes.barh([0] * len(parts), [b.value for b in parts], 0.7, begins, color=colours, edgecolor="white", lw=1)
        axes.text(max([value, *ends]), 0, f" {words}", va="center", color=_INK)
    # what is there at all must be seen
    widths = [max(bar.value, longest * 0.003) if bar.value else 0 for bar in bars]
    rows = range(first, first + len(bars))
    drawn = axes.barh(rows, widths, 0.66, color=[bar.colour for bar in bars], edgecolor="white", lw=0)
    for row, width, bar, patch in zip(rows, widths, bars, drawn, strict=True):
        if bar.strong:
            patch.set_hatch("//")
        axes.text(width, row, f" {bar.words}", va="center", color=_INK, weight="bold" if bar.strong else "normal")
    axes.set_yticks(range(len(labels)), labels)
    for tick, bar in zip(axes.get_yticklabels()[first:], bars, strict=True):
        tick.set_fontweight("bold" if bar.strong else "normal")
    axes.set_ylim(len(labels) - 0.5, -0.6)
    axes.set_xlabel(axis)
    axes.set_xlim(0, longest * 1.22)
    axes.spines[["top", "right"]].set_visible(False)
