"""Watches quarantine: whether rejected rows wait for somebody longer than their table allows.

A rejected row is a question to a person. The check warns when the oldest one that was not released
has waited for the days that the contract declares, and fails when it has waited for too many. Days
are those of the data's own calendar: a history that is loaded late is not old on its first day.

The hazard is the alarm that always rings: a row whose correction was released waits for nobody.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from product360_assets.clean.quarantine import Held, held_rows
from product360_assets.core.calendar import today
from product360_assets.core.checks import NO_REJECTED_ROW_IS_FORGOTTEN, advisory_check
from product360_assets.core.contract import SourceContract, TableContract, known_contracts
from product360_assets.core.failures import explained_failures
from product360_assets.core.keys import clean_key
from resources.ledger import LedgerResource
from resources.objects import LakeResource

# Where one bar of ages ends and the next begins, in days.
_AGES = (1, 7, 30, 90)


def quarantine_checks(contract: SourceContract) -> dg.AssetChecksDefinition:
    """The watch over the quarantine of one system's tables, as checks of its clean assets."""
    tables = {clean_key(contract.name, table.name): table for table in contract.tables}

    @dg.multi_asset_check(
        name=f"quarantine_{contract.name}",
        specs=[_spec(key, table) for key, table in tables.items()],
        can_subset=True,
        description=f"How long rejected rows of {contract.name} have been waiting.",
    )
    def ageing(
        context: dg.AssetCheckExecutionContext, ledger: LedgerResource, lake: LakeResource
    ) -> Iterator[dg.AssetCheckResult]:
        with explained_failures():
            opened = ledger.open()
            now = today(opened, known_contracts().values())
            for key in sorted(context.selected_asset_check_keys):
                table = tables[key.asset_key]
                held = list(held_rows(opened, lake, contract.name, table.name))
                yield judged(key.asset_key, table, held, now=now)

    return ageing


def judged(
    asset: dg.AssetKey, table: TableContract, held: Sequence[Held], *, now: date | None
) -> dg.AssetCheckResult:
    """The check's result: who waits, since when, by rule and by age."""
    waiting = [each for each in held if each.waiting]
    oldest = min((each.landing_date for each in waiting), default=None)
    days = (now - oldest).days if now and oldest else 0
    limits = table.quarantine
    is_late = days >= limits.fail_after_days
    return dg.AssetCheckResult(
        check_name=NO_REJECTED_ROW_IS_FORGOTTEN,
        asset_key=asset,
        passed=days < limits.warn_after_days,
        severity=dg.AssetCheckSeverity.ERROR if is_late else dg.AssetCheckSeverity.WARN,
        metadata={
            **counted(held, now=now),
            "oldest waits since": oldest.isoformat() if oldest else "no row waits",
            "oldest waits for (days)": days,
            "warns after (days)": limits.warn_after_days,
            "fails after (days)": limits.fail_after_days,
        },
    )


def counted(held: Sequence[Held], *, now: date | None) -> dict[str, Any]:
    """Rows in quarantine: how many wait and were released; of those that wait, why and how long."""
    by_rule, by_age = Counter[str](), Counter[str]()
    for each in held:
        if each.waiting:
            by_rule[each.rule] += each.waiting
            by_age[_age((now - each.landing_date).days if now else 0)] += each.waiting
    return {
        "rows waiting": by_rule.total(),
        "rows released": sum(each.released for each in held),
        "waiting by rule": dict(by_rule),
        "waiting by age": dict(by_age),
    }


def _age(days: int) -> str:
    for limit in _AGES:
        if days < limit:
            return f"less than {limit} day{'' if limit == 1 else 's'}"
    return f"{_AGES[-1]} days and more"


def _spec(key: dg.AssetKey, table: TableContract) -> dg.AssetCheckSpec:
    return advisory_check(
        NO_REJECTED_ROW_IS_FORGOTTEN,
        key,
        f"No rejected row waits for {table.quarantine.warn_after_days} days of the data's own "
        f"calendar without being corrected and released; after {table.quarantine.fail_after_days} "
        "days the check fails.",
    )
