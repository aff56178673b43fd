"""Work for a streaming job: offers in a folder, and a runner that makes one offer at a time.

    runner = now("clicks", job_runner, lake)      # takes in what is offered, and ends
    runner.run(request, log=log)

An offer is a request as a document: the job, and what it is told (`spark/offers.py` reads it). So
whatever asks for a job can ask for a stream instead, and keeps its own account of what is done: the
folder holds work to do and remembers nothing.

The hazard is Spark's memory of names: it never looks again at an offer of a name that it has seen.
So the same work, tried again, is an offer of another name. And a run that slept past its lock finds
another's offer in its place: it is told which offer is its own, and leaves every other alone.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from pydantic import PrivateAttr

from resources.errors import JobFailed, ObjectExists
from resources.job_report import JobReportReader, results_of
from resources.jobs import JobReport, JobRequest, JobRunner
from resources.objects import LakeResource, ObjectStore

STREAMS = "streams"
# The job that does what others are offered.
STREAM_JOB = "stream"
# Whoever uses this place holds the locks of the tables that the job writes.
NOW = "now"
# What the places of streams that go on begin with.
LISTENING = "listening-"
# What a job that goes on is given for one offer; that of a whole year may take minutes.
WORK_SECONDS = 30 * 60.0
_FOLDER = "_folder"


@dataclass(frozen=True)
class Offers:
    """What one streaming job is offered, in a place of its own.

    Attributes:
        stream: what it is a stream of.
        place: names the folder. Jobs that may live at once have different ones, or each would do
            the other's work.
    """

    results: ObjectStore
    stream: str
    place: str

    @classmethod
    @contextmanager
    def anew(cls, results: ObjectStore, stream: str) -> Iterator[Offers]:
        """A place for one life of a stream that goes on, forgotten when that is over.

        A life that was given up and sleeps must not see another's work, so places of earlier ones
        are forgotten, too.
        """
        for info in list(results.list(f"{STREAMS}/{stream}/{LISTENING}")):
            results.delete(info.key)
        offers = cls(results, stream, f"{LISTENING}{secrets.token_hex(4)}")
        offers.clear()
        try:
            yield offers
        finally:
            offers.forget()

    @property
    def folder(self) -> str:
        """The prefix of everything that belongs to the stream."""
        return f"{STREAMS}/{self.stream}/{self.place}/"

    def spec(self, *, continuous: bool) -> dict[str, Any]:
        """What the job is told when it starts."""
        return {
            "offers": self.results.uri_of(f"{self.folder}offers/").removesuffix("/"),
            "checkpoint": self.results.uri_of(f"{self.folder}checkpoint/").removesuffix("/"),
            "continuous": continuous,
        }

    def put(self, document: Mapping[str, Any]) -> str:
        """Offer this document; returns the offer's key. The job answers below `answers`."""
        key = f"{self.folder}offers/{secrets.token_hex(8)}.json"
        told = {**document, "answer": self.answer_uri(key)}
        self.results.put(key, json.dumps(told, sort_keys=True).encode())
        return key

    def put_request(self, request: JobRequest) -> str:
        """Offer what is asked for; returns the offer's key."""
        return self.put({**request.spec, "job": request.job})

    def put_commit(self, request: JobRequest) -> str:
        """Offer it with what its commit says and where that lands, which the job then sees to."""
        branch = request.branch.name if request.branch is not None else None
        return self.put(
            {**request.spec, "job": request.job, "commit": dict(request.commit), "branch": branch}
        )

    def forget(self) -> None:
        """Remove the place and Spark's checkpoint in it: the job will not come back."""
        for info in list(self.results.list(self.folder)):
            self.results.delete(info.key)

    def put_end(self) -> str:
        """Offer the end: the job that reads it does no more; returns the offer's key."""
        return self.put({"end": True})

    def answers(self, key: str) -> str:
        """The prefix under which the job reports what it made of an offer."""
        return f"{self.folder}answers/{key.rpartition('/')[2].removesuffix('.json')}/"

    def answer_uri(self, key: str) -> str:
        """Where the job is told to answer an offer."""
        return self.results.uri_of(self.answers(key)).removesuffix("/")

    def withdraw(self, key: str) -> None:
        """Offer this no more. The job may still be at its answer, so that stays."""
        self.results.delete(key)

    def take_away(self, key: str) -> None:
        """Offer this no more, and forget what was answered by a job that is done with it."""
        for each in [key, *(info.key for info in list(self.results.list(self.answers(key))))]:
            self.results.delete(each)

    def clear(self) -> None:
        """Take away what a stream that died has left; its commits are found by other means."""
        with suppress(ObjectExists):
            # A job can only listen to a folder that is there; engines do not read such names.
            self.results.put(f"{self.folder}offers/{_FOLDER}", b"")
        for info in list(self.results.list(f"{self.folder}offers/")):
            if not info.key.endswith(_FOLDER):
                self.take_away(info.key)


class NowRunner(JobRunner):
    """Runs each request as a stream that takes in one offer and ends."""

    stream: str
    lake: LakeResource
    _runner: JobRunner = PrivateAttr()

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        """See `JobRunner.run`."""
        offers = Offers(self.lake.zone("results"), self.stream, NOW)
        offers.clear()
        key = offers.put_request(request)
        spec = {**offers.spec(continuous=False), "only": offers.answer_uri(key)}
        asked = replace(request, job=STREAM_JOB, spec=spec, streams=True)
        try:
            report = self._runner.run(asked, log=log)
            answer = JobReportReader(offers.results, offers.answers(key), log)
            answer.look()
            results = results_of(answer.events)
        finally:
            offers.take_away(key)
        if results is None:
            raise JobFailed(
                f"offer {request.name}",
                found="a stream that ended well and did not answer it",
                expected="an answer",
                next_move="run it again: another run had taken the stream's place meanwhile",
            )
        return replace(report, job=request.job, results=results)

    def code_version(self) -> str:
        """See `JobRunner.code_version`."""
        return self._runner.code_version()


def now(stream: str, runner: JobRunner, lake: LakeResource) -> NowRunner:
    """A runner of streams that end by themselves, on top of another."""
    made = NowRunner(stream=stream, lake=lake)
    made._runner = runner
    return made
