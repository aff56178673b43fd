"""Every session is the same: one per process, UTC, strict about casts."""

from __future__ import annotations

import logging
import logging.config

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from spark.session import CLIENT_LOGGER, open_session


def test_a_second_call_finds_the_first_session(session: SparkSession) -> None:
    session.conf.set("product360.test", "kept")
    assert open_session().conf.get("product360.test") == "kept"


def test_local_times_are_those_of_utc(session: SparkSession) -> None:
    query = "SELECT CAST(TIMESTAMP'1970-01-02 00:00:00' AS BIGINT) AS seconds"
    assert int(session.sql(query).collect()[0].seconds) == 24 * 60 * 60


@pytest.mark.parametrize("expression", ["CAST('x' AS INT)", "1 / 0", "CAST(300 AS TINYINT)"])
def test_what_cannot_be_computed_is_an_error(session: SparkSession, expression: str) -> None:
    with pytest.raises(PySparkException):
        session.sql(f"SELECT {expression}").collect()


def test_settings_that_somebody_changed_are_put_back(session: SparkSession) -> None:
    session.conf.set("spark.sql.ansi.enabled", "false")
    assert open_session().conf.get("spark.sql.ansi.enabled") == "true"


def test_an_error_that_quotes_a_value_is_not_logged_when_logging_is_configured_anew(
    session: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        with pytest.raises(PySparkException):
            session.sql("SELECT CAST(name AS INT) FROM VALUES ('canary') AS t(name)").collect()
        said = caplog.text
        caplog.clear()
        return said

    assert "canary" not in fail()
    # Without the protection it is.
    logging.getLogger(CLIENT_LOGGER).setLevel(logging.NOTSET)
    assert "canary" in fail()
    open_session()
    assert "canary" not in fail()
