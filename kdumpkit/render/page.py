"""What the HTML pages have in common: templates that let no value from a host through as it came, and pictures."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from kdumpkit.evidence.redact import cleaned


class Picture(str):
    """A picture as base64, which a page holds as it is: it has nothing to hide or to escape, and is long."""


def picture(png: bytes) -> Picture:
    """The bytes of a picture for ``<img src="data:image/png;base64,…">``."""
    return Picture(base64.b64encode(png).decode("ascii"))


def page_template(name: str) -> jinja2.Template:
    """The template of a page. Every value that it prints is cleaned and escaped; one that is missing is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        # whatever the template prints, so that no value from a host is forgotten
        finalize=_printed,
    )
    return environment.get_template(name)


def _printed(value: Any) -> Any:
    # what a macro of the template gives back is made of values that went through here
    through = isinstance(value, Picture | markupsafe.Markup)
    return cleaned(value) if isinstance(value, str) and not through else value
