"""Links from an asset to the files that decide about it, for whoever wants to change it.

The UI shows them as code references: the owner of a source finds the line of the contract, the
reader of a number the job that computes it. What is not there (an installed package without its
sources) is not linked.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from product360_assets.core.contract import SOURCES, SourceContract, TableContract

CODE_REFERENCES = "dagster/code_references"


def contract_reference(contract: SourceContract, table: TableContract) -> dict[str, Any]:
    """Metadata that links the table's line in its source's YAML."""
    path = SOURCES / contract.name / "defs.yaml"
    return code_references([(path, _line(path, table.name), f"{contract.name} contract")])


def code_references(places: Iterable[tuple[Path, int, str]]) -> dict[str, Any]:
    """Metadata that links files at a line, each by a label; empty where none of them exists."""
    found = [(path, line, label) for path, line, label in places if path.is_file()]
    if not found:
        return {}
    with warnings.catch_warnings():
        # Code references are beta in 1.13; one warning for each asset would hide all else.
        warnings.simplefilter("ignore", dg.BetaWarning)
        references: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = [
            dg.LocalFileCodeReference(file_path=str(path), line_number=line, label=label)
            for path, line, label in found
        ]
        return {CODE_REFERENCES: dg.CodeReferencesMetadataValue(code_references=references)}


@cache
def _line(path: Path, table: str) -> int:
    """The line on which a table's declaration begins, from 1; 1 where it is not found."""
    if not path.is_file():
        return 1
    declared = re.compile(rf"\s+- (?:&\w+\s+)?name: {table}\s*$")
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if declared.match(line)), 1)
