"""The whole graph as JSON that a person can review: what exists, from what, whose, and when.

Update the committed snapshot, after looking at what changed:

    .venv/bin/python tests/architecture/graph.py > tests/architecture/graph.json

With --loading it says instead how long loading took and which heavy packages it imported.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg

# What definitions must not load: each costs up to seconds, and only running needs it.
HEAVY = (
    "boto3",
    "duckdb",
    "httpx",
    "numpy",
    "obstore",
    "pandas",
    "psycopg",
    "pyarrow",
    "pyiceberg",
    "pyspark",
    "sqlalchemy",
    "statsforecast",
)


def described() -> dict[str, Any]:
    """The graph of the environment that the process is in."""
    from product360_assets.definitions import defs

    repository = defs().get_repository_def()
    graph = repository.asset_graph
    return {
        "assets": {
            key.to_user_string(): asset(graph.get(key))
            for key in sorted(graph.get_all_asset_keys())
        },
        "checks": checks(repository),
        "jobs": {
            job.name: sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
            for job in repository.get_all_jobs()
            if not job.name.startswith("__")
        },
        "schedules": {
            schedule.name: {
                "job": schedule.job_name,
                "cron": schedule.cron_schedule,
                "starts": schedule.default_status.value,
            }
            for schedule in repository.schedule_defs
        },
        "sensors": {
            sensor.name: {
                "every seconds": sensor.minimum_interval_seconds,
                "starts": sensor.default_status.value,
            }
            for sensor in repository.sensor_defs
        },
    }


def asset(node: Any) -> dict[str, Any]:
    """One asset; what does not apply is left out."""
    condition = node.automation_condition
    facts = {
        "from": sorted(key.to_user_string() for key in node.parent_keys),
        "group": node.group_name,
        "owners": list(node.owners),
        "kinds": sorted(node.kinds),
        "tags": {
            name: text
            for name, text in sorted(node.tags.items())
            if not name.startswith("dagster/kind/")
        },
        "partitions": getattr(node.partitions_def, "name", None),
        "pools": sorted(node.pools or ()),
        "follows": (condition.get_label() or condition.name) if condition else None,
        "made here": node.is_materializable,
    }
    return {name: fact for name, fact in facts.items() if fact not in (None, [], {})}


def checks(repository: dg.RepositoryDefinition) -> dict[str, dict[str, str]]:
    """The checks of each asset, and whether they block what comes after."""
    graph = repository.asset_graph
    by_asset: dict[str, dict[str, str]] = {}
    for key in sorted(graph.asset_check_keys, key=lambda key: (key.asset_key, key.name)):
        says = "blocks" if graph.get(key).blocking else "warns"
        by_asset.setdefault(key.asset_key.to_user_string(), {})[key.name] = says
    return by_asset


def loading() -> dict[str, Any]:
    """How long it takes to load the definitions, and which heavy packages that imports."""
    began = time.perf_counter()
    import dagster  # noqa: F401

    with_dagster = time.perf_counter()
    described()
    done = time.perf_counter()
    return {
        "dagster_seconds": round(with_dagster - began, 2),
        "our_seconds": round(done - with_dagster, 2),
        "heavy": [name for name in HEAVY if name in sys.modules],
    }


if __name__ == "__main__":
    answer = loading() if "--loading" in sys.argv else described()
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")
