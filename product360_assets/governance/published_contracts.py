"""Holds the dictionary of published tables against the contracts that were last agreed on.

    make check        compares them
    make contracts    agrees on what is compatible

The agreed contracts are a file beside the documentation, so that a change of one is a line that a
reviewer reads. The hazard is agreeing by reflex: a breaking change is refused by both commands
until the table has a new version and the changelog says so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from product360_assets.core.published_contracts import (
    Contracts,
    changes,
    contracts_of,
    refuse_unannounced,
)
from resources.errors import ContractInvalid, Product360Error
from spark.tables import TABLES, VIEWS

REPOSITORY = Path(__file__).parents[2]
AGREED = REPOSITORY / "docs" / "published-contracts.json"
CHANGELOG = REPOSITORY / "CHANGELOG.md"
NEW, RELEASED = "## [Unreleased]", "\n## ["


def declared() -> Contracts:
    """The contracts as the dictionary says now."""
    return contracts_of((*TABLES.values(), *VIEWS.values()))


def agreed(file: Path = AGREED) -> Contracts:
    """The contracts as they were last agreed on."""
    contracts: Contracts = json.loads(file.read_text())
    return contracts


def unreleased(file: Path = CHANGELOG) -> str:
    """What the changelog says is new since the last release."""
    return file.read_text().partition(NEW)[2].partition(RELEASED)[0]


def compare(before: Contracts, after: Contracts, changelog: str) -> None:
    """Let the dictionary pass only as it was agreed on.

    Raises:
        ContractBreaking: something would break readers, and nobody told them.
        ContractInvalid: something differs and breaks nobody, but was not agreed on.
    """
    refuse_unannounced(before, after, changelog)
    if before != after:
        found = "; ".join(map(str, changes(before, after))) or "other versions"
        raise ContractInvalid(
            "contracts of published tables",
            found=found,
            expected=f"what {AGREED.name} says",
            next_move="read that as a reader of these tables would, then run: make contracts",
        )


def agree(file: Path = AGREED) -> None:
    """Write the contracts as the dictionary says now.

    Raises:
        ContractBreaking: something would break readers, and nobody told them.
    """
    if file.exists():
        refuse_unannounced(agreed(file), declared(), unreleased())
    file.write_text(json.dumps(declared(), indent=2) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, or write what is compatible; 1 when it was refused."""
    parser = argparse.ArgumentParser(description="Contracts of published tables.")
    parser.add_argument("--write", action="store_true", help="agree on what breaks nobody")
    parser.add_argument("--file", type=Path, default=AGREED, help="the agreed contracts")
    options = parser.parse_args(arguments)
    try:
        if options.write:
            agree(options.file)
        else:
            compare(agreed(options.file), declared(), unreleased())
    except Product360Error as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
