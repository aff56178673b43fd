"""One alert for each subject, told when it opens, stands and ends, whoever dies on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resources import alert_book
from resources.alert_book import AlertBook
from resources.alerts import Alert, AlertStore, Change, Signal
from resources.local.alerts import SqliteAlertStoreResource

NOON = datetime(2017, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def signal(number: int, at: datetime = NOON, subject: str = "accept") -> Signal:
    return Signal(
        signal_id=f"run-{number}",
        kind="failed_run",
        subject=subject,
        severity="error",
        owners=("team:shop",),
        at=at,
        summary="A run failed.",
        facts={"run": f"run-{number}"},
    )


class Post:
    """Takes what is sent; `broken` receivers refuse it."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Change, int]] = []
        self.broken: set[str] = set()
        self.refused: list[str] = []

    def send(self, receiver: str, alert: Alert, change: Change) -> None:
        if receiver in self.broken:
            raise ConnectionError("https://secret.example/hook")
        self.got.append((receiver, change, alert.count))


@pytest.fixture
def store(tmp_path: Path) -> AlertStore:
    return SqliteAlertStoreResource(path=str(tmp_path / "alerts.db")).open()


@pytest.fixture
def book(store: AlertStore) -> AlertBook:
    return AlertBook(store, DAY)


@pytest.fixture
def post() -> Post:
    return Post()


def deliver(book: AlertBook, post: Post, now: datetime = NOON) -> int:
    return book.deliver(post.send, now=now, failed=post.refused.append)


def test_many_signals_are_one_alert_that_is_told_once(book: AlertBook, post: Post) -> None:
    for number in range(5):
        book.note(signal(number, NOON + number * HOUR), ["log"])
    book.note(signal(3, NOON + 3 * HOUR), ["log"])
    assert deliver(book, post, NOON + 5 * HOUR) == 1
    assert deliver(book, post, NOON + 5 * HOUR) == 0
    [alert] = book.alerts()
    assert (alert.count, alert.facts["run"]) == (5, "run-4")
    assert post.got == [("log", "opened", 5)]


def test_what_stands_for_longer_than_the_window_is_told_again(book: AlertBook, post: Post) -> None:
    for number, hours in enumerate((0, 23, 25, 26, 50)):
        book.note(signal(number, NOON + hours * HOUR), ["log"])
        deliver(book, post, NOON + hours * HOUR)
    assert post.got == [("log", "opened", 1), ("log", "repeated", 3), ("log", "repeated", 5)]


def test_what_comes_back_soon_is_the_same_alert_and_later_another(
    book: AlertBook, post: Post
) -> None:
    first = book.note(signal(1), ["log"])
    book.resolve("failed_run", "accept", at=NOON + HOUR)
    book.resolve("failed_run", "accept", at=NOON + 2 * HOUR)
    again = book.note(signal(2, NOON + 3 * HOUR), ["log"])
    book.resolve("failed_run", "accept", at=NOON + 4 * HOUR)
    other = book.note(signal(3, NOON + 29 * HOUR), ["log"])
    assert (again.alert_id, again.count) == (first.alert_id, 2)
    assert other.alert_id != first.alert_id
    assert other.count == 1


def test_an_end_is_told_to_those_who_heard_of_the_beginning(book: AlertBook, post: Post) -> None:
    book.note(signal(1), ["log", "hook"])
    book.resolve("failed_run", "accept", at=NOON + HOUR)
    deliver(book, post, NOON + HOUR)
    assert post.got == [
        ("log", "opened", 1),
        ("hook", "opened", 1),
        ("log", "resolved", 1),
        ("hook", "resolved", 1),
    ]
    assert book.resolve("failed_run", "never seen", at=NOON) is None


def test_a_receiver_that_fails_is_tried_again_with_growing_pauses_and_given_up_in_the_end(
    book: AlertBook, post: Post
) -> None:
    post.broken = {"hook"}
    book.note(signal(1), ["hook", "log"])
    tried_at = []
    now = NOON
    while now < NOON + 3 * DAY:
        before = len(post.refused)
        deliver(book, post, now)
        if len(post.refused) > before:
            tried_at.append(now - NOON)
        now += timedelta(minutes=1)
    minutes = [round(at.total_seconds() / 60) for at in tried_at]
    assert minutes[:7] == [0, 1, 3, 7, 15, 31, 63]
    assert len(minutes) == alert_book.TRIES
    assert DAY < tried_at[-1] < 1.5 * DAY
    assert post.got == [("log", "opened", 1)]
    assert set(post.refused) == {"hook: ConnectionError"}
    assert [alert.notices for alert in book.alerts()] == [()]


def test_whoever_dies_while_sending_leaves_it_to_be_sent_again(book: AlertBook, post: Post) -> None:
    class Killed(BaseException): ...

    def die(receiver: str, alert: Alert, change: Change) -> None:
        raise Killed

    book.note(signal(1), ["log"])
    with pytest.raises(Killed):
        book.deliver(die, now=NOON, failed=post.refused.append)
    assert deliver(book, post, NOON + timedelta(seconds=59)) == 0
    assert deliver(book, post, NOON + timedelta(seconds=61)) == 1
    assert post.got == [("log", "opened", 1)]


def test_of_two_that_deliver_at_once_one_does(store: AlertStore, post: Post) -> None:
    first, second = AlertBook(store, DAY), AlertBook(store, DAY)
    first.note(signal(1), ["log"])

    def send_while_the_other_delivers(receiver: str, alert: Alert, change: Change) -> None:
        assert deliver(second, post) == 0
        post.send(receiver, alert, change)

    assert first.deliver(send_while_the_other_delivers, now=NOON, failed=post.refused.append) == 1
    assert post.got == [("log", "opened", 1)]


def test_a_change_that_somebody_else_outran_is_made_again(store: AlertStore) -> None:
    class Outrun:
        """A store in which another process always changes the alert first, once."""

        def __init__(self) -> None:
            self.other = AlertBook(store, DAY)
            self.outran = False

        def read(self, key: str) -> str | None:
            return store.read(key)

        def swap(self, key: str, document: str, *, expected: str | None) -> bool:
            if not self.outran:
                self.outran = True
                self.other.note(signal(100), ["log"])
            return store.swap(key, document, expected=expected)

        def all(self) -> dict[str, str]:
            return store.all()

    AlertBook(Outrun(), DAY).note(signal(1), ["log"])
    [alert] = AlertBook(store, DAY).alerts()
    assert (alert.count, set(alert.signals)) == (2, {"run-1", "run-100"})
