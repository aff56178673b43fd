"""Who was erased: requests in the clean zone, written once each, with a keyed hash for the subject.

    erasures/customer/3f2a…/request.json        from here on, clean lets nobody of that key through
    erasures/customer/3f2a…/found-81b0….json    batches to be made clean again, as they were found
    erasures/customer/3f2a…/files-90de….json    files of a table that will be deleted, tags that end
    erasures/customer/3f2a…/proof-….json        what was done, and what a search found afterwards

Each is created and never changed, so asking twice, at the same time or after a crash, is asking
once. A request is never withdrawn: it is what keeps the subject from coming back.

The hazard is a job that began before the request: it knows nothing of it. So clean looks again
before it records what such a job made, and a batch that was recorded is found by reading it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from resources.errors import ObjectExists, SecretMissing
from resources.objects import LakeResource, ObjectStore
from resources.secrets import SecretsResource
from resources.treatment_keys import REFERENCE

FOLDER = "erasures"
_REQUEST, _FOUND, _FILES, _PROOF = "request.json", "found-", "files-", "proof-"


@dataclass(frozen=True)
class Erased:
    """The requests that are in force, for some kinds of subject.

    Attributes:
        uri: where a job finds the key of the hashes.
        hashes: keyed hashes of the erased by their kind.
        batches: batches that hold an erased subject, by the request's id.
    """

    uri: str = ""
    hashes: Mapping[str, Collection[str]] = field(default_factory=dict)
    batches: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[str, ...]:
        """The requests' ids, in order."""
        return tuple(sorted(self.batches))

    @property
    def document(self) -> dict[str, Any]:
        """What a job is told."""
        return {
            "uri": self.uri,
            "hashes": {kind: sorted(all_) for kind, all_ in self.hashes.items()},
        }

    def of(self, batch_id: str) -> set[str]:
        """Ids of the requests for which this batch has to be made again."""
        return {each for each, batches in self.batches.items() if batch_id in batches}


NOBODY = Erased()


@dataclass(frozen=True)
class Request:
    """One request to erase a subject, as its documents say.

    Attributes:
        id: sixteen hexadecimal digits.
        subject: the keyed hash of the subject.
        requested_at: when it was put in force, ISO 8601.
        batches: the batches that held the subject when it was looked for.
        proofs: keys of the proofs, the oldest first.
    """

    kind: str
    id: str
    subject: str
    requested_at: str
    batches: frozenset[str]
    proofs: tuple[str, ...]


def request_id(pseudonym: str) -> str:
    """Sixteen hexadecimal digits that name the request to erase a subject."""
    return hashlib.sha256(pseudonym.encode()).hexdigest()[:16]


def folder_of(kind: str, pseudonym: str) -> str:
    """Where the documents of a request are, without the last slash."""
    return f"{FOLDER}/{kind}/{request_id(pseudonym)}"


def proof_key(folder: str, at: datetime) -> str:
    """The key of a proof that was begun then."""
    return f"{folder}/{_PROOF}{at:%Y%m%dT%H%M%S%fZ}.json"


def put_once(clean: ObjectStore, key: str, document: Mapping[str, Any]) -> None:
    """Create a document; one that is there already stays as it is."""
    with suppress(ObjectExists):
        clean.put(key, json.dumps(document, indent=2, sort_keys=True).encode())


def record_request(clean: ObjectStore, kind: str, pseudonym: str, *, at: str) -> None:
    """Put a request in force."""
    document = {"kind": kind, "subject": pseudonym, "requested_at": at}
    put_once(clean, f"{folder_of(kind, pseudonym)}/{_REQUEST}", document)


@dataclass(frozen=True)
class Intended:
    """What was to go from one table for a request: URIs of files, and tags and branches."""

    files: frozenset[str]
    names: frozenset[str]


def intend(
    clean: ObjectStore, folder: str, table: str, *, files: Iterable[str], names: Iterable[str]
) -> None:
    """Note what goes from a table before it does, so that it can be finished, and told."""
    document = {"table": table, "files": sorted(files), "names": sorted(names)}
    if document["files"] or document["names"]:
        noted = _digest([table, *document["files"], *document["names"]])
        put_once(clean, f"{folder}/{_FILES}{noted}.json", document)


def intended_of(clean: ObjectStore, folder: str, table: str) -> Intended:
    """All that was ever noted of a table for a request; most of it is gone by now."""
    documents = (json.loads(clean.read(info.key)) for info in clean.list(f"{folder}/{_FILES}"))
    noted = [each for each in documents if each["table"] == table]
    return Intended(
        frozenset(file for each in noted for file in each["files"]),
        frozenset(name for each in noted for name in each["names"]),
    )


def record_found(clean: ObjectStore, kind: str, pseudonym: str, batches: Iterable[str]) -> None:
    """Ask that these batches are made clean again."""
    found = sorted(batches)
    if found:
        key = f"{folder_of(kind, pseudonym)}/{_FOUND}{_digest(found)}.json"
        put_once(clean, key, {"batches": found})


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def requests(clean: ObjectStore, kind: str = "") -> list[Request]:
    """Every request that is in force, or those about a kind of subject."""
    documents: dict[str, list[str]] = {}
    for info in clean.list(f"{FOLDER}/{kind}/" if kind else f"{FOLDER}/"):
        folder, _, name = info.key.rpartition("/")
        if name.endswith(".json"):
            documents.setdefault(folder, []).append(name)
    return [
        _request(clean, folder, names) for folder, names in documents.items() if _REQUEST in names
    ]


def _request(clean: ObjectStore, folder: str, names: Iterable[str]) -> Request:
    def read(name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(clean.read(f"{folder}/{name}"))
        return document

    asked = read(_REQUEST)
    found = (read(name)["batches"] for name in names if name.startswith(_FOUND))
    proofs = sorted(f"{folder}/{name}" for name in names if name.startswith(_PROOF))
    return Request(
        asked["kind"],
        folder.rpartition("/")[2],
        asked["subject"],
        asked["requested_at"],
        frozenset(batch for batches in found for batch in batches),
        tuple(proofs),
    )


def erased_subjects(
    lake: LakeResource, kinds: Collection[str], secrets: SecretsResource | None
) -> Erased:
    """Every request about these kinds of subject.

    Raises:
        SecretMissing: there are requests, and no secrets with the key of their hashes.
    """
    clean = lake.zone("clean")
    known = [each for kind in sorted(kinds) for each in requests(clean, kind)]
    if not known:
        return NOBODY
    key_uri = secrets_of(secrets).uri_of(REFERENCE)
    hashes: dict[str, set[str]] = {}
    for each in known:
        hashes.setdefault(each.kind, set()).add(each.subject)
    return Erased(key_uri, hashes, {each.id: each.batches for each in known})


def secrets_of(secrets: SecretsResource | None) -> SecretsResource:
    """The secrets with the key of the hashes, which somebody needs who meets a request.

    Raises:
        SecretMissing: there are none.
    """
    if secrets is None:
        raise SecretMissing(
            "the key by which erased subjects are recognised",
            found="no secrets to read it from",
            expected="the environment's secrets, because subjects were erased",
            next_move="run it with `secrets`",
        )
    return secrets
