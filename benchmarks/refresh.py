"""What is measured of the platform: ordinary runs of its jobs, in a process of their own.

    python -m benchmarks.refresh ingest    every source into landing; the company must be up
    python -m benchmarks.refresh dropped   only look for what owners dropped; needs no company
    python -m benchmarks.refresh work      accept what is pending, and publish

The words can be combined. It is `product360_assets.automation.refresh` with its parts apart: a
landing zone that was filled before can be accepted and published without the systems behind it.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from product360_assets.automation.jobs import INGEST, PUBLISH, accept_name
from product360_assets.automation.refresh import COMPOSITION, Refresh, RefreshRun, pending_work
from product360_assets.core.contract import load_contracts
from product360_assets.core.keys import landing_key

WORDS = ("ingest", "dropped", "work")


def main(words: Sequence[str]) -> None:
    """Do what the words say; exit status 1 where a run failed, 2 for an unknown word."""
    if not words or set(words) - set(WORDS):
        raise SystemExit(2)
    definitions: dg.Definitions = importlib.import_module(COMPOSITION).defs()
    with dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
        work = Refresh(instance, definitions.get_repository_def(), _say)
        if any(run.failures for run in _runs(work, words)):
            raise SystemExit(1)


def _runs(work: Refresh, words: Sequence[str]) -> Iterator[RefreshRun]:
    if "ingest" in words:
        yield work.run(INGEST)
    if "dropped" in words:
        _look_for_dropped(work)
    if "work" in words:
        pending: list[tuple[str, Mapping[str, str]]] = list(pending_work(work.instance, work.log))
        for system, tags in pending:
            yield work.run(accept_name(system), tags)
        yield work.run(PUBLISH)


def _look_for_dropped(work: Refresh) -> None:
    """Ingestion of the systems that deliver by themselves; the others are not asked."""
    selection = [
        landing_key(contract.name, table.name)
        for contract in load_contracts().values()
        if contract.kind in ("files", "stream")
        for table in contract.tables
    ]
    work.repository.get_job(INGEST).execute_in_process(
        instance=work.instance, asset_selection=selection
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
