"""Recognises erased subjects by their requests' keyed hashes, which is all that is known of them.

The hazard is cost: a hash is made for every key that is asked about. Ask about distinct keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from product360_assets.core.erasures import Request, secrets_of
from resources.secrets import SecretsResource
from resources.treatment_keys import key_of
from spark.tokens import subject_hash, subject_version


@dataclass(frozen=True)
class KnownErased:
    """Requests, and the secrets with the key of their hashes."""

    requests: Sequence[Request]
    secrets: SecretsResource | None

    def recognise(self, kind: str | None) -> Callable[[str], str | None] | None:
        """From a subject's key to the id of its request; None where nobody of the kind was erased.

        Raises:
            SecretMissing: this process may not read the key of the hashes.
        """
        ids = {each.subject: each.id for each in self.requests if each.kind == kind}
        if kind is None or not ids:
            return None
        secrets, versions = secrets_of(self.secrets), sorted(set(map(subject_version, ids)))
        hashes = [subject_hash(key_of(secrets, each), each, kind) for each in versions]
        return lambda key: next((ids[made] for each in hashes if (made := each(key)) in ids), None)


NOBODY_KNOWN = KnownErased((), None)
