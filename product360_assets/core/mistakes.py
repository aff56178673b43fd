"""Every mistake in a source's file at once, each with its line.

`dg check yaml` finds what the model refuses; this finds that, and what it cannot see: a rule about
a column that nobody declared, a file of another component, one name for two systems. The hazard is
a check that knows better than the engine: of an expression that it cannot take apart, nothing is
said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_shared.yaml_utils import parse_yaml_with_source_position
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from yaml import YAMLError

from product360_assets.core.contract import SourceContract

COMPONENT = "product360_assets.components.SourceSystem"
# Rules may speak of what clean adds to a row.
_ADDED_PREFIX = "_"
Columns = Callable[[str], frozenset[str]]


@dataclass(frozen=True, order=True)
class Mistake:
    """One mistake: where it is, and what was found and expected."""

    file: str
    line: int
    place: str
    message: str


def mistakes(files: Iterable[Path], columns_of: Columns) -> list[Mistake]:
    """What is wrong with the files, by file and line.

    Args:
        files: each the file of one source.
        columns_of: names that a SQL expression reads; none where it cannot be taken apart.
    """
    found: list[Mistake] = []
    first: dict[str, Path] = {}
    for path in files:
        contract, wrong = _read(path)
        found += wrong
        if contract is None:
            continue
        found += _rules(path, contract, columns_of)
        other = first.setdefault(contract.name, path)
        if other != path:
            message = f"{contract.name!r} is the name of {other} already; each source has its own"
            found.append(Mistake(str(path), _line(path, ["attributes", "name"]), "name", message))
    return sorted(found)


def source_files(path: Path) -> list[Path]:
    """The files of sources at a path: itself, its `defs.yaml`, or those of its folders."""
    if path.is_file():
        return [path]
    own = path / "defs.yaml"
    return [own] if own.is_file() else sorted(path.glob("*/defs.yaml"))


def _read(path: Path) -> tuple[SourceContract | None, list[Mistake]]:
    """The contract, if the file holds one, and what the model refuses."""
    try:
        parsed = parse_yaml_with_source_position(path.read_text(encoding="utf-8"), str(path))
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        message = str(getattr(error, "problem", None) or error)
        return None, [Mistake(str(path), mark.line + 1 if mark else 1, "file", message)]
    document = parsed.value if isinstance(parsed.value, dict) else {}
    found = []
    if document.get("type") != COMPONENT:
        message = f"found {document.get('type')!r}, expected {COMPONENT}"
        found.append(Mistake(str(path), _line(path, ["type"]), "type", message))
    try:
        return SourceContract.model_validate(document.get("attributes")), found
    except ValidationError as error:
        return None, [
            *found,
            *(
                Mistake(
                    str(path),
                    _line(path, ["attributes", *each["loc"]]),
                    ".".join(map(str, each["loc"])) or "attributes",
                    each["msg"],
                )
                for each in _own(error)
            ),
        ]


def _own(error: ValidationError) -> list[ErrorDetails]:
    """The errors, without a list's complaint that it is short of the very items that are wrong."""
    found = error.errors()
    places = [each["loc"] for each in found]
    return [
        each
        for each in found
        if each["type"] != "too_short"
        or not any(
            len(p) > len(each["loc"]) and p[: len(each["loc"])] == each["loc"] for p in places
        )
    ]


def _rules(path: Path, contract: SourceContract, columns_of: Columns) -> Iterator[Mistake]:
    for position, table in enumerate(contract.tables):
        declared = {column.name for column in table.columns}
        for number, rule in enumerate(table.rules):
            read = {name for name in columns_of(rule.expression) if name[0] != _ADDED_PREFIX}
            if unknown := sorted(read - declared):
                place = ["attributes", "tables", position, "rules", number, "expression"]
                message = (
                    f"{unknown[0]!r} is no column of {table.name}; "
                    f"its columns are {', '.join(sorted(declared))}"
                )
                yield Mistake(str(path), _line(path, place), f"rule {rule.name}", message)


def _line(path: Path, place: list[Any]) -> int:
    """The line of a place in the file; of the nearest thing around it that is there."""
    parsed = parse_yaml_with_source_position(path.read_text(encoding="utf-8"), str(path))
    position, _ = parsed.source_position_tree.lookup_closest_and_path(place, None)
    return position.start.line
