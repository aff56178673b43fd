"""What a job is told of the clean batches that it reads, input by input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from product360_assets.curated.pending import Input, InputBatch


def job_inputs(inputs: Iterable[Input], batches: Sequence[InputBatch]) -> dict[str, Any]:
    """The batches that the job reads, by input.

    Where something that is looked things up in has changed, any row may change with it: then every
    input is read whole.
    """
    read_all = any(batch.is_pending and batch.input.whole for batch in batches)
    new_days = {(each.input, each.batch.landing_date) for each in batches if each.is_pending}

    def is_read(each: InputBatch) -> bool:
        same_day = each.input.whole_days and (each.input, each.batch.landing_date) in new_days
        in_full = read_all or each.input.whole or each.input.looked_up
        return in_full or each.is_pending or same_day

    return {
        each.name: {
            "epoch": _newest_load(batch for batch in batches if batch.input == each),
            "batches": [
                batch.document() for batch in batches if batch.input == each and is_read(batch)
            ],
        }
        for each in inputs
    }


def _newest_load(batches: Iterable[InputBatch]) -> str:
    """The epoch that the newest full load opened; "" for sources that are never loaded anew."""
    return max((each.batch.epoch for each in batches if each.batch.kind == "load"), default="")
