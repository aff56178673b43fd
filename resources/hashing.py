"""SHA-256 beside other work: hashing releases the interpreter, so copy and hash share no time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

# Below this many bytes, handing a chunk to another thread costs more than hashing it.
INLINE_BYTES = 256 * 1024


def hashed(chunks: Iterable[bytes], digest: _Hash) -> Iterator[bytes]:
    """The same chunks; while the caller works on one, another thread hashes it into `digest`.

    The digest is complete when the iterator is exhausted; one chunk is held at a time.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        for chunk in chunks:
            if len(chunk) < INLINE_BYTES:
                digest.update(chunk)
                yield chunk
            else:
                pending = pool.submit(digest.update, chunk)
                yield chunk
                pending.result()


def sha256_of(chunks: Iterable[bytes]) -> str:
    """The SHA-256 of the chunks' bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
