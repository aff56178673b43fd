"""Records of tables with treated columns, found again in raw as they were delivered.

Quarantine shows such a row as clean would have, and clean never held the rest. So who corrects one
of its cells gets the others from raw: the record is read again there and known by its name, which
was made of its text (`spark.row_names`). What is found goes into the correction, in landing and
raw, and nowhere else.

The hazard: a record that is read in another way than when it was named. A line of CSV is named by
its text or by its fields written out again, whichever reader the job took; both are tried. What is
not found is not completed from anything else.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from product360_assets.clean.quarantine import Rejected
from product360_assets.core.contract import TableContract
from product360_assets.ingestion.corrections import CORRECTION
from resources.ledger import Ledger
from resources.objects import ObjectStore
from resources.secrets import SecretsResource
from resources.treatment_keys import key_of
from spark.records import names_of, records_of
from spark.row_names import key_version, keyed_name, name_of, plain_name

# (text) → the names that a row of this text can have
_Names = Callable[[str], set[str]]


@dataclass(frozen=True)
class DeliveredRecords:
    """Reads raw for the records of one table's rejected rows."""

    table: TableContract
    ledger: Ledger
    raw: ObjectStore
    secrets: SecretsResource

    def texts(self, rows: Sequence[Rejected]) -> dict[str, str]:
        """Row id → the record's text as it was delivered; without those that are not found.

        Raises:
            SecretMissing: this process may not read the key that the rows were named with.
            ObjectMissing: raw lost an object.
        """
        by_place: dict[tuple[str, str], list[Rejected]] = {}
        for row in rows:
            by_place.setdefault((row.batch.batch_id, row.lineage["_source_file"]), []).append(row)
        found = {}
        for (batch_id, source_file), its in by_place.items():
            wanted = {name_of(row.row_id) for row in its}
            names = self._names(batch_id, source_file, wanted)
            texts = {
                name: text for text in self._texts(its[0]) for name in names(text) if name in wanted
            }
            found.update(
                {row.row_id: texts[name] for row in its if (name := name_of(row.row_id)) in texts}
            )
        return found

    def _names(self, batch_id: str, source_file: str, wanted: Iterable[str]) -> _Names:
        versions = {version for version in map(key_version, wanted) if version}
        keys = {version: key_of(self.secrets, version) for version in versions}

        def names(text: str) -> set[str]:
            keyed = {
                keyed_name(batch_id, source_file, text, master=key, version=version)
                for version, key in keys.items()
            }
            return {*keyed, plain_name(batch_id, source_file, text)}

        return names

    def _texts(self, row: Rejected) -> Iterator[str]:
        """Every text that a record of the row's file can have been named by."""
        if row.batch.kind != CORRECTION:
            yield from record_texts(self.raw.read(row.lineage["_source_file"]), self.table.format)
            return
        for accepted in self.ledger.accepted_objects(row.batch.batch_id):
            yield from record_texts(self.raw.read(accepted.raw_key), "json")


def record_texts(content: bytes, form: str) -> Iterator[str]:
    """The records of a file as the clean job may have named them.

    Args:
        content: the file, compressed or not.
        form: "csv", "json" or "parquet".
    """
    if form == "parquet":
        yield from _rows(content)
        return
    for record in records_of(content, form, names_of(content, form)):
        if record.text is not None:
            yield record.text
        if form == "csv" and record.broken is None:
            yield ",".join(map(_field, record.fields.values()))


def _field(value: str | None) -> str:
    if value is None or not {",", '"'} & set(value):
        return value or ""
    doubled = value.replace('"', '""')
    return f'"{doubled}"'


def _rows(content: bytes) -> Iterator[str]:
    """Rows of Parquet as the engines write them out: one line of JSON, every value as text."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(io.BytesIO(content)).iter_batches():
        for row in batch.to_pylist():
            texts = {name: _text(value) for name, value in row.items() if value is not None}
            yield json.dumps(texts, ensure_ascii=False, separators=(",", ":"))


def _text(value: object) -> str:
    """A value as Spark casts it to a string; of floats the text differs between engines."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        text = value.strftime("%Y-%m-%d %H:%M:%S.%f")
        return text.rstrip("0").rstrip(".")
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
