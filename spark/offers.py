"""How a streaming job gets its work: documents in a folder, each of which is one commit to come.

The stream's source is that folder. An offer names the clean batches to take in and the commit's id;
whoever keeps the ledger puts it there, and takes it away when the job has answered. So what is in
the folder is still to do, and nothing rests on Spark's checkpoint: a lost one shows the job what is
on offer, and one that was rolled back names offers that are gone, which read as nothing.

The hazard is an offer that is shown twice before it is taken away: `commits_of` is how a job finds
that its commit is in the table already.
"""

from __future__ import annotations

import json
from threading import Event
from typing import TYPE_CHECKING, Any

from spark.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyspark.sql import DataFrame, SparkSession

    # Does what an offer says with the session given, and returns the results to report.
    Work = Callable[[SparkSession, Mapping[str, Any]], list[dict[str, Any]]]

LISTENING = "the stream is listening"
LOOK_EVERY = "500 milliseconds"


def follow(session: SparkSession, spec: Mapping[str, Any], work: Work, report: Report) -> None:
    """Do what is on offer, one offer after the other, and answer each once it is done.

    Args:
        session: of an engine that has Structured Streaming.
        spec: `offers`, the folder's URI; `checkpoint`, where Spark keeps its own; and `continuous`,
            whether to wait for more until an offer says `end`, or to stop when there is none. With
            `commit`, every offer of another commit is left to whom it was made.
        work: does one offer; its results are reported under the offer's `answer`.
        report: the job's own; is told all results, of a stream that goes on none.
    """
    done: list[dict[str, Any]] = []
    ended = Event()

    def each(offers: DataFrame, _number: int) -> None:
        for offer in (json.loads(row["value"]) for row in offers.collect()):
            if "end" in offer:
                ended.set()
                continue
            if offer["commit"] != spec.get("commit", offer["commit"]):
                continue
            results = work(offers.sparkSession, offer)
            Report(offers.sparkSession, offer["answer"]).results(results)
            if not spec["continuous"]:
                done.extend(results)

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
    report.results(done)


def commits_of(session: SparkSession, target: str, name: str) -> list[str]:
    """What the table's snapshots carry under a property, newest first; "" where one has none.

    Snapshots that were rolled back do not count, nor those that only moved rows to other files.
    """
    found = session.sql(
        f"SELECT s.summary[:name] AS id FROM {target}.snapshots s "
        f"JOIN {target}.history h ON h.snapshot_id = s.snapshot_id "
        "WHERE h.is_current_ancestor AND s.operation <> 'replace' "
        "ORDER BY h.made_current_at DESC",
        args={"name": name},
    )
    return [row["id"] or "" for row in found.collect()]
