"""The one session of a job, with the settings that make engines agree.

The runner decides which engine answers: a session it opened in this process, `SPARK_REMOTE`, or
the cluster that `spark-submit` came from. Jobs only ever call `open_session`. Without ANSI a bad
cast is a silent null, and without UTC the same instant is written differently on two machines.

The hazard is the client of Spark Connect. It logs what an engine says of an error, which quotes the
value that it failed over. Its logger is switched off, but whoever configures logging anew (Dagster,
at each run) switches it on again; hence the level.
"""

from __future__ import annotations

import logging

from pyspark.sql import SparkSession

APPLICATION = "product360"
CATALOG = "lake"
CLIENT_LOGGER = "pyspark.sql.connect.client.core"
FIXED_SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    # A union of 150 files would plan the whole query 150 times: 20 s instead of 10.
    "spark.sql.optimizer.excludedRules": (
        "org.apache.spark.sql.catalyst.optimizer.PushProjectionThroughUnion"
    ),
    # Dates before 1582 as they are, on Spark too.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # Spark's default is INT96, a time without a zone that only Spark writes.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.session.timeZone": "UTC",
}


def open_session() -> SparkSession:
    """Return the process's session, opening one where there is none yet."""
    logging.getLogger(CLIENT_LOGGER).setLevel(logging.CRITICAL + 1)
    session = SparkSession.builder.appName(APPLICATION).getOrCreate()
    for name, value in FIXED_SETTINGS.items():
        session.conf.set(name, value)
    return session
