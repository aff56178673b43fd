"""How a streaming job gets its work: documents in a folder, each of which is one job's to do.

The stream's source is that folder. An offer names a job and is what that job is told; whoever keeps
the ledger puts it there, and takes it away when it is answered. So what is in the folder is still
to do, and nothing rests on Spark's checkpoint: a lost one shows what is on offer, and one that was
rolled back names offers that are gone, which read as nothing.

What is committed for an offer carries its `commit` and lands on its `branch`, where it names them:
on a cluster, where nothing stands between the job and the catalog to see to that.

The hazard is another's offer, in the place where our own was: what it commits would pass for our
work. A stream that ends by itself is told which offer is its own, and leaves every other alone.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from threading import Event
from typing import TYPE_CHECKING, Any

from spark.cli import load_job
from spark.report import Report
from spark.stamping import commits_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession

LISTENING = "the stream is listening"
LOOK_EVERY = "500 milliseconds"


def follow(session: SparkSession, spec: Mapping[str, Any], report: Report) -> None:
    """Do what is on offer, one offer after the other; the job of each answers once it is done.

    Args:
        session: of an engine that has Structured Streaming.
        spec: `offers`, the folder's URI; `checkpoint`, where Spark keeps its own; and `continuous`,
            whether to wait for more until an offer says `end`, or to stop when there is none. With
            `only`, every offer that is to be answered elsewhere is left to whom it was made.
        report: the job's own; it is told no results, as each offer's job reports its own.
    """
    ended = Event()

    def each(offers: DataFrame, _number: int) -> None:
        for offer in (json.loads(row["value"]) for row in offers.collect()):
            if "end" in offer:
                ended.set()
            elif offer["answer"] == spec.get("only", offer["answer"]):
                _do(offers.sparkSession, offer)

    stream = (
        session.readStream.format("text")
        .option("wholetext", "true")
        .option("ignoreMissingFiles", "true")
        .option("maxFilesPerTrigger", 1)
        .load(spec["offers"])
        .writeStream.option("checkpointLocation", spec["checkpoint"])
        .foreachBatch(each)
    )
    if spec["continuous"]:
        query = stream.trigger(processingTime=LOOK_EVERY).start()
        report.progress(LISTENING)
        try:
            while not ended.is_set() and not query.awaitTermination(1):
                pass
        finally:
            query.stop()
    else:
        stream.trigger(availableNow=True).start().awaitTermination()
    report.results([])


def _do(session: SparkSession, offer: dict[str, Any]) -> None:
    """Have the offer's job do it, and answer."""
    answer = Report(session, offer["answer"])
    with answer.of_failures(), _committing(session, offer):
        load_job(offer["job"])(session, offer, answer)


def _committing(session: SparkSession, offer: Mapping[str, Any]) -> AbstractContextManager[None]:
    if "commit" not in offer:
        return nullcontext()
    return commits_of(session, offer["commit"], offer["branch"])
