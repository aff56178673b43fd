"""The key of hashes and tokens, read where it is used and nowhere else.

A job is told a reference and a version, never the key. Driver and workers read it themselves and
keep it in memory, so it is in no argument, spec, plan, setting or variable that a log or a web page
could show. A version's key never changes, hence it is read once in a process.

    file:///home/secrets.json#treatment_keys      the file of secrets of this machine
    secretsmanager:product360/treatment_keys      a secret of AWS, by its name

The hazard: whoever can read the file can reverse tokens. It must belong to its owner alone, and a
file that does not is refused here, before anything is treated with a key that others know.
"""

from __future__ import annotations

import json
import stat
from functools import lru_cache
from pathlib import Path

from spark.failures import KeyUnavailable
from spark.secrets_manager import secret_text

KEY_BYTES = 32
_FILE, _SECRETS_MANAGER = "file://", "secretsmanager:"
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@lru_cache(maxsize=16)
def master_key(uri: str, version: str) -> bytes:
    """The master key of that version.

    Raises:
        KeyUnavailable: there is none under the reference, or others can read it, or we may not.
        KeyUnanswered: what keeps it does not answer now.
    """
    ring = _ring(uri)
    try:
        key = bytes.fromhex(ring[version])
    except (KeyError, ValueError, TypeError):
        raise _unavailable(uri, f"no key of version {version} there") from None
    if len(key) != KEY_BYTES:
        raise _unavailable(uri, f"version {version} is no key of {KEY_BYTES} bytes")
    return key


def _ring(uri: str) -> dict[str, str]:
    """All fields under the reference, versions among them."""
    # What is wrong is said without the content, which is secret.
    if uri.startswith(_FILE):
        place, _, reference = uri[len(_FILE) :].partition("#")
        held = _own_text(Path(place), uri)
    elif uri.startswith(_SECRETS_MANAGER):
        reference, held = "", secret_text(uri[len(_SECRETS_MANAGER) :])
    else:
        kinds = f"expected one to {_FILE} or {_SECRETS_MANAGER}"
        raise _unavailable(uri, f"a reference of an unknown kind, {kinds}")
    try:
        document = json.loads(held)
        return dict(document[reference] if reference else document)
    except (KeyError, TypeError, ValueError):
        raise _unavailable(uri, "no fields by name under it") from None


def _own_text(path: Path, uri: str) -> str:
    """The text of a file that belongs to its owner alone."""
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except OSError as error:
        raise _unavailable(uri, f"{error.strerror or type(error).__name__}") from None
    if mode & _OF_OTHERS:
        raise _unavailable(uri, "a file that others can use; give it mode 600")
    return text


def _unavailable(uri: str, found: str) -> KeyUnavailable:
    return KeyUnavailable(
        f"The key of treatments, {uri}: found {found}. Nothing was treated. "
        "`product360 keys` shows which versions there are."
    )
