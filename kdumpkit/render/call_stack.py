"""A call stack as a picture: one row for each frame, the innermost at the top, where it died in a tag of its own.

The data is that of :class:`kdumpkit.analysis.figures.call_stack.CallStack` in JSON's types. What is marked is marked by
its words, its weight and its frame as well as by colour, so that it shows in grey too.
"""

from __future__ import annotations

from collections.abc import Mapping
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
_NUMBER, _FUNCTION, _MODULE, _PLACE, _ALL = 4, 46, 18, 38, 126
_FONT_POINTS = 8.3
_ROW_IN = 0.19


def height_in(data: Mapping[str, Any]) -> float:
    """The height that all rows need, in inches, without the caption."""
    return _ROW_IN * (len(_lines(data)) + 1.6)


def draw_call_stack(axes: Axes, data: Mapping[str, Any]) -> None:
    """A table of the frames."""
    lines = _lines(data)
    starts = (0, _NUMBER, _NUMBER + _FUNCTION, _NUMBER + _FUNCTION + _MODULE)
    axes.set_xlim(0, _ALL)
    axes.set_ylim(len(lines) + 0.1, -1.5)
    axes.axis("off")
    place = "source line" if data["source"] == "dump" else "offset"
    for start, title in zip(starts, ("", "function, innermost first", "module", place), strict=True):
        axes.text(start + 0.6, -0.75, title, color=_DIM, va="center", fontsize=_FONT_POINTS)
    axes.plot((0, _ALL), (-0.15, -0.15), color="#8c959f", linewidth=0.8)
    above = _above(lines)
    for number, row in enumerate(lines):
        _draw_row(axes, number, row, starts, reported=number < above)


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


def _draw_row(axes: Axes, number: int, row: Mapping[str, Any], starts: tuple[int, ...], reported: bool) -> None:
    middle = number + 0.42
    if "left_out" in row:
        words = f"… {row['left_out']} frames are not shown"
        axes.text(starts[1] + 0.6, middle, words, color=_DIM, va="center", fontsize=_FONT_POINTS, style="italic")
        return
    ground, tag_colour, words = _MARKS.get(row["mark"], ("", "", ""))
    here = row["mark"] in _HERE
    if ground:
        axes.axhspan(number - 0.05, number + 0.92, facecolor=ground, edgecolor=tag_colour if here else "none", lw=1.2)
    colour = _FAINT if not row["reliable"] else _DIM if reported and not ground else _INK
    style: dict[str, Any] = {"va": "center", "family": "DejaVu Sans Mono", "fontsize": _FONT_POINTS, "color": colour}
    if here:
        style["weight"] = "bold"
    if not row["reliable"]:
        style["style"] = "italic"
    for start, text in zip(starts, _cells(row), strict=True):
        axes.text(start + 0.6, middle, text, **style)
    if words:
        axes.text(
            _ALL - 0.6,
            middle,
            words,
            va="center",
            ha="right",
            color="white",
            fontsize=_FONT_POINTS - 0.3,
            weight="bold",
            bbox={"boxstyle": "round,pad=0.18", "facecolor": tag_colour, "edgecolor": "none"},
        )


def _cells(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    after = (" (inline)" if row["inline"] else "") + (f" × {row['times']}" if row["times"] > 1 else "")
    before = "" if row["reliable"] else "? "
    room = _FUNCTION - 2 - len(after) - len(before)
    return (
        str(row["number"]),
        before + cut_in_the_middle(row["function"], room) + after,
        cut_in_the_middle(row["module"] or "", _MODULE - 2),
        cut_in_the_middle(row["place"], _PLACE - 1),
    )
