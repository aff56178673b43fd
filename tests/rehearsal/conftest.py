"""What Spark needs to reach Glue and S3 by itself, fetched once."""

from __future__ import annotations

from pathlib import Path

import pytest
from maven import AWS_SDK, jars_from_maven


@pytest.fixture(scope="session")
def aws_jars(tmp_path_factory: pytest.TempPathFactory) -> list[Path] | str:
    """The jars of the AWS SDK for Java, or why they are not there."""
    try:
        return jars_from_maven(tmp_path_factory.mktemp("sdk"), AWS_SDK)
    except pytest.skip.Exception as skipped:
        return str(skipped)
