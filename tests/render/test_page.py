"""What every page does with the values that it prints."""

from __future__ import annotations

import base64

from jinja2 import DictLoader

from kdumpkit.render.page import page_template, picture

#: base64 that looks like the key of a cloud service
LOOKS_LIKE_A_KEY = "AKIAIOSFODNN7EXAMPLE"


def printed(value: str) -> str:
    environment = page_template("report.html.j2").environment
    environment.loader = DictLoader({"one": "{{ value }}"})
    return environment.get_template("one").render(value=value)


def test_a_value_is_cleaned_and_escaped() -> None:
    assert printed(f"<b>\x1b[31mkey {LOOKS_LIKE_A_KEY}") == "&lt;b&gt;key [masked]"


def test_a_picture_is_printed_byte_for_byte_whatever_its_letters_spell() -> None:
    assert printed(picture(base64.b64decode(LOOKS_LIKE_A_KEY))) == LOOKS_LIKE_A_KEY
