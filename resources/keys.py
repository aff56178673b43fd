"""Which object keys every store, every engine and every URI can hold.

The hazard, measured: engines disagree on percent-encoding. Apache Spark takes a path literally
("a b" works, "a%20b" does not exist), Sail decodes it, and each treats some of `:*?[]{}#%` as
something else than a character of a name. So URIs here are literal, and a key that two readers
would read differently is refused when it is written, not discovered when it is read.
"""

from __future__ import annotations

import re

from resources.errors import KeyInvalid

# S3's limit for a key and the usual limit of a file name, both in bytes of UTF-8.
KEY_BYTES = 1024
SEGMENT_BYTES = 255

_REFUSED = re.compile(r"[\x00-\x1f\x7f*?\[\]{}:#%\\]")
_ESCAPED = re.compile(r"[\x00-\x1f\x7f*?\[\]{}:#%\\/~]|^\.")


def valid_key(key: str) -> str:
    """The key itself.

    Raises:
        KeyInvalid: some store or engine could not hold it, or listings would hide it.
    """
    segments = key.split("/")
    problem = None
    if refused := _REFUSED.search(key):
        problem = f"the character {refused.group()!r}, which engines read differently"
    elif any(segment in {"", ".", ".."} for segment in segments):
        problem = "an empty or relative part"
    elif is_unfinished(key):
        problem = "a part by which unfinished writes are hidden"
    elif len(key.encode()) > KEY_BYTES:
        problem = f"{len(key.encode())} bytes"
    elif any(len(segment.encode()) > SEGMENT_BYTES for segment in segments):
        problem = f"a part of more than {SEGMENT_BYTES} bytes"
    if problem is None:
        return key
    raise KeyInvalid(
        f"object key {key!r}",
        found=problem,
        expected=f"names joined by '/', at most {KEY_BYTES} bytes, none starting with '.', "
        "none with one of :*?[]{}#%\\",
        next_move="choose another key; resources.keys.safe_name makes a name of any text",
    )


def is_unfinished(key: str) -> bool:
    """Whether listings hide this key: staged, temporary and checksum files of writers."""
    return any(part.startswith(".") or part == "_temporary" for part in key.split("/"))


def safe_name(text: str) -> str:
    """A name that any key may hold; different texts give different names."""
    return _ESCAPED.sub(lambda refused: f"~{ord(refused.group()):02X}", text)
