"""What happens to other bytes under a landing key that was accepted: they are set aside, once.

Raw keeps what a batch has claimed. A later version of the same key is nobody's batch, so it is
compared with what was accepted: the same bytes again are no news; other bytes are copied, unchanged
and create-only, into quarantine, where an owner can compare them. A record beside them says what
was found, so that no version is looked at twice, and none is ever taken for data.

    _quarantine/<source>/<table>/<version id>/<file name>    the bytes, if they differ
    _quarantine/<source>/<table>/<version id>.json           the record, written last

The hazard: the version may change again between the listing and the copy. Then nothing is recorded
of it: the next listing meets the newer version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from resources.errors import ObjectChanged, ObjectExists, ObjectMissing
from resources.hashing import sha256_of
from resources.ledger import AcceptedObject, LandedObject, Ledger
from resources.objects import ObjectStore

QUARANTINE = "_quarantine"
# Bytes that differ from what was accepted under this key, and the same bytes written once more.
OTHER_BYTES = "other bytes under a key that was accepted"
SAME_BYTES = "the same bytes again"


@dataclass(frozen=True)
class Rewriting:
    """A version of a landing key of which another version belongs to the batch `batch_id`."""

    landing_date: date
    landed: LandedObject
    batch_id: str

    @property
    def version_id(self) -> str:
        """Sixteen hexadecimal digits that name this version of this key."""
        named = f"{len(self.landed.key)}:{self.landed.key}{self.landed.version}"
        return hashlib.sha256(named.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class SetAside:
    """What was found about one version of a key; hashes are SHA-256 in hexadecimal.

    Attributes:
        kept_as: its key in raw; "" for bytes that were accepted already.
        accepted_as: the raw key of what was accepted under its landing key.
    """

    reason: str
    landing_date: str
    landing_key: str
    version: str
    size: int
    sha256: str
    kept_as: str
    accepted_as: str
    accepted_version: str
    accepted_sha256: str
    batch_id: str

    @property
    def differs(self) -> bool:
        """Whether these are other bytes than those that were accepted."""
        return self.sha256 != self.accepted_sha256


@dataclass(frozen=True)
class RewrittenObjects:
    """Sets aside rewritten objects of one table, and knows which were."""

    source: str
    table: str
    ledger: Ledger
    landing: ObjectStore
    raw: ObjectStore

    def unknown(self, rewritten: Iterable[Rewriting]) -> list[Rewriting]:
        """Those that nobody looked at yet."""
        known = {info.key for info in self.raw.list(f"{self._prefix}/")}
        return [each for each in rewritten if self._record_key(each) not in known]

    def records(self) -> Iterator[SetAside]:
        """Everything that was found of this table, ever."""
        for info in self.raw.list(f"{self._prefix}/"):
            if info.key.endswith(".json") and info.key.count("/") == self._prefix.count("/") + 1:
                yield _record_of(self.raw.read(info.key))

    def set_aside(self, rewriting: Rewriting) -> SetAside | None:
        """Compare one version with what was accepted, and keep it if it differs.

        Returns:
            What was found; None when landing has moved on, or the batch has accepted nothing yet.
        """
        with suppress(ObjectMissing):
            return _record_of(self.raw.read(self._record_key(rewriting)))
        accepted = self._accepted(rewriting)
        if accepted is None:
            return None
        try:
            found = self._kept(rewriting, accepted)
        except (ObjectMissing, ObjectChanged):
            return None
        with suppress(ObjectExists):
            self.raw.put(self._record_key(rewriting), _document(asdict(found)))
        return found

    def _accepted(self, rewriting: Rewriting) -> AcceptedObject | None:
        known = self.ledger.accepted_objects(rewriting.batch_id)
        return next((each for each in known if each.landed.key == rewriting.landed.key), None)

    def _kept(self, rewriting: Rewriting, accepted: AcceptedObject) -> SetAside:
        landed = rewriting.landed
        kept_as, sha256 = "", accepted.sha256
        # Other sizes need no hash to differ; equal ones are hashed before anything is copied.
        if landed.size != accepted.landed.size or self._hash(landed) != accepted.sha256:
            name = landed.key.rpartition("/")[2]
            kept_as = f"{self._prefix}/{rewriting.version_id}/{name}"
            copied = self.raw.accept(self.landing, landed.key, kept_as, version=landed.version)
            sha256 = copied.sha256
        return SetAside(
            reason=OTHER_BYTES if kept_as else SAME_BYTES,
            landing_date=rewriting.landing_date.isoformat(),
            landing_key=landed.key,
            version=landed.version,
            size=landed.size,
            sha256=sha256,
            kept_as=kept_as,
            accepted_as=accepted.raw_key,
            accepted_version=accepted.landed.version,
            accepted_sha256=accepted.sha256,
            batch_id=rewriting.batch_id,
        )

    def _hash(self, landed: LandedObject) -> str:
        if self.landing.head(landed.key).etag != landed.version:
            raise ObjectChanged(
                landed.key,
                found="another version than was listed",
                expected=f"version {landed.version}",
                next_move="list again",
            )
        return sha256_of(self.landing.stream(landed.key))

    @property
    def _prefix(self) -> str:
        return f"{QUARANTINE}/{self.source}/{self.table}"

    def _record_key(self, rewriting: Rewriting) -> str:
        return f"{self._prefix}/{rewriting.version_id}.json"


def _document(record: Mapping[str, Any]) -> bytes:
    # No time of finding: whoever looks, and however often, writes the same bytes.
    return json.dumps(record, indent=1, ensure_ascii=False).encode()


def _record_of(document: bytes) -> SetAside:
    return SetAside(**json.loads(document))
