"""Secrets taken out of bytes before they are kept or shown.

The same call is made on everything that enters a transcript, a notebook or the report. Masking what is
masked already changes nothing, so a replay, which sees only masked bytes, shows what the live run showed.
"""

from __future__ import annotations

import re

#: what stands in place of a secret; its length tells nothing
MASK = b"[masked]"

_PATTERNS: tuple[tuple[re.Pattern[bytes], bytes], ...] = (
    (
        re.compile(
            rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)", re.S
        ),
        b"-----PRIVATE KEY " + MASK + b"-----",
    ),
    # key = value, key: value, key='value', in configuration files and on kernel command lines
    (
        re.compile(
            rb"(?i)\b((?:[a-z0-9]+[_.-]){0,4}(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|"
            rb"(?:auth|access|api|bearer)[_-]?token)[ \t]{0,4}[=:][ \t]{0,4})"
            rb"(\"[^\"\n]{1,400}\"|'[^'\n]{1,400}'|[^\s\"',;]{1,400})"
        ),
        rb"\1" + MASK,
    ),
    (re.compile(rb"(?i)\b(authorization:[ \t]*(?:basic|bearer)[ \t]+)[^\s\"']{1,4000}"), rb"\1" + MASK),
    (re.compile(rb"\b([a-z][a-z0-9+.-]{1,15}://[^\s/:@\"']{1,100}:)[^\s/@\"']{1,200}@"), rb"\1" + MASK + b"@"),
    # GRUB's password_pbkdf2 user hash, and crypt(3) hashes such as /etc/shadow holds
    (re.compile(rb"\bgrub\.pbkdf2\.[a-z0-9]{2,10}\.\d{1,9}\.[0-9A-Fa-f]{8,4000}\.[0-9A-Fa-f]{8,4000}"), MASK),
    (re.compile(rb"\$(?:1|2[aby]|5|6|y|gy|7)\$[./A-Za-z0-9$=,]{1,64}\$[./A-Za-z0-9]{16,200}"), MASK),
)  # fmt: skip


def redact(data: bytes) -> bytes:
    """The bytes with private keys, passwords, tokens, URL passwords and password hashes masked."""
    for pattern, replacement in _PATTERNS:
        data = pattern.sub(replacement, data)
    return data


def redact_text(text: str) -> str:
    """:func:`redact` for text."""
    return redact(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
