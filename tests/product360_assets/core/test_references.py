"""An asset links the line that decides about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from product360_assets.core.contract import SourceContract, TableContract, load_contracts
from product360_assets.core.references import CODE_REFERENCES, code_references, contract_reference

TABLES = [(contract, table) for contract in load_contracts().values() for table in contract.tables]


@pytest.mark.parametrize(("contract", "table"), TABLES, ids=lambda part: part.name)
def test_a_source_table_links_its_declaration(
    contract: SourceContract, table: TableContract
) -> None:
    value: Any = contract_reference(contract, table)[CODE_REFERENCES]
    [reference] = value.code_references
    line = Path(reference.file_path).read_text().splitlines()[reference.line_number - 1]
    assert line.endswith(f"name: {table.name}")


def test_what_is_not_there_is_not_linked(tmp_path: Path) -> None:
    assert code_references([(tmp_path / "gone.py", 1, "gone")]) == {}
