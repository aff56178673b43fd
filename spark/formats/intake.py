"""Decides for every delivered file how it is read: fast, record by record, or not at all.

No engine is asked to forgive: a file goes to the fast parser only when nothing in it can be read in
two ways. What the fast parser then still refuses is found by halving, and taken in again as
distrusted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import expr, lit

from spark.failures import FileUnreadable
from spark.formats import delimited, json_lines, parquet, record_by_record
from spark.formats.text import TextFacts, look_at
from spark.io import ENGINE_ERRORS, file_sizes, union
from spark.transforms.contract import Batch, CleanSpec, DeliveredFile
from spark.transforms.rules import FILE, Finding
from spark.transforms.staging import Portion, lineage_of, staged
from spark.transforms.treatments import pseudonymised

Layout = TypeVar("Layout", bound=Hashable)
ReadFiles = Callable[[Sequence[DeliveredFile]], Portion]

NOWHERE = DeliveredFile("", "", Batch("", "1970-01-01", "", "1970-01-01T00:00:00Z"))


@dataclass
class Intake:
    """How the files of a call are read.

    Attributes:
        fast: files of one layout, and what reads them.
        slow: files that are read record by record.
        refused: files of which no record can be read, and why.
        expected: records of a file by a count that is not the parser's, where there is one.
        layouts: names of the columns found in a file.
    """

    fast: list[tuple[tuple[DeliveredFile, ...], ReadFiles]] = field(default_factory=list)
    slow: list[DeliveredFile] = field(default_factory=list)
    refused: list[tuple[DeliveredFile, str]] = field(default_factory=list)
    expected: dict[DeliveredFile, int] = field(default_factory=dict)
    layouts: dict[DeliveredFile, frozenset[str]] = field(default_factory=dict)


def take_in(
    session: SparkSession, spec: CleanSpec, *, distrusted: Collection[DeliveredFile] = ()
) -> Intake:
    """Look at every file of the call.

    Raises:
        DeliveryMissing: a file is not there.
    """
    sizes = file_sizes(session, [file.uri for file in spec.files])
    if spec.format == "parquet":
        return _take_parquet(session, spec, sizes, distrusted)
    files = [file for file in spec.files if sizes[file.uri] > 0]
    trusted = [file for file in files if file not in distrusted]
    intake = Intake(slow=[file for file in files if file in distrusted])
    doubtful = delimited.DOUBTFUL if spec.format == "csv" else json_lines.doubtful(spec)
    facts = look_at(session, trusted, doubtful=doubtful)
    plain = {}
    for file, fact in facts.items():
        if fact is None or fact.doubtful:
            intake.slow.append(file)
        else:
            plain[file] = fact
    if spec.format == "csv":
        _take_csv(session, spec, intake, plain)
    else:
        intake.expected = {file: fact.lines for file, fact in plain.items()}
        if plain:
            read = partial(_read_json, session, names=spec.source_names)
            intake.fast.append((tuple(plain), read))
    return intake


def staged_rows(session: SparkSession, spec: CleanSpec, intake: Intake) -> DataFrame:
    """Staged rows of everything that was taken in."""
    portions = [read(files) for files, read in intake.fast]
    if intake.slow:
        names = spec.source_names
        portions.append(record_by_record.portion(session, intake.slow, names, spec.format))
    portions.append(_refused_files(session, intake.refused))
    return pseudonymised(union([staged(portion, spec) for portion in portions]), spec)


def failing_files(session: SparkSession, intake: Intake) -> set[DeliveredFile]:
    """Files that the fast parsers refuse although nothing doubtful was seen in them."""
    return {file for files, read in intake.fast for file in _failing(files, read)}


def _failing(files: Sequence[DeliveredFile], read: ReadFiles) -> Iterable[DeliveredFile]:
    try:
        # Every column has to be parsed; a count alone would look at none.
        frame = read(files).frame
        frame.selectExpr(f"max(xxhash64({', '.join(frame.columns)}))").collect()
    except ENGINE_ERRORS:
        if len(files) == 1:
            return list(files)
        middle = len(files) // 2
        return [*_failing(files[:middle], read), *_failing(files[middle:], read)]
    return []


def _take_parquet(
    session: SparkSession,
    spec: CleanSpec,
    sizes: dict[str, int],
    distrusted: Collection[DeliveredFile],
) -> Intake:
    intake = Intake()
    layouts = {}
    for file in spec.files:
        if file in distrusted:
            intake.refused.append((file, "expected Parquet, found pages that cannot be read"))
        elif sizes[file.uri] == 0:
            intake.refused.append((file, "expected Parquet, found an empty file"))
        else:
            try:
                layouts[file] = parquet.layout_of(session, file)
            except FileUnreadable as error:
                intake.refused.append((file, str(error)))
    _add_layouts(intake, layouts, partial(_read_parquet, session))
    for file, layout in layouts.items():
        intake.layouts[file] = frozenset(name for name, _ in layout)
    return intake


def _take_csv(
    session: SparkSession,
    spec: CleanSpec,
    intake: Intake,
    plain: dict[DeliveredFile, TextFacts],
) -> None:
    wanted = set(spec.source_names)
    headers = {}
    for file, fact in plain.items():
        if fact.lines == 0:
            continue
        header = delimited.header_of(fact.first)
        if not wanted & set(header):
            header = delimited.engine_header(session, file)
        if wanted & set(header) and len(set(header)) == len(header):
            intake.expected[file] = fact.lines - 1
            intake.layouts[file] = frozenset(header)
            headers[file] = header
        else:
            intake.refused.append((file, record_by_record.header_refused(",".join(header))))
    _add_layouts(intake, headers, partial(_read_csv, session))


def _add_layouts(
    intake: Intake,
    layouts: dict[DeliveredFile, Layout],
    read: Callable[[Layout, Sequence[DeliveredFile]], Portion],
) -> None:
    """Files of one layout share one expression, whatever their number."""
    for layout in dict.fromkeys(layouts.values()):
        files = tuple(file for file, each in layouts.items() if each == layout)
        intake.fast.append((files, partial(read, layout)))


def _read_csv(
    session: SparkSession, header: delimited.Header, files: Sequence[DeliveredFile]
) -> Portion:
    return delimited.portion(session, files, header)


def _read_parquet(
    session: SparkSession, layout: parquet.Layout, files: Sequence[DeliveredFile]
) -> Portion:
    return parquet.portion(session, files, layout)


def _read_json(
    session: SparkSession, files: Sequence[DeliveredFile], *, names: Sequence[str]
) -> Portion:
    return json_lines.portion(session, files, names)


def _refused_files(session: SparkSession, refused: Sequence[tuple[DeliveredFile, str]]) -> Portion:
    """One record for each file of which no record can be read."""
    rows = session.sql("SELECT CAST(NULL AS bigint) AS _row_number")
    frames = [
        rows.select("_row_number", lit(reason).alias("_broken_reason"), *lineage_of(file))
        for file, reason in refused
    ]
    nothing = rows.select("_row_number", expr("'' AS _broken_reason"), *lineage_of(NOWHERE)).where(
        "1 = 0"
    )
    findings = [Finding("true", None, FILE, "_broken_reason")]
    return Portion(union([*frames, nothing]), {}, "CAST(NULL AS string)", findings)
