"""A job that listens is handed one offer after the other, and closes its answers undisturbed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resources.catalog import LocalCatalogResource
from resources.errors import JobFailed
from resources.jobs import JobReport, JobRequest, JobRunner
from resources.local import streams
from resources.local.bridge import CatalogBridge
from resources.objects import LakeResource
from resources.streams import Offers

ID = "product360.commit-id"


class Answering(JobRunner):
    """A job that answers each offer as an engine writes: the answer, and then a mark beside it."""

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        log("listening")
        offers, done = Path(request.spec["offers"].removeprefix("file://")), set()
        while True:
            for file in sorted(offers.glob("*.json")):
                offer = json.loads(file.read_text())
                if "end" in offer:
                    return JobReport(request.job, (), 0.0, "")
                if file.name not in done:
                    done.add(file.name)
                    answer(Path(offer["answer"].removeprefix("file://")))
            time.sleep(0.01)

    def code_version(self) -> str:
        return "1"


def answer(folder: Path) -> None:
    """Write an answer and its mark, which the engine expects to find a moment later."""
    (folder / "000001-results").mkdir(parents=True)
    mark = folder / "000001-results/_SUCCESS"
    mark.touch()
    (folder / "000001-results/part-0.txt").write_text('{"event": "results", "results": []}\n')
    time.sleep(0.5)
    os.chmod(mark, 0o644)


@contextmanager
def listening(home: Path) -> Iterator[streams.ListeningRunner]:
    runner, lake = Answering(), LakeResource(uri=f"file://{home}/lake")
    request = JobRequest("clicks", "clicks", spec={}, streams=True)
    with streams.listening(runner, lake, request, log=print) as found:
        yield found


@pytest.fixture(autouse=True)
def _a_bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    bridge = CatalogBridge(LocalCatalogResource(home=str(tmp_path)).load())
    monkeypatch.setattr(streams, "stamping_bridge", lambda: bridge)
    monkeypatch.setattr(streams, "end_engine_under_its_job", lambda: None)
    yield
    bridge.close()


def hand_over(runner: streams.ListeningRunner, commit: str) -> JobReport:
    request = JobRequest("clicks", commit, spec={}, commit={ID: commit}, once=ID)
    return runner.run(request, log=print)


def test_an_answer_stays_until_the_job_is_done_with_it(tmp_path: Path) -> None:
    with listening(tmp_path) as runner:
        for commit in ("a", "b", "c"):
            assert hand_over(runner, commit).results == ()
        # The job has begun to answer the third, so it is done with the two before.
        left = list((tmp_path / "lake").rglob("part-0.txt"))
        assert len(left) == 1
    assert not list((tmp_path / "lake").rglob("part-0.txt"))


def test_an_answer_that_goes_at_once_ends_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Offers, "withdraw", Offers.take_away)
    with listening(tmp_path) as runner:
        hand_over(runner, "a")
        with pytest.raises(JobFailed, match="a job that goes on"):
            hand_over(runner, "b")
