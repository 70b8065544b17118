"""Secrets and control sequences taken out of bytes and text before they are kept or shown.

:func:`redact` is called on everything that enters a transcript, :func:`cleaned` on everything that a notebook,
the report or a terminal shows. Masking what is masked already changes nothing, so a replay, which sees only
masked bytes, shows what the live run showed.
"""

from __future__ import annotations

import re

#: what stands in place of a secret; its length tells nothing
MASK = b"[masked]"
#: passes until nothing changes any more; a mask that is put in can bring one more place to match, never many
_PASSES = 8

# Words that name a secret, with what assigns it: key=value, key: value, "key": "value", key='value'. A quoted
# value ends at its quote, which stays, so that a shell file is still one after masking. Not after a / or ( that
# makes it a path or a PAM service: /etc/passwd: and (passwd:chauthtok). NOPASSWD is a word of sudoers(5).
_ASSIGNED = re.compile(
    rb"(?i)((?<![/(])(?:password|(?<!no)passwd|passphrase|passcode|secret|"
    rb"(?:secret|api|access|private|encryption)[ _-]?key|"
    rb"(?:auth|access|api|bearer|refresh)[_-]?token)\\?[\"']?[ \t]{0,4}[=:][ \t]{0,4})"
    rb"(?:(\")(?:\\[^\n]|[^\"\\\n])+|(')[^'\n]+|(\\[\"'])[^\"'\\\n]+|(?!\\[\"'])[^\s\"',;]+)"
)
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    rb"(?:(?!-----|==>)[A-Za-z0-9+/=\s:,.()\\-])*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
)
# `password USER PLAIN` of a GRUB configuration; three words that begin so and are none: PAM's and a sentence's
_GRUB_PASSWORD = re.compile(
    rb"(?m)^([ \t]*password[ \t]+(?!(?:required|requisite|sufficient|optional|include|substack|is|was|has|for)\b)"
    rb"[^\s=:]+[ \t]+)\S+(?=[ \t]*\r?$)"
)

# each with words in lower case, one of which must be there: looking for them is much faster than the pattern
_PATTERNS: tuple[tuple[tuple[bytes, ...], re.Pattern[bytes], bytes], ...] = (
    ((b"private key",), _PRIVATE_KEY, b"-----PRIVATE KEY " + MASK + b"-----"),
    ((b"pass", b"secret", b"key", b"token"), _ASSIGNED, rb"\1\2\3\4" + MASK),
    ((b"password",), _GRUB_PASSWORD, rb"\1" + MASK),
    (
        (b"authorization",),
        re.compile(
            rb"(?i)\b(authorization[\"']?[ \t]*[:=][ \t]*[\"']?(?:basic|bearer|token|digest|negotiate)[ \t]+)[^\s\"']+"
        ),
        rb"\1" + MASK,
    ),
    (
        (b"://",),
        re.compile(rb"(?i)\b([a-z][a-z0-9+.-]{1,15}://[^\s/:@\"']{0,100}:)[^\s/\"']+@"),
        rb"\1" + MASK + b"@",
    ),
    # dracut's netroot=iscsi:USER:PASSWORD@SERVER
    ((b"netroot=",), re.compile(rb"\b(netroot=iscsi:)[^\s@\"']+@"), rb"\1" + MASK + b"@"),
    # GRUB's password_pbkdf2 user hash, and crypt(3) hashes such as /etc/shadow holds
    (
        (b"grub.pbkdf2.",),
        re.compile(rb"\bgrub\.pbkdf2\.[a-z0-9]{2,10}\.\d{1,9}\.[0-9A-Fa-f]{8,}\.[0-9A-Fa-f]{8,}"),
        MASK,
    ),
    ((b"$",), re.compile(rb"\$(?:1|2[aby]|5|6|y|gy|7)\$[./A-Za-z0-9$=,]{1,64}\$[./A-Za-z0-9]{16,}"), MASK),
    # the token formats of code hosts, chat and cloud services, and JSON Web Tokens, wherever they stand
    (
        (b"gh", b"glpat-", b"xox", b"akia", b"eyj"),
        re.compile(
            rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|"
            rb"AKIA[0-9A-Z]{16}\b|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})"
        ),
        MASK,
    ),
)

#: without one of these no pattern can match; nearly all of what is shown has none
_NEEDLES = tuple(needle for needles, _, _ in _PATTERNS for needle in needles)

# escape sequences of a terminal; all other control characters but tab and newline; what reverses the direction of
# text, or is in it and not seen
_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f-\x9f"
    r"\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)


def redact(data: bytes) -> bytes:
    """The bytes with private keys, passwords, tokens, URL passwords and password hashes masked."""
    for _ in range(_PASSES):
        masked = _masked_once(data)
        if masked == data:
            break
        data = masked
    return data


def _masked_once(data: bytes) -> bytes:
    lower = data.lower()
    for needle in _NEEDLES:  # any() would cost more than the search, for the short texts that come by the thousand
        if needle in lower:
            break
    else:
        return data
    for needles, pattern, replacement in _PATTERNS:
        if any(needle in lower for needle in needles):
            data = pattern.sub(replacement, data)
    return data


def redact_text(text: str) -> str:
    """:func:`redact` for text."""
    # no mask begins or ends inside a character, so what was encoded this way decodes again, lone surrogates too
    return redact(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def cleaned(text: str) -> str:
    """Text from a host made safe to show: no secrets, no control sequences, no direction overrides."""
    masked = redact_text(text.replace("\r\n", "\n"))
    plain = _CONTROL.sub("", masked.replace("\r", "\n"))
    # once more where that brought words together: a replay begins from the masked text and must come to the same end
    return plain if plain == masked else redact_text(plain)
