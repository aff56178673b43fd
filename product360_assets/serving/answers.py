"""The answers to the questions: one asset each, kept as CSV under the hash of what it says.

An answer that did not change is not written again. The hazard is a question that stops answering
because a table changed its shape: then its asset fails here, and not in front of a reader.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

import csv
import hashlib
import io
import textwrap
from contextlib import suppress

import dagster as dg

from product360_assets.core.failures import explained_failures
from product360_assets.core.metadata import preview
from product360_assets.curated.presentation import FOLLOWS_UPSTREAM, asset_key
from product360_assets.serving.questions import QUESTIONS, Question
from resources.errors import ObjectExists
from resources.objects import LakeResource, ObjectStore
from resources.warehouse import Answer, WarehouseResource

GROUP = "serving"


def answer_asset(question: Question) -> dg.AssetsDefinition:
    """The asset that asks one question and keeps its answer."""
    spec = dg.AssetSpec(
        dg.AssetKey([GROUP, question.name]),
        deps=[asset_key(table) for table in question.reads],
        description=f"{question.text}\n\n```sql\n{_dedented(question.sql)}\n```",
        group_name=GROUP,
        owners=[f"team:{question.owner}"],
        kinds={"sql", "csv"},
        automation_condition=FOLLOWS_UPSTREAM,
        code_version=hashlib.sha256(question.sql.encode()).hexdigest()[:16],
    )

    @dg.multi_asset(name=f"answer_{question.name}", specs=[spec])
    def answer(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, lake: LakeResource
    ) -> dg.MaterializeResult[None]:
        with explained_failures():
            found = warehouse.query(question.sql)
            content = as_csv(found)
            digest = hashlib.sha256(content).hexdigest()[:16]
            uri = keep(lake.zone("results"), f"answers/{question.name}/{digest}.csv", content)
        return dg.MaterializeResult(
            asset_key=spec.key,
            metadata={
                "dagster/row_count": len(found.rows),
                "dagster/uri": uri,
                "answer": preview(found.records(), columns=found.columns),
            },
            data_version=dg.DataVersion(digest),
        )

    return answer


def as_csv(answer: Answer) -> bytes:
    """The answer as CSV with a header; null is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows(answer.rows)
    return text.getvalue().encode()


def keep(results: ObjectStore, key: str, content: bytes) -> str:
    """Write the content once; the key holds its hash. Returns its URI."""
    with suppress(ObjectExists):  # the same answer as before
        results.put(key, content)
    return results.uri_of(key)


def _dedented(sql: str) -> str:
    return textwrap.dedent(sql).strip()


answers = [answer_asset(question) for question in QUESTIONS]
