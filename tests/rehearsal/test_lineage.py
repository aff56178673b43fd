"""Every source from landing to every table in Glue, in an `aws` environment on loopback.

What the demo company's systems delivered at home lies in the landing bucket; from there on all is
the deployment's own: events, sensor, ledger, jobs run by spark-submit, catalog, checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from deployment import Deployment, deployment_on_loopback
from lineage import Lineage
from places import Place, deliver

from product360_assets.automation.rebuild import DIFFERENT, compare
from product360_assets.core.contract import known_contracts
from resources.errors import ServiceUnavailable
from resources.unavailable import UnavailableService
from spark.tables import TABLES
from spark.tables.serving import PRODUCT_360_OUTLOOK

pytestmark = [pytest.mark.aws, pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(7_200)]
CURATED = [table.identifier for table in TABLES.values() if table.zone == "curated"]


@pytest.fixture(scope="module")
def home(sail: Lineage, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The home in which the whole demo ran."""
    instance = dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster")))
    return Place({"PRODUCT360_HOME": str(sail.home)}, instance)


@pytest.fixture(scope="module")
def deployment(
    home: Place, tmp_path_factory: pytest.TempPathFactory, aws_jars: list[Path] | str
) -> Iterator[Deployment]:
    """A deployment that was delivered the same, and has taken it in."""
    jars = aws_jars if isinstance(aws_jars, list) else []
    with deployment_on_loopback(tmp_path_factory.mktemp("aws") / "lineage", jars) as made:
        made.place.agree()
        deliver(home, made.place)
        runs = made.place.take_in()
        assert [failure for run in runs for failure in run.failures] == []
        assert {run.job for run in runs} == {f"accept_{name}" for name in known_contracts()}
        yield made


def test_every_table_is_made_clean_alike(home: Place, deployment: Deployment) -> None:
    there, here = deployment.place.digests(), home.digests()
    clean = {name for name in here if name.startswith("clean.")}
    found = compare(
        {name: here[name] for name in clean}, {name: there.get(name, "") for name in clean}
    )
    assert [each for each in found if each.row[-1] == DIFFERENT] == []
    assert {run.state for run in deployment.emr.runs} == {"SUCCESS"}


def test_every_table_is_published_alike(
    home: Place, deployment: Deployment, aws_jars: list[Path] | str
) -> None:
    if isinstance(aws_jars, str):
        pytest.skip(aws_jars)
    run = deployment.place.publish(CURATED)
    assert run.failures == ()
    found = compare(home.digests(), deployment.place.digests())
    assert [each for each in found if each.row[-1] == DIFFERENT] == []


def test_services_are_asked_by_appflow(deployment: Deployment) -> None:
    with deployment.place.entered() as resources:
        if isinstance(found := resources["saas"], UnavailableService):
            pytest.skip(f"{found.service} awaits {found.arrives_with}; its files were carried over")
    pytest.fail("there is an adapter now: let it pull what `deliver` carries over")


def test_databases_are_replicated_by_dms() -> None:
    pytest.skip("no server on loopback is AWS DMS; its files and executions were carried over")


def test_views_are_there(deployment: Deployment) -> None:
    with deployment.place.entered() as resources:
        try:
            resources["catalog"].publish_view(PRODUCT_360_OUTLOOK)
        except ServiceUnavailable as error:
            pytest.skip(str(error))
    pytest.fail("views have an adapter now: publish the serving zone, and compare")
