"""Bars with their labels and values in words: room for a dump, tasks by state, memory by use, what a dump is made of.

The data is that of :mod:`kdumpkit.analysis.figures` in JSON's types; of the room it is ``bars`` with label and bytes.
Parts of a whole stand in one bar at the top as well, in the order of the rows below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from kdumpkit.render.text import cut_in_the_middle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPACE, TASKS, MEMORY, COMPOSITION = "dump-space", "tasks-by-state", "memory-by-use", "dump-composition"
#: Okabe and Ito, without yellow, which is hard to see on white; neighbours differ in lightness
_COLOURS = ("#56b4e9", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#7a4b00", "#8fd0b8", "#4d4d4d", "#b8b8b8")
_BLUE, _VERMILION, _GREY, _INK = "#0072b2", "#d55e00", "#b8b8b8", "#1f2328"
_GIB, _MIB = 1 << 30, 1 << 20
_LABEL = 42
#: of a dump's composition
_PARTS = ("held_bytes", "zero_bytes", "left_out_bytes")
_ROW_IN, _MARGIN_PIXELS = 0.27, 12


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
    bars = next((data[name] for name in ("bars", "states") if name in data), None)
    # the others have one bar more, of all parts; what a dump is made of has one for the file, too
    if bars is not None:
        rows = len(bars)
    else:
        rows = 1 + (len(data["uses"]) if "uses" in data else 1 + sum(data[name] is not None for name in _PARTS))
    return _ROW_IN * max(rows, 1) + 0.1


def draw_dump_space(axes: Axes, data: Mapping[str, Any]) -> None:
    """Sizes beside each other."""
    colours = (_BLUE, "#e69f00", "#009e73", _VERMILION)
    sizes = enumerate(data["bars"])
    _draw(axes, [Bar(label, size, _size(size, 0), colours[n % len(colours)]) for n, (label, size) in sizes])


def draw_tasks_by_state(axes: Axes, data: Mapping[str, Any]) -> None:
    """A bar for each state; uninterruptible sleep is the first."""
    bars = []
    for state in data["states"]:
        blocked = state["letter"] == "D"
        meaning = state["meaning"] or "not known"
        colour = _VERMILION if blocked else _BLUE
        strong = blocked and state["tasks"] > 0
        bars.append(Bar(f"{meaning} ({state['letter']})", state["tasks"], str(state["tasks"]), colour, strong))
    _draw(axes, bars)


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
    zero = data["zero_bytes"]
    held = "held" if zero is None else "held, with content"
    bars = [Bar(held, data["held_bytes"], _size(data["held_bytes"], total), _BLUE, part=True)]
    if zero is not None:
        bars.append(Bar("zeros, held as one page", zero, _size(zero, total), "#56b4e9", part=True))
    if left_out is not None:
        level = "" if data["dump_level"] is None else f" (dump level {data['dump_level']})"
        bars.append(Bar(f"left out{level}", left_out, _size(left_out, total), _GREY, part=True))
    packed = "" if data["compression"] == "none" else f", {data['compression']}"
    stored = data["stored_bytes"]
    bars.append(Bar(f"in the file{packed}", stored, _size(stored, total), "#e69f00", strong=True))
    _draw_sizes(axes, bars, "all pages" if left_out is not None else "all that it holds", total)


def _size(size_bytes: int, total: int) -> str:
    share = f", {size_bytes / total:.1%}" if total else ""
    # the unit changes where it does in the words beside the picture
    shown = f"{size_bytes / _GIB:.2f} GiB" if size_bytes >= 4 * _GIB else f"{size_bytes / _MIB:.1f} MiB"
    return shown + share


def _draw_sizes(axes: Axes, bars: Sequence[Bar], whole: str, total: int) -> None:
    _draw(axes, bars, whole=(whole, total, _size(total, 0)))


def _draw(axes: Axes, bars: Sequence[Bar], whole: tuple[str, float, str] | None = None) -> None:
    # values stand beside their bars: an axis with numbers would say the same again, and takes longer than all bars
    longest = max([*(bar.value for bar in bars), 0.0 if whole is None else whole[1]], default=0) or 1
    labels = [(cut_in_the_middle(bar.label, _LABEL), bar.strong) for bar in bars]
    first = 0
    if whole is not None:
        first = 1
        label, value, words = whole
        labels.insert(0, (label, False))
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
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.axis("off")
    axes.set_ylim(len(labels) - 0.4, -0.6)
    _write_labels(axes, labels, longest * 1.22)


def _write_labels(axes: Axes, labels: Sequence[tuple[str, bool]], right: float) -> None:
    """Labels to the left of the bars, with as much room as the widest takes."""
    written = [
        axes.text(0, row, f"{label} ", va="center", ha="right", color=_INK, weight="bold" if strong else "normal")
        for row, (label, strong) in enumerate(labels)
    ]
    width = axes.get_window_extent().width
    widest = max((label.get_window_extent().width for label in written), default=0.0) + _MARGIN_PIXELS
    axes.set_xlim(-right * widest / (width - widest), right)
