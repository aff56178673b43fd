"""The whole lineage on AWS: what the demo company delivered, from S3 to every published table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest
from deployment import Deployment, deployment_on_loopback
from lineage import Lineage
from places import Place, carry_keys, deliver

from product360_assets.core.contract import load_contracts
from spark.tables import TABLES

# A job of Spark's, each with a Java of its own, for each table of clean and of curated.
pytestmark = [pytest.mark.aws, pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(7_200)]


@pytest.fixture(scope="module")
def home(sail: Lineage, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The home of a demo that has ended; nothing more is run there."""
    instance = dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster")))
    return Place({"PRODUCT360_HOME": str(sail.home)}, instance)


@pytest.fixture(scope="module")
def deployment(
    home: Place, tmp_path_factory: pytest.TempPathFactory, aws_jars: list[Path] | str
) -> Iterator[Deployment]:
    """A deployment that was delivered the same, and has taken it in."""
    if isinstance(aws_jars, str):
        pytest.skip(aws_jars)
    with deployment_on_loopback(tmp_path_factory.mktemp("aws") / "lineage", aws_jars) as made:
        made.place.agree()
        carry_keys(home, made.place)
        assert deliver(home, made.place) > 0
        while runs := made.place.take_in():
            assert [run.failures for run in runs if run.failures] == []
        yield made


@pytest.fixture(scope="module")
def published(deployment: Deployment) -> Deployment:
    """Everything that jobs and models make, with its checks."""
    run = deployment.place.publish(TABLES)
    assert run.failures == ()
    return deployment


def test_every_source_is_clean_as_at_home(home: Place, deployment: Deployment) -> None:
    names = {
        f"clean.{c.name}.{table.name}" for c in load_contracts().values() for table in c.tables
    }
    ours, theirs = home.digests(), deployment.place.digests()
    assert {name: theirs.get(name) for name in names} == {name: ours[name] for name in names}


def test_every_entry_of_files_is_the_one_at_home(home: Place, deployment: Deployment) -> None:
    assert deployment.place.describe().failures == ()
    assert deployment.place.entries() == home.entries()


def test_every_published_table_is_the_one_at_home(home: Place, published: Deployment) -> None:
    assert digests(published.place) == digests(home)
    assert {run.state for run in published.emr.runs} == {"SUCCESS"}


def test_what_was_published_is_not_published_again(published: Deployment) -> None:
    before = len(published.emr.runs)
    assert published.place.take_in() == []
    again = published.place.publish(TABLES)
    assert {table.outcome for table in again.finished} <= {"unchanged", None}
    assert len(published.emr.runs) == before


def digests(place: Place) -> Mapping[str, str]:
    """Of the rows of every published table."""
    with place.entered() as resources:
        catalog = resources["catalog"]
        return {name: catalog.digest(name) for name in TABLES}
