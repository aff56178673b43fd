"""Decides for every delivered file how it is read: fast, record by record, or not at all.

No engine is asked to forgive: a file goes to the fast parser only when nothing in it can be read in
two ways. What the fast parser then still refuses is found by halving, and taken in again as
distrusted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import expr, lit

from spark.failures import FileUnreadable
from spark.formats import delimited, json_lines, parquet, record_by_record
from spark.formats.text import TextFacts, look_at
from spark.io import ENGINE_ERRORS, file_sizes, union
from spark.records import FILE, header_refused
from spark.transforms.contract import Batch, CleanSpec, DeliveredFile
from spark.transforms.drift import Layout, is_ambiguous, spelling
from spark.transforms.erasure import without_erased
from spark.transforms.rules import Finding
from spark.transforms.staging import Portion, clean_rows, judged_once, lineage_of, staged
from spark.transforms.treatments import pseudonymised

Columns = TypeVar("Columns", bound=Hashable)
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
        layouts: how a file is laid out, where that can be seen.
    """

    fast: list[tuple[tuple[DeliveredFile, ...], ReadFiles]] = field(default_factory=list)
    slow: list[DeliveredFile] = field(default_factory=list)
    refused: list[tuple[DeliveredFile, str]] = field(default_factory=list)
    expected: dict[DeliveredFile, int] = field(default_factory=dict)
    layouts: dict[DeliveredFile, Layout] = field(default_factory=dict)

    def without(self, batch_ids: Collection[str]) -> Intake:
        """The same, without the files of some batches; their layouts stay known."""
        return self._where(lambda file: file.batch.batch_id not in batch_ids)

    def only(self, files: Collection[DeliveredFile]) -> Intake:
        """The same, with no other files than these; the layouts of all stay known."""
        return self._where(lambda file: file in files)

    def _where(self, stays: Callable[[DeliveredFile], bool]) -> Intake:
        fast = [(tuple(filter(stays, files)), read) for files, read in self.fast]
        return replace(
            self,
            fast=[(files, read) for files, read in fast if files],
            slow=[file for file in self.slow if stays(file)],
            refused=[(file, reason) for file, reason in self.refused if stays(file)],
            expected={file: rows for file, rows in self.expected.items() if stays(file)},
        )


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
    facts = _facts(session, spec, trusted)
    plain = {}
    for file, fact in facts.items():
        if fact is None or fact.doubtful:
            intake.slow.append(file)
        else:
            plain[file] = fact
    intake.layouts = record_by_record.layouts(session, intake.slow, spec.format)
    if spec.format == "csv":
        _take_csv(session, spec, intake, plain)
        # Without a known name it is no header but anything else, and not to be shown as one.
        headers = intake.layouts.items()
        intake.layouts = {file: each for file, each in headers if spelling(spec, each.names)}
    else:
        _take_json(session, spec, intake, plain)
    return intake


def staged_rows(session: SparkSession, spec: CleanSpec, intake: Intake) -> DataFrame:
    """Staged rows of everything that was taken in."""
    rows = union([*_readable_rows(session, spec, intake), _refused_rows(session, spec, intake)])
    return pseudonymised(without_erased(rows, spec), spec)


def good_rows(session: SparkSession, spec: CleanSpec, intake: Intake) -> DataFrame:
    """Clean rows of everything that was taken in, of a table without treatments or erasures."""
    rows = _readable_rows(session, spec, intake) or [_refused_rows(session, spec, intake)]
    return union([clean_rows(judged_once(each), spec) for each in rows])


def rejected_rows(session: SparkSession, spec: CleanSpec, intake: Intake) -> DataFrame:
    """Staged rows with a problem, of such a table."""
    readable = [judged_once(each) for each in _readable_rows(session, spec, intake)]
    rejected = [rows.where("_problem IS NOT NULL") for rows in readable]
    return union([*rejected, _refused_rows(session, spec, intake)])


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


def _facts(
    session: SparkSession, spec: CleanSpec, files: Sequence[DeliveredFile]
) -> dict[DeliveredFile, TextFacts | None]:
    if spec.format == "csv":
        return look_at(session, files, doubtful=delimited.DOUBTFUL)
    return look_at(session, files, doubtful=json_lines.doubtful(spec), names=json_lines.NAMES)


def _take_parquet(
    session: SparkSession,
    spec: CleanSpec,
    sizes: dict[str, int],
    distrusted: Collection[DeliveredFile],
) -> Intake:
    intake = Intake()
    readable = {}
    for file in spec.files:
        if file in distrusted:
            intake.refused.append((file, "expected Parquet, found pages that cannot be read"))
        elif sizes[file.uri] == 0:
            intake.refused.append((file, "expected Parquet, found an empty file"))
        else:
            try:
                layout = parquet.layout_of(session, file)
            except FileUnreadable as error:
                intake.refused.append((file, str(error)))
                continue
            intake.layouts[file] = Layout(layout)
            if is_ambiguous(intake.layouts[file]):
                intake.refused.append((file, parquet.names_refused(layout)))
            else:
                readable[file] = layout
    intake.expected = parquet.records(session, list(readable))
    _add_layouts(intake, readable, partial(_read_parquet, session, spec))
    return intake


def _take_csv(
    session: SparkSession,
    spec: CleanSpec,
    intake: Intake,
    plain: dict[DeliveredFile, TextFacts],
) -> None:
    headers = {}
    for file, fact in plain.items():
        if fact.lines == 0:
            continue
        header = delimited.header_of(fact.first)
        if not spelling(spec, header):
            header = delimited.engine_header(session, file)
        intake.layouts[file] = Layout(tuple((name, None) for name in header))
        if spelling(spec, header) and not is_ambiguous(intake.layouts[file]):
            intake.expected[file] = fact.lines - 1
            headers[file] = header
        else:
            intake.refused.append((file, header_refused(",".join(header))))
    _add_layouts(intake, headers, partial(_read_csv, session, spec))


def _take_json(
    session: SparkSession,
    spec: CleanSpec,
    intake: Intake,
    plain: dict[DeliveredFile, TextFacts],
) -> None:
    for file, fact in plain.items():
        intake.expected[file] = fact.lines
        if fact.names:
            columns = tuple((name, None) for name in sorted(fact.names))
            intake.layouts[file] = Layout(columns, ordered=False)
    for names, files in _by_names(spec, intake, list(plain)).items():
        intake.fast.append((tuple(files), partial(_read_json, session, spec, names)))


def _add_layouts(
    intake: Intake,
    layouts: dict[DeliveredFile, Columns],
    read: Callable[[Columns, Sequence[DeliveredFile]], Portion],
) -> None:
    """Files of one layout share one expression, whatever their number."""
    for layout in dict.fromkeys(layouts.values()):
        files = tuple(file for file, each in layouts.items() if each == layout)
        intake.fast.append((files, partial(read, layout)))


def _by_names(
    spec: CleanSpec, intake: Intake, files: Sequence[DeliveredFile]
) -> dict[tuple[str, ...], list[DeliveredFile]]:
    """The files by what the columns of the source are called in them."""
    found: dict[tuple[str, ...], list[DeliveredFile]] = {}
    for file in files:
        layout = intake.layouts.get(file)
        spelled = spelling(spec, layout.names) if layout else {}
        names = tuple(spelled.get(name, name) for name in spec.source_names)
        found.setdefault(names, []).append(file)
    return found


def _read_csv(
    session: SparkSession,
    spec: CleanSpec,
    header: delimited.Header,
    files: Sequence[DeliveredFile],
) -> Portion:
    return _respelled(delimited.portion(session, files, header), spec, header)


def _read_parquet(
    session: SparkSession, spec: CleanSpec, layout: parquet.Layout, files: Sequence[DeliveredFile]
) -> Portion:
    names = [name for name, _ in layout]
    return _respelled(parquet.portion(session, files, layout), spec, names)


def _read_json(
    session: SparkSession, spec: CleanSpec, names: Sequence[str], files: Sequence[DeliveredFile]
) -> Portion:
    return _respelled(json_lines.portion(session, files, names), spec, names)


def _respelled(portion: Portion, spec: CleanSpec, names: Sequence[str]) -> Portion:
    """The portion with its columns under the names that the source's contract has for them."""
    spelled = spelling(spec, names)
    again = {declared: portion.delivered[name] for declared, name in spelled.items()}
    return replace(portion, delivered=again)


def _readable_rows(session: SparkSession, spec: CleanSpec, intake: Intake) -> list[DataFrame]:
    """Staged rows of files that can be read, by layout."""
    portions = [read(files) for files, read in intake.fast]
    for names, files in _by_names(spec, intake, intake.slow).items():
        portion = record_by_record.portion(session, files, names, spec.format)
        portions.append(_respelled(portion, spec, names))
    return [staged(portion, spec) for portion in portions]


def _refused_rows(session: SparkSession, spec: CleanSpec, intake: Intake) -> DataFrame:
    """Staged rows that stand for the files that cannot be read; each has a problem."""
    return staged(_refused_files(session, intake.refused), spec)


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
