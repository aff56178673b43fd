"""Opening a batch on DynamoDB through crashes, slowness and rivals, at every write there is."""

import random
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from resources import dynamodb_batches
from resources.aws import client
from resources.dynamodb import DynamoLedger
from resources.dynamodb_batches import OPENING_SECONDS, BatchOpener
from resources.dynamodb_items import ItemTable, Write, create_table
from resources.errors import ObjectClaimed, ServiceUnavailable
from resources.ledger import Batch, LandedObject, batch_id_of

pytestmark = pytest.mark.aws

DAY = date(2017, 1, 9)
LATER = OPENING_SECONDS + 1


class Killed(Exception):
    """The process died here."""


class MortalTable(ItemTable):
    """A table whose user dies at its n-th write, before or after it is done."""

    writes_left = 10**9
    after = False

    def write(self, *writes: Write) -> frozenset[int]:
        self.writes_left -= 1
        if self.writes_left >= 0:
            return super().write(*writes)
        if self.after:
            super().write(*writes)
        raise Killed


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_500_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def table_name(aws: str, monkeypatch: pytest.MonkeyPatch) -> str:
    # Batches of a few objects then take several transactions, as thousands would.
    monkeypatch.setattr(dynamodb_batches, "WRITES_AT_ONCE", 2)
    name = f"ledger-{secrets.token_hex(4)}"
    create_table(client("dynamodb"), name)
    return name


def ledger_on(name: str, clock: Clock, table: type[ItemTable] = ItemTable) -> DynamoLedger:
    items = table(client("dynamodb"), name)
    return DynamoLedger(items, BatchOpener(items, clock))


def batch(*keys: str) -> Batch:
    objects = tuple(LandedObject("landing", key, "v1", 1) for key in sorted(keys))
    return Batch(batch_id_of(DAY, objects), "pricing", "price_week", DAY, "file", "0", objects)


def claims(ledger: DynamoLedger) -> dict[str, str]:
    return {key: holder for (key, _), holder in ledger.claimed("landing", "").items()}


# Every write of an opening of five objects (begin, three claims, commit), before and after it.
DEATHS = [(write, after) for write in range(5) for after in (False, True)]


@pytest.mark.parametrize(("write", "after"), DEATHS)
def test_the_same_batch_opens_at_once_after_its_opener_died(
    table_name: str, write: int, after: bool
) -> None:
    clock = Clock()
    _die_opening(table_name, clock, batch("a", "b", "c", "d", "e"), write, after)
    survivor = ledger_on(table_name, clock)
    opened = survivor.open_batch(batch("a", "b", "c", "d", "e"))
    assert survivor.batches("pricing", "price_week") == [opened]
    assert claims(survivor) == dict.fromkeys("abcde", opened.batch_id)


@pytest.mark.parametrize(("write", "after"), DEATHS)
def test_another_batch_gets_the_objects_of_an_opener_that_died_some_time_ago(
    table_name: str, write: int, after: bool
) -> None:
    clock = Clock()
    dead, rival = batch("a", "b", "c", "d", "e"), batch("b", "e", "f")
    _die_opening(table_name, clock, dead, write, after)
    clock.now += LATER
    ledger = ledger_on(table_name, clock)
    if (write, after) == (4, True):
        # It died after its last write: its batch is open, and the rival comes too late.
        with pytest.raises(ObjectClaimed, match=dead.batch_id):
            ledger.open_batch(rival)
        return
    assert claims(ledger) == {}
    opened = ledger.open_batch(rival)
    assert ledger.batches("pricing", "price_week") == [opened]
    assert claims(ledger) == dict.fromkeys("bef", opened.batch_id)
    with pytest.raises(ObjectClaimed, match=opened.batch_id):
        ledger.open_batch(dead)
    assert ledger.open_batch(batch("a", "c", "d")).batch_id in claims(ledger).values()


def test_an_opener_at_work_keeps_its_claims_for_a_while(table_name: str) -> None:
    clock = Clock()
    _die_opening(table_name, clock, batch("a", "b", "c"), 2, True)
    clock.now += OPENING_SECONDS - 1
    with pytest.raises(ObjectClaimed):
        ledger_on(table_name, clock).open_batch(batch("a"))


def test_an_opener_that_was_only_slow_does_not_open_what_another_took(table_name: str) -> None:
    clock = Clock()
    slow_batch, rival = batch("a", "b", "c"), batch("a", "z")
    items = ItemTable(client("dynamodb"), table_name)
    slow = BatchOpener(items, clock)
    generation = slow._begin(slow_batch)
    assert generation is not None
    slow._claim(slow_batch, generation)
    clock.now += LATER
    ledger = ledger_on(table_name, clock)
    opened = ledger.open_batch(rival)
    assert not slow._commit(slow_batch, generation)
    with pytest.raises(ObjectClaimed, match=opened.batch_id):
        slow.open(slow_batch)
    assert ledger.batch(slow_batch.batch_id) is None
    assert claims(ledger) == dict.fromkeys("az", opened.batch_id)


@pytest.mark.parametrize("seed", range(3))
def test_rivals_that_overlap_never_share_an_object_and_never_all_lose(
    table_name: str, seed: int
) -> None:
    chance = random.Random(seed)
    clock = Clock()
    rivals = [batch(*chance.sample("abcdefgh", k=chance.randint(2, 5))) for _ in range(6)]

    def open_it(rival: Batch) -> bool:
        try:
            ledger_on(table_name, clock).open_batch(rival)
        except (ObjectClaimed, ServiceUnavailable):
            return False
        return True

    with ThreadPoolExecutor(len(rivals)) as pool:
        won = list(pool.map(open_it, rivals))
    ledger = ledger_on(table_name, clock)
    opened = ledger.batches("pricing", "price_week")
    assert {one.batch_id for one in opened} == {
        rival.batch_id for rival, success in zip(rivals, won, strict=True) if success
    }
    assert opened
    held = [(landed.key, one.batch_id) for one in opened for landed in one.objects]
    assert len({key for key, _ in held}) == len(held)
    assert claims(ledger) == dict(held)


def _die_opening(name: str, clock: Clock, wanted: Batch, write: int, after: bool) -> None:
    items = MortalTable(client("dynamodb"), name)
    items.writes_left, items.after = write, after
    with pytest.raises(Killed):
        BatchOpener(items, clock).open(wanted)
