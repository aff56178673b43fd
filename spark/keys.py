"""The key of hashes and tokens, read where it is used and nowhere else.

A job is told a reference and a version, never the key. Driver and workers read it themselves and
keep it in memory, so it is in no argument, spec, plan, setting or variable that a log or a web page
could show. A version's key never changes, hence it is read once in a process.

    file:///home/secrets.json#treatment_keys      the file of secrets of this machine

The hazard: whoever can read the file can reverse tokens. It must belong to its owner alone, and a
file that does not is refused here, before anything is treated with a key that others know.
"""

from __future__ import annotations

import json
import stat
from functools import lru_cache
from pathlib import Path

from spark.failures import KeyUnavailable

KEY_BYTES = 32
_FILE = "file://"
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@lru_cache(maxsize=16)
def master_key(uri: str, version: str) -> bytes:
    """The master key of that version.

    Raises:
        KeyUnavailable: there is none under the reference, or others can read it.
    """
    if not uri.startswith(_FILE):
        raise _unavailable(uri, f"a reference of an unknown kind, expected one to {_FILE}")
    place, _, reference = uri[len(_FILE) :].partition("#")
    fields = _fields(Path(place), reference, uri)
    try:
        key = bytes.fromhex(fields[version])
    except (KeyError, ValueError, TypeError):
        raise _unavailable(uri, f"no key of version {version} there") from None
    if len(key) != KEY_BYTES:
        raise _unavailable(uri, f"version {version} is no key of {KEY_BYTES} bytes")
    return key


def _fields(path: Path, reference: str, uri: str) -> dict[str, str]:
    # What is wrong is said without the content, which is secret.
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except OSError as error:
        raise _unavailable(uri, f"{error.strerror or type(error).__name__}") from None
    if mode & _OF_OTHERS:
        raise _unavailable(uri, "a file that others can use; give it mode 600")
    try:
        fields: dict[str, str] = dict(json.loads(text)[reference])
    except (KeyError, TypeError, ValueError):
        raise _unavailable(uri, "no such secret in the file") from None
    return fields


def _unavailable(uri: str, found: str) -> KeyUnavailable:
    return KeyUnavailable(
        f"The key of treatments, {uri}: found {found}. Nothing was treated. "
        "`product360 keys` shows which versions there are."
    )
