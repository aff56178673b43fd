"""What a rejected row is called, so that it is the same row whenever its batch is made clean again.

A name follows from the row's batch, its file and its text as it was delivered. Equal rows of a file
have one name; quarantine numbers them, and name and number are the row's id.

    0f3a…9c        sixteen hexadecimal digits of SHA-256
    k1-0f3a…9c     of a table with treated columns: of HMAC-SHA256, with version 1 of the key

The hazard is guessing. Who knows all of a row but a telephone number could try every one there is
until the hash fits; so where the text may not be read, its name is made with a key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache

DIGITS = 16
# Between the parts of what is hashed, with nothing else.
SEPARATOR = "\x1f"
_KEYED = re.compile(r"k([0-9]+)-[0-9a-f]{16}")


def plain_name(batch_id: str, source_file: str, text: str) -> str:
    """The name of a row that may be read by who reads its name."""
    return hashlib.sha256(_said(batch_id, source_file, text)).hexdigest()[:DIGITS]


def keyed_name(batch_id: str, source_file: str, text: str, *, master: bytes, version: str) -> str:
    """The name of a row of a table with treated columns."""
    digest = hmac.digest(_name_key(master), _said(batch_id, source_file, text), "sha256")
    return f"k{version}-{digest.hex()[:DIGITS]}"


def name_of(row_id: str) -> str:
    """The name in a row's id."""
    return row_id.rpartition("-")[0]


def key_version(name: str) -> str | None:
    """The version of the key that a name was made with; None for a plain one."""
    match = _KEYED.fullmatch(name)
    return match[1] if match else None


@lru_cache(maxsize=16)
def _name_key(master: bytes) -> bytes:
    return hmac.digest(master, b"product360\0row name\0", "sha256")


def _said(batch_id: str, source_file: str, text: str) -> bytes:
    return SEPARATOR.join([batch_id, source_file, text]).encode()
