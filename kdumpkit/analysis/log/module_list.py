"""``Modules linked in:`` lines: names, taint letters in parentheses, and the module that was removed last.

Source: kernel/module/main.c (print_modules), kernel/module/tracking.c; + and - stand for being loaded and removed.
"""

from __future__ import annotations

import re

_NAME_LIMIT = 64
_LAST_UNLOADED = re.compile(r"\[last unloaded: ?(?P<module>[\w-]{1,64})")


def split_modules(text: str) -> tuple[tuple[str, ...], dict[str, str], str | None]:
    """Names, the taint letters of those that have some, and the module that was removed last.

    >>> split_modules("widget(OE) ext4 [last unloaded: gadget]")
    (('widget', 'ext4'), {'widget': 'OE'}, 'gadget')
    """
    listed, _, _ = text.partition("[last unloaded")
    unloaded = _LAST_UNLOADED.search(text)
    names: list[str] = []
    taints: dict[str, str] = {}
    for word in listed.split():
        name, _, letters = word.partition("(")
        names.append(name[:_NAME_LIMIT])
        letters = letters.strip(")+-")
        if letters.isalpha():
            taints[names[-1]] = letters
    return tuple(names), taints, unloaded["module"] if unloaded is not None else None
