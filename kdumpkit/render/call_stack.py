"""A call stack as a picture: one row for each frame, the innermost at the top, where it died in a tag of its own.

The data is that of :class:`kdumpkit.analysis.figures.call_stack.CallStack` in JSON's types. What is marked is marked by
its words, its weight and its frame as well as by colour, so that it shows in grey too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kdumpkit.render.text import cut_in_the_middle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KIND = "call-stack"
_INK, _DIM, _FAINT = "#1f2328", "#57606a", "#6e7781"
#: by mark: ground, tag and its letters, and what the tag says
_MARKS = {
    "died here": ("#ffe6d5", "#b34700", "died here"),
    "stuck here": ("#ffe6d5", "#b34700", "stuck here"),
    "exception": ("#e3f0f9", "#005a8f", "exception came in"),
    "interrupt": ("#e3f0f9", "#005a8f", "interrupt came in"),
    "NMI": ("#e3f0f9", "#005a8f", "NMI came in"),
}
_HERE = ("died here", "stuck here")
#: columns in characters: number, function, module, place; the tag has what is left
_NUMBER, _FUNCTION, _MODULE, _PLACE = 4, 46, 18, 38
_FONT, _FONT_POINTS = "DejaVu Sans Mono", 8.3
#: in parts of the picture's width: its margin, and the width of one letter (0.602 em, of 9 inches)
_LEFT, _ADVANCE = 0.005, 0.0078
_ROW_IN = 0.19


def height_in(data: Mapping[str, Any]) -> float:
    """The height that all rows need, in inches, without the caption."""
    return _ROW_IN * (len(_lines(data)) + 1.6)


def draw_call_stack(axes: Axes, data: Mapping[str, Any]) -> None:
    """A table of the frames."""
    lines = _lines(data)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(lines) + 0.1, -1.5)
    axes.axis("off")
    place = "source line" if data["source"] == "dump" else "offset"
    titles = (" " * _NUMBER + "function, innermost first", "module", place)
    _write(axes, -0.75, titles, {"color": _DIM})
    axes.axhline(-0.15, color="#8c959f", linewidth=0.8)
    above = _above(lines)
    for number, row in enumerate(lines):
        _draw_row(axes, number, row, reported=number < above)


def _lines(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows, and between them one for what is left out."""
    lines: list[Mapping[str, Any]] = []
    for row in data["rows"]:
        if row["left_out_before"]:
            lines.append({"left_out": row["left_out_before"], "mark": ""})
        lines.append(row)
    return lines


def _above(lines: list[Mapping[str, Any]]) -> int:
    # what stands above the place where it died only reports it
    return next((number for number, row in enumerate(lines) if row["mark"] in _HERE), 0)


def _draw_row(axes: Axes, number: int, row: Mapping[str, Any], reported: bool) -> None:
    middle = number + 0.42
    if "left_out" in row:
        words = " " * _NUMBER + f"… {row['left_out']} frames are not shown"
        _write(axes, middle, (words,), {"color": _DIM, "style": "italic"})
        return
    ground, tag_colour, words = _MARKS.get(row["mark"], ("", "", ""))
    here = row["mark"] in _HERE
    if ground:
        axes.axhspan(number - 0.05, number + 0.92, facecolor=ground, edgecolor=tag_colour if here else "none", lw=1.2)
    colour = _FAINT if not row["reliable"] else _DIM if reported and not ground else _INK
    weight, slant = "bold" if here else "normal", "normal" if row["reliable"] else "italic"
    _write(axes, middle, _cells(row), {"color": colour, "weight": weight, "style": slant})
    if words:
        axes.text(
            1 - _LEFT,
            middle,
            words,
            va="center",
            ha="right",
            color="white",
            fontsize=_FONT_POINTS - 0.3,
            weight="bold",
            bbox={"boxstyle": "round,pad=0.18", "facecolor": tag_colour, "edgecolor": "none"},
        )


def _cells(row: Mapping[str, Any]) -> tuple[str, str, str]:
    after = (" (inline)" if row["inline"] else "") + (f" × {row['times']}" if row["times"] > 1 else "")
    before = "" if row["reliable"] else "? "
    room = _FUNCTION - 2 - len(after) - len(before)
    return (
        f"{row['number']:<{_NUMBER}}{before}{cut_in_the_middle(row['function'], room)}{after}",
        cut_in_the_middle(row["module"] or "", _MODULE - 2),
        cut_in_the_middle(row["place"], _PLACE - 1),
    )


def _write(axes: Axes, middle: float, cells: Sequence[str], style: Mapping[str, Any]) -> None:
    # a blank is drawn too, and an empty text laid out: both take as long as letters
    for start, cell in zip((0, _NUMBER + _FUNCTION, _NUMBER + _FUNCTION + _MODULE), cells, strict=False):
        if cell:
            left = _LEFT + start * _ADVANCE
            axes.text(left, middle, cell, va="center", family=_FONT, fontsize=_FONT_POINTS, **style)
