"""The keys behind hashes and tokens: a ring of versions in one secret.

    {"current": "2", "1": "<64 hexadecimal digits>", "2": "<64 hexadecimal digits>"}

New rows are treated with the current version. Earlier versions stay, because tokens that they made
are still to be reversed. A version's key is never changed.

The hazard: a key that is made twice. Two processes that find none would treat half of the rows
each with its own, and no join would work; so a ring is established once, and who comes second
gets the one that is there.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass

from resources.errors import SecretMissing
from resources.secrets import SecretsResource

REFERENCE = "treatment_keys"
CURRENT = "current"
KEY_BYTES = 32


@dataclass(frozen=True)
class KeyReference:
    """Where a job finds the key, and which version; not the key."""

    uri: str
    version: str


def current_key(secrets: SecretsResource) -> KeyReference:
    """The reference of the current key; the local environment makes its first key here.

    Raises:
        SecretMissing: there is no ring, and this environment makes none by itself.
    """
    ring = secrets.establish(REFERENCE, _first_ring())
    return KeyReference(secrets.uri_of(REFERENCE), _current(ring))


def key_versions(secrets: SecretsResource) -> tuple[str, list[str]]:
    """The current version, and all of them, oldest first.

    Raises:
        SecretMissing: there is no ring.
    """
    ring = secrets.get(REFERENCE)
    return _current(ring), sorted(set(ring) - {CURRENT}, key=int)


def rotate_key(secrets: SecretsResource) -> str:
    """Make a new version current; the first one where there is no ring. Returns the version."""
    try:
        ring = dict(secrets.get(REFERENCE))
    except SecretMissing:
        ring = {}
    version = str(1 + max((int(each) for each in ring if each != CURRENT), default=0))
    secrets.publish(REFERENCE, {**ring, version: _new_key(), CURRENT: version})
    return version


def key_of(secrets: SecretsResource, version: str) -> bytes:
    """A version's key, for who reverses a token.

    Raises:
        SecretMissing: this process may not read the ring, or it lacks the version.
    """
    ring: Mapping[str, str] = secrets.get(REFERENCE)
    if version == CURRENT or version not in ring:
        raise SecretMissing(
            f"secret {REFERENCE!r}",
            found=f"no key of version {version!r}",
            expected="the version that the token names",
            next_move="look at `product360 keys`, and ask who keeps the backups of the secrets",
        )
    return bytes.fromhex(ring[version])


def _current(ring: Mapping[str, str]) -> str:
    version = ring.get(CURRENT, "")
    if version in ring:
        return version
    raise SecretMissing(
        f"secret {REFERENCE!r}",
        found="a ring whose current version is not in it",
        expected="a field `current` that names one of its versions",
        next_move="restore the secret from a backup; without its keys no token can be reversed",
    )


def _first_ring() -> dict[str, str]:
    return {CURRENT: "1", "1": _new_key()}


def _new_key() -> str:
    return random.token_hex(KEY_BYTES)
