"""Pseudonyms: what stands in clean for a value that nobody may read there.

A hash is one way: HMAC-SHA256 of the value. A token can be reversed by who has the key:
deterministic authenticated encryption, built as SIV is (RFC 5297), with HMAC-SHA256 as its only
primitive because a cluster's Python has no cipher. The authentication tag of the padded value is
the initialisation vector of the key stream, so equal values give equal tokens and a token that was
altered, or is of another key or domain, is refused.

Every domain has keys of its own, derived from the master key, so that one person has one pseudonym
within a domain and unrelated ones outside. A pseudonym begins with its kind and the version of the
master key: `h1-…`, `t1-…`.

The hazard is guessing. Whoever holds the key can hash every telephone number there is; without it,
equal values still show as equal, and how often. Both are what joins need, and all they need.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable

HASH, TOKENISE = "hash", "tokenise"
TAG_BYTES = 16
BLOCK_BYTES = 32
# Tokens tell the length of a value in steps of so many bytes.
PADDED_TO_BYTES = 16
_TOKEN = re.compile(r"t([0-9]+)-([A-Za-z0-9_-]+)")

_PSEUDONYM = re.compile(r"h[0-9]+-[0-9a-f]{64}|t[0-9]+-[A-Za-z0-9_-]{43,}")

Pseudonymise = Callable[[str], str]


class TokenInvalid(ValueError):
    """No token, or none of this key and domain."""


def pseudonymiser(how: str, master: bytes, *, domain: str, version: str) -> Pseudonymise:
    """The function that treats one value; `how` is "hash" or "tokenise"."""
    if how == HASH:
        key = _derived(master, "hash", domain)
        return lambda value: f"h{version}-{hmac.digest(key, value.encode(), 'sha256').hex()}"
    tag_key, stream_key = _token_keys(master, domain)
    return lambda value: f"t{version}-{_encrypted(value, tag_key, stream_key)}"


def subject_hash(master: bytes, version: str, kind: str) -> Pseudonymise:
    """The function that hashes a subject's key, as text, for requests to erase it."""
    return pseudonymiser(HASH, master, domain=f"erasure.{kind}", version=version)


def subject_version(pseudonym: str) -> str:
    """The version of the master key that a subject was hashed with."""
    return pseudonym.partition("-")[0][1:]


def is_pseudonym(text: str) -> bool:
    """Whether a text looks like a hash or a token, of whatever key."""
    return _PSEUDONYM.fullmatch(text) is not None


def token_version(token: str) -> str:
    """The version of the master key that made a token.

    Raises:
        TokenInvalid: it is none.
    """
    return _parts(token)[0]


def reversed_token(token: str, master: bytes, *, domain: str) -> str:
    """The value that a token stands for.

    Raises:
        TokenInvalid: the token was not made of this domain with this key, or was altered.
    """
    _, data = _parts(token)
    tag_key, stream_key = _token_keys(master, domain)
    tag, hidden = data[:TAG_BYTES], data[TAG_BYTES:]
    padded = _with_stream(hidden, tag, stream_key)
    if not hmac.compare_digest(tag, _tag(padded, tag_key)):
        raise TokenInvalid("a token that this key did not make in this domain")
    return padded.rstrip(b"\0")[:-1].decode()


def _encrypted(value: str, tag_key: bytes, stream_key: bytes) -> str:
    padded = _padded(value.encode())
    tag = _tag(padded, tag_key)
    return _encoded(tag + _with_stream(padded, tag, stream_key))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _parts(token: str) -> tuple[str, bytes]:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise TokenInvalid("no token: it begins with t, a version and a hyphen")
    text = match[2]
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise TokenInvalid("a token that is cut or altered") from error
    # Base64 has several spellings of the same bytes; a token has one.
    if _encoded(data) != text or len(data) < TAG_BYTES + PADDED_TO_BYTES:
        raise TokenInvalid("a token that is cut or altered")
    return match[1], data


def _padded(value: bytes) -> bytes:
    """The value, a one and zeros (ISO 7816-4): a whole number of steps."""
    marked = value + b"\x80"
    return marked + b"\0" * (-len(marked) % PADDED_TO_BYTES)


def _tag(padded: bytes, tag_key: bytes) -> bytes:
    return hmac.digest(tag_key, padded, "sha256")[:TAG_BYTES]


def _with_stream(data: bytes, tag: bytes, stream_key: bytes) -> bytes:
    """The data with the key stream of its tag added, which undoes itself."""
    blocks = range(-(-len(data) // BLOCK_BYTES))
    stream = b"".join(
        hmac.digest(stream_key, tag + block.to_bytes(4, "big"), "sha256") for block in blocks
    )[: len(data)]
    added = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
    return added.to_bytes(len(data), "big")


def _token_keys(master: bytes, domain: str) -> tuple[bytes, bytes]:
    return _derived(master, "tokenise tag", domain), _derived(master, "tokenise stream", domain)


def _derived(master: bytes, purpose: str, domain: str) -> bytes:
    return hmac.digest(master, f"product360\0{purpose}\0{domain}".encode(), "sha256")
