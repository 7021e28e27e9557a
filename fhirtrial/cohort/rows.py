"""What a screening says of each pair as columns: the verdict, and what stands above it, without objects per pair.

One patient's rows lie together, patients in the order of the facts, trials in that of the run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.truth import Verdict
from fhirtrial.matching.aside import Asides
from fhirtrial.matching.match import Run
from fhirtrial.matching.next_change import next_changes
from fhirtrial.matching.screen import Screen
from fhirtrial.patients import stored
from fhirtrial.patients.facts import Facts

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = "1"
"""Changes with the columns and with what they mean."""
Ints = NDArray[np.int64]


def schema() -> pa.Schema:
    """The columns, and in the metadata what they and the facts behind them mean."""
    pa = stored.arrow()
    words = pa.dictionary(pa.int32(), pa.string())
    columns = (
        ("patient", pa.string()),
        ("trial", words),
        ("on", pa.date32()),
        ("verdict", words),
        ("set_aside", pa.list_(pa.string())),
        ("next_change", pa.date32()),
        ("unchanged_until", pa.date32()),
    )
    return pa.schema(columns, metadata={"fhirtrial.rows": VERSION, "fhirtrial.facts": stored.schema()})


def rows(run: Run, facts: Facts, wanted: frozenset[Verdict], found: Screen | None = None) -> pa.RecordBatch:
    """The pairs of one chunk with a verdict that is wanted; `found` is its screen, where there is one already."""
    pa = stored.arrow()
    if facts.patients:
        table = (run.screen(facts) if found is None else found).table
        asides = run.asides(facts)
    else:
        table, asides = np.zeros((len(run.trials), 0), np.int8), Asides((), {})
    patient, trial = np.nonzero(np.array([verdict in wanted for verdict in Verdict])[table.T])
    verdict = table[trial, patient].astype(np.int32)
    labels = pa.array([verdict.label for verdict in Verdict])
    change, unchanged = _changes(run, facts, patient, trial)
    columns = [
        pa.array([one.reference for one in facts.patients], pa.string()).take(pa.array(patient)),
        pa.DictionaryArray.from_arrays(trial.astype(np.int32), pa.array([one.id for one in run.trials], pa.string())),
        pa.array(np.full(len(patient), run.on, "datetime64[D]")),
        pa.DictionaryArray.from_arrays(verdict, labels),
        _set_aside(asides, patient, trial, len(run.trials)),
        pa.array(change),
        pa.array(unchanged),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema())


def lines(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The same as objects: what a row does not have is left out, as in a line of `match`."""
    return [{name: _plain(value) for name, value in row.items() if value or name == "verdict"} for row in _rows(batch)]


def _rows(batch: pa.RecordBatch) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = batch.to_pylist()
    return found


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.date) else value


def _changes(run: Run, facts: Facts, patient: Ints, trial: Ints) -> tuple[NDArray[np.datetime64], ...]:
    """The day on which each row's verdict next changes, or the last day that was looked at."""
    never = np.full(len(patient), "NaT", "datetime64[D]")
    if not run.horizon or not facts.patients:
        return never, never
    days = np.array(next_changes(run, facts, run.horizon), "datetime64[D]")[patient, trial]
    end = np.datetime64(run.on + dt.timedelta(days=run.horizon), "D")
    return days, np.where(np.isnat(days), end, never)


def _set_aside(asides: Asides, patient: Ints, trial: Ints, trials: int) -> pa.Array:
    """Each distinct list once, then the rows by its number."""
    pa = stored.arrow()
    distinct: dict[tuple[str, ...], int] = {(): 0}
    of_patient = np.array([distinct.setdefault(reasons, len(distinct)) for reasons in asides.every], np.int64)
    number = of_patient[patient]
    keys = patient * trials + trial
    for (who, which), reasons in asides.pairs.items():
        place = int(np.searchsorted(keys, who * trials + which))
        if place < len(keys) and keys[place] == who * trials + which:
            number[place] = distinct.setdefault(reasons, len(distinct))
    return pa.array([list(reasons) for reasons in distinct], pa.list_(pa.string())).take(pa.array(number))
