from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import replace

import pytest
from PIL import Image

from kdumpkit.render.cell import RESULT_MIME, show
from kdumpkit.render.figures import _DRAWN_BY, data_digest, draw_png
from kdumpkit.runbook.step import Figure, StepReport
from render.hostile import CANARY, HOSTILE, figures, report, result, stack_row

KINDS = {figure.kind: figure for figure in figures()}


def pixels(png: bytes) -> tuple[int, int, int]:
    """Width, height and how many different rows; raises where it is not a whole PNG."""
    width, height, raw = unpacked(png)
    row = width * 4 + 1
    return width, height, len({raw[n * row : (n + 1) * row] for n in range(height)})


def unpacked(png: bytes) -> tuple[int, int, bytes]:
    """Width, height and the rows as PNG filters them; raises where it is not a whole PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, data, kinds = 8, b"", []
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        kinds.append(kind)
        data += body if kind == b"IDAT" else b""
        at += size + 12
    assert (kinds[0], kinds[-1]) == (b"IHDR", b"IEND")
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert (depth, colour) == (8, 6)
    raw = zlib.decompress(data)
    row = width * 4 + 1
    assert len(raw) == row * height
    return width, height, raw


def test_every_kind_that_can_be_drawn_is_tried_here() -> None:
    assert set(KINDS) == set(_DRAWN_BY)


@pytest.mark.parametrize("figure", figures(), ids=lambda figure: figure.kind)
def test_a_figure_is_drawn_to_the_same_bytes_twice(figure: Figure) -> None:
    png = draw_png(figure)
    width, height, rows = pixels(png)
    assert width == 900
    assert 80 < height < 600
    assert rows > 30
    assert draw_png(figure) == png
    # neither a version nor a time is in it
    assert b"tEXt" not in png
    assert b"tIME" not in png


LONG = [
    Figure("dump-space", "c " * 300, {"bars": [["n" * 60, 3 << 30], ["l" * 60, 5]]}),
    Figure("crash-timeline", "c", {"phases": [["n" * 60, 0.0, 1.0], ["x", 1.0, 900.0]]}),
    Figure("memory-by-use", "c", {"uses": [{"name": "n" * 60, "size_bytes": 5}], "total_bytes": 5 << 40}),
    # the axis ends with a number
    Figure("tasks-by-state", "c", {"states": [{"letter": "S", "meaning": "sleeping", "tasks": 41}], "total": 41}),
    Figure("call-stack", "c", {"source": "log", "rows": [stack_row(0, "W" * 99, place="W" * 99)], "frames": 1}),
]


@pytest.mark.parametrize("figure", [*figures(), *LONG], ids=lambda figure: figure.kind)
def test_nothing_is_cut_off_at_an_edge(figure: Figure) -> None:
    with Image.open(io.BytesIO(draw_png(figure))) as picture:
        grey = picture.convert("L")
    width, height = grey.size
    # a marked row of a stack goes from edge to edge
    wide = [] if figure.kind == "call-stack" else [(0, 0, 2, height), (width - 1, 0, width, height)]
    for edge in [*wide, (0, 0, width, 1), (0, height - 1, width, height)]:
        assert grey.crop(edge).getextrema() == (255, 255), edge


EMPTY = [
    Figure("memory-map", "c", {"ranges": []}),
    Figure("crash-timeline", "c", {"phases": []}),
    Figure("crash-timeline", "c", {"phases": [["nothing", 0.0, 0.0]]}),
    Figure("crash-timeline", "c", {"phases": [["before", -3.0, 5.0]]}),
    Figure("dump-space", "c", {"bars": []}),
    Figure("dump-space", "c", {"bars": [["empty", 0]]}),
    Figure("call-stack", "c", {"rows": [], "source": "log", "frames": 0}),
    Figure("tasks-by-state", "c", {"states": [], "total": 0}),
    Figure("memory-by-use", "c", {"uses": [], "total_bytes": 0}),
]


@pytest.mark.parametrize("figure", EMPTY, ids=lambda figure: f"{figure.kind} {next(iter(figure.data.values()))}")
def test_no_data_is_no_error(figure: Figure) -> None:
    pixels(draw_png(figure))


@pytest.mark.parametrize("text", [HOSTILE, r"$\frac{$", "x" * 300, "a b " * 300, "two\nlines", "日本", ""])
def test_hostile_labels_are_only_text(text: str) -> None:
    pixels(draw_png(Figure("dump-space", text, {"bars": [[text, 5]]})))
    pixels(draw_png(Figure("crash-timeline", text, {"phases": [[text, 0.0, 1.0]]})))
    row = stack_row(0, text, module=text, place=text, mark="died here")
    pixels(draw_png(Figure("call-stack", text, {"source": "log", "rows": [row], "frames": 1})))
    pixels(draw_png(Figure("memory-by-use", text, {"uses": [{"name": text, "size_bytes": 5}], "total_bytes": 5})))


def test_the_mark_of_a_row_is_drawn_and_not_only_its_words() -> None:
    def drawn(**changes: object) -> bytes:
        rows = [stack_row(0, "panic"), stack_row(1, "widget", **changes)]
        return draw_png(Figure("call-stack", "c", {"source": "log", "rows": rows, "frames": 2}))

    marks = ["", "died here", "stuck here", "exception", "interrupt", "NMI"]
    pictures = [drawn(mark=mark) for mark in marks]
    pictures += [drawn(reliable=False), drawn(inline=True), drawn(times=3), drawn(left_out_before=3)]
    assert len(set(pictures)) == len(pictures)


def test_a_longer_stack_is_a_higher_picture_and_its_rows_are_as_far_apart() -> None:
    def height(count: int) -> int:
        rows = [stack_row(number, "f") for number in range(count)]
        return pixels(draw_png(Figure("call-stack", "c", {"source": "log", "rows": rows, "frames": count})))[1]

    heights = [height(count) for count in (1, 11, 21)]
    assert heights[2] - heights[1] == heights[1] - heights[0] == 190


def test_the_digest_changes_with_the_data_and_with_nothing_else() -> None:
    figure = KINDS["dump-space"]
    digests = {data_digest(f) for f in figures()}
    assert len(digests) == len(figures())
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests)
    assert data_digest(replace(figure, caption="another")) == data_digest(figure)
    bars = [list(bar) for bar in figure.data["bars"]]
    assert data_digest(replace(figure, data={"bars": bars})) == data_digest(figure)
    bars[0][1] += 1
    assert data_digest(replace(figure, data={"bars": bars})) != data_digest(figure)
    assert draw_png(replace(figure, data={"bars": [["free", 1], *bars[1:]]})) != draw_png(figure)


@pytest.mark.parametrize("figure", figures(), ids=lambda figure: figure.kind)
def test_a_cell_with_a_figure_has_its_words_too(figure: Figure) -> None:
    bundle, metadata = show(StepReport("dump space", figure=figure))._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"}
    assert bundle["image/png"] == draw_png(figure)
    assert metadata == {"image/png": {"alt": figure.caption}}
    assert bundle["text/plain"].splitlines() == [
        "dump space",
        f"figure: {figure.caption}",
        f"  data sha256 {data_digest(figure)}",
    ]


def test_a_hostile_caption_is_harmless_as_alternative_text() -> None:
    bundle, metadata = show(StepReport("t", figure=replace(KINDS["dump-space"], caption=HOSTILE)))._repr_mimebundle_()
    for text in (bundle["text/plain"], metadata["image/png"]["alt"]):
        assert CANARY not in text
        assert "\x1b" not in text


def test_a_cell_without_a_figure_is_html_and_the_same_in_text() -> None:
    shown = show(report())
    bundle, metadata = shown._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert metadata == {}
    assert repr(shown) == bundle["text/plain"]


def test_the_result_is_read_by_programs_too() -> None:
    bundle, _ = show(result())._repr_mimebundle_()
    document = bundle[RESULT_MIME]
    assert RESULT_MIME == "application/vnd.kdumpkit.result+json"
    assert (document["schema"], document["stage"], document["mode"]) == (1, "05-panic-test", "apply")
    assert (document["run_id"], document["status"]) == ("r1", "FAIL")
    assert [f["status"] for f in document["findings"]] == ["PASS", "WARN", "FAIL", "UNKNOWN", "SKIP"]
    assert set(bundle) == {RESULT_MIME, "text/html", "text/plain"}
