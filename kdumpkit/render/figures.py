"""The pictures: each drawn from the data of a :class:`~kdumpkit.runbook.step.Figure`, the same bytes every time.

Colours are told apart without colour vision (Okabe and Ito), and every part has its label in words.
"""

from __future__ import annotations

import hashlib
import io
import json
import textwrap
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kdumpkit.evidence.redact import cleaned
from kdumpkit.render import call_stack, labelled_bars, log_timeline
from kdumpkit.runbook.step import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg

_BLUE, _ORANGE, _GREEN, _VERMILION, _GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#999999"
_WIDTH_IN, _CAPTION_LINE_IN, _DPI = 9.0, 0.145, 100
_GIB = 1 << 30
_MIB = 1 << 20


def data_digest(figure: Figure) -> str:
    """The digest of what is drawn: two pictures with the same digest show the same values."""
    text = json.dumps({"kind": figure.kind, "data": figure.data}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def draw_png(figure: Figure, with_caption: bool = True) -> bytes:
    """The picture as PNG, its caption below it; without, for where the caption stands beside it as text."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    lines = textwrap.wrap(cleaned(figure.caption), 148, max_lines=4, placeholder=" …") if with_caption else []
    height = _HEIGHTS[figure.kind]
    below_in = _CAPTION_LINE_IN * len(lines) + (0.06 if lines else 0.0)
    with (
        warnings.catch_warnings(),
        rc_context({"font.family": "DejaVu Sans", "font.size": 9, "text.parse_math": False}),
    ):
        # a host's name for a thing may have letters that the font lacks; the caption in the notebook has them
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        all_in = (height(figure.data) if callable(height) else height) + below_in
        whole = Canvas(figsize=(_WIDTH_IN, all_in), dpi=_DPI)
        canvas = FigureCanvasAgg(whole)
        axes = whole.add_axes((0, 0, 1, 1))
        _DRAWN_BY[figure.kind](axes, figure.data)
        axes.set_position(_place(axes, canvas, all_in, below_in))
        if lines:
            whole.text(0.01, 0.04 / all_in, "\n".join(lines), fontsize=8, va="bottom")
        out = io.BytesIO()
        whole.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _place(axes: Axes, canvas: FigureCanvasAgg, all_in: float, below_in: float) -> tuple[float, float, float, float]:
    # a layout that matplotlib finds by itself draws all text twice, and takes as long as the picture
    left_in = 0.04
    if axes.axison:
        numbered = bool(axes.get_ylabel())
        renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
        labels = [] if numbered else axes.get_yticklabels()
        widest = max((label.get_window_extent(renderer).width for label in labels), default=0.0)
        left_in = 0.7 if numbered else 0.16 + widest / _DPI
    # half of a number stands beyond the axis that it is the last of
    right_in, bottom_in = (0.2, below_in + 0.44) if axes.axison else (0.04, below_in + 0.02)
    width = 1 - (left_in + right_in) / _WIDTH_IN
    return left_in / _WIDTH_IN, bottom_in / all_in, width, 1 - (bottom_in + 0.06) / all_in


def _label(text: str) -> str:
    # longer ones would leave no room for the picture
    return textwrap.shorten(cleaned(text), 40, placeholder=" …") if " " in text else cleaned(text)[:40]


def _memory_map(axes: Axes, data: Mapping[str, Any]) -> None:
    # data: ranges [[start, end (exclusive), "System RAM" | "Crash kernel"], ...] in bytes
    ranges = data["ranges"]
    for start, end, name in ranges:
        reserved = name == "Crash kernel"
        axes.broken_barh(
            [(start / _GIB, (end - start) / _GIB)],
            (0.1, 0.8) if reserved else (0, 1),
            facecolors=_VERMILION if reserved else _BLUE,
            hatch="//" if reserved else None,
            edgecolor="white" if reserved else _BLUE,
            linewidth=0.5,
        )
        if reserved:
            axes.annotate(
                f"Crash kernel\n{(end - start) / _MIB:.0f} MiB",
                ((start + end) / 2 / _GIB, 0.95),
                xytext=(0, 22),
                textcoords="offset points",
                ha="center",
                arrowprops={"arrowstyle": "-"},
            )
    axes.set_ylim(-0.1, 2.0)
    axes.set_yticks([])
    top = max((end for _, end, _ in ranges), default=_GIB) / _GIB
    axes.set_xlim(0, top * 1.02)
    axes.set_xlabel("physical address, GiB (blue: System RAM, hatched: reserved for the capture kernel)")
    axes.spines[["left", "top", "right"]].set_visible(False)


def _crash_timeline(axes: Axes, data: Mapping[str, Any]) -> None:
    # data: phases [[name, begin_s, end_s], ...], seconds after the trigger
    phases = data["phases"]
    colours = (_VERMILION, _ORANGE, _GREEN, _BLUE, _GREY)
    longest = max((end for _, _, end in phases), default=0.0) or 1.0
    for row, (_, begin, end) in enumerate(phases):
        axes.barh(row, max(end - begin, longest * 0.003), left=begin, color=colours[row % len(colours)], height=0.6)
        axes.text(end, row, f" {end - begin:.1f} s", va="center")
    axes.set_yticks(range(len(phases)), [_label(name) for name, _, _ in phases])
    axes.invert_yaxis()
    axes.set_xlabel("seconds after the panic was triggered")
    axes.set_xlim(min([0.0, *(begin for _, begin, _ in phases)]), longest * 1.15)
    axes.spines[["top", "right"]].set_visible(False)


_DRAWN_BY: dict[str, Callable[[Axes, Mapping[str, Any]], None]] = {
    "memory-map": _memory_map,
    "crash-timeline": _crash_timeline,
    labelled_bars.SPACE: labelled_bars.draw_dump_space,
    log_timeline.KIND: log_timeline.draw_log_timeline,
    call_stack.KIND: call_stack.draw_call_stack,
    labelled_bars.TASKS: labelled_bars.draw_tasks_by_state,
    labelled_bars.MEMORY: labelled_bars.draw_memory_by_use,
    labelled_bars.COMPOSITION: labelled_bars.draw_dump_composition,
}
#: in inches, without the caption
_HEIGHTS: dict[str, float | Callable[[Mapping[str, Any]], float]] = {
    "memory-map": 2.0,
    "crash-timeline": 2.7,
    labelled_bars.SPACE: labelled_bars.height_in,
    log_timeline.KIND: 2.9,
    call_stack.KIND: call_stack.height_in,
    labelled_bars.TASKS: labelled_bars.height_in,
    labelled_bars.MEMORY: labelled_bars.height_in,
    labelled_bars.COMPOSITION: labelled_bars.height_in,
}
