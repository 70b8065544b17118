"""The last minutes of a log as a picture: how much was logged when, and where each report of the kernel began.

The data is that of :func:`kdumpkit.analysis.log_timeline.log_timeline`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kdumpkit.render.text import cut_in_the_middle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KIND = "log-timeline"
#: by severity: note, report, hang, fatal (Okabe and Ito)
_COLOURS = {"note": "#999999", "report": "#e69f00", "hang": "#0072b2", "fatal": "#d55e00"}
_LABEL = 70


def draw_log_timeline(axes: Axes, data: Mapping[str, Any]) -> None:
    """Bars of lines over time, and a labelled line for each report."""
    begin, end, bins = data["begin_s"], data["end_s"], data["bins"]
    width = (end - begin) / len(bins) or 1.0
    seen = [(begin + (n + 0.5) * width, lines) for n, lines in enumerate(bins) if lines]
    axes.bar([time_s for time_s, _ in seen], [lines for _, lines in seen], width=width * 0.9, color="#bbbbbb")
    top = max(bins, default=0) or 1
    marks = data["marks"]
    for row, (time_s, severity, label) in enumerate(marks):
        colour = _COLOURS.get(severity, "#999999")
        axes.axvline(time_s, color=colour, linewidth=1.5, linestyle="-" if severity == "fatal" else "--")
        right = time_s > begin + (end - begin) * 0.5
        short = cut_in_the_middle(label, _LABEL)
        axes.annotate(
            f"{time_s:+.1f} s {severity}: {short}",
            (time_s, top * (1 + 0.16 * (len(marks) - row))),
            xytext=(-4 if right else 4, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            va="center",
            fontsize=8,
        )
    axes.set_ylim(0, top * (1.25 + 0.16 * len(marks)))
    margin = (end - begin) * 0.02 or 1.0
    axes.set_xlim(begin - margin, end + margin)
    axes.set_xlabel("seconds before (-) and after the crash's first line")
    axes.set_ylabel("lines")
    axes.spines[["top", "right"]].set_visible(False)
