"""Whoever opens the graph for the first time is told what everything is, and whose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from product360_assets.core.keys import published_key
from product360_assets.definitions import defs
from spark.tables import TABLES, VIEWS

SENTENCE = re.compile(r"[.?!:](?:\s|$)")


@pytest.fixture(scope="module")
def graph() -> Any:
    return defs().get_repository_def().asset_graph


def listed(graph: Any, *zones: str) -> list[Any]:
    return [
        graph.get(key)
        for key in sorted(graph.get_all_asset_keys())
        if not zones or key.path[0] in zones
    ]


def test_every_asset_is_described_in_two_sentences_or_more(graph: Any) -> None:
    short = [
        node.key.to_user_string()
        for node in listed(graph)
        if len(SENTENCE.findall(node.description or "")) < 2
    ]
    assert short == []


def test_every_asset_has_an_owner_a_group_and_a_kind(graph: Any) -> None:
    for node in listed(graph):
        assert node.owners, node.key
        assert node.kinds, node.key
        assert node.group_name != "default", node.key


def test_every_asset_with_columns_describes_each_of_them(graph: Any) -> None:
    for node in listed(graph, "source", "landing", "raw", "clean", "curated", "forecast"):
        schema = node.metadata["dagster/column_schema"]
        schema = getattr(schema, "value", schema)
        assert schema.columns, node.key
        for column in schema.columns:
            assert (column.description or "").strip(), (node.key, column.name)


def test_every_check_says_what_is_claimed_and_why_or_how(graph: Any) -> None:
    short = [
        str(key)
        for key in graph.asset_check_keys
        if len((graph.get(key).description or "").split()) < 5
    ]
    assert short == []


def test_every_source_table_up_to_clean_links_its_contract(graph: Any) -> None:
    for node in listed(graph, "source", "landing", "raw", "clean"):
        value: Any = node.metadata["dagster/code_references"]
        contracts = [
            (Path(each.file_path).parts[-2:], each.label) for each in value.code_references
        ]
        system = node.key.path[1]
        assert ((system, "defs.yaml"), f"{system} contract") in contracts


def test_every_table_that_a_job_makes_links_its_job(graph: Any) -> None:
    for node in listed(graph, "curated"):
        value: Any = node.metadata["dagster/code_references"]
        assert value.code_references[0].file_path.endswith(".py")
        assert "/spark/jobs/" in value.code_references[0].file_path


def test_whoever_stops_asking_is_noticed_by_the_clock_and_never_by_the_dates_of_the_data(
    graph: Any,
) -> None:
    published = {published_key(name) for name in (*TABLES, *VIEWS)}
    for node in listed(graph):
        policy = node.freshness_policy
        if node.key.path[0] == "landing" or node.key in published:
            assert isinstance(policy, dg.FreshnessPolicy)
        else:
            assert policy is None
