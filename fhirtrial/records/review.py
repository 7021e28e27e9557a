"""The reviewer's loop on files: records → sheets to edit, an edited sheet → its record with the reviews.

A sheet that is there already is never written over: a person's work may be in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from fhirtrial.criteria.text.proposals import Ask, Proposal, proposals
from fhirtrial.errors import ConfigError, Problem, ServerError
from fhirtrial.records.record import TrialRecord, record_to_bytes
from fhirtrial.records.sheet import review_sheet, reviewable
from fhirtrial.records.sheet_reading import Stamp, read_sheet
from fhirtrial.terminology import Terminology

SUFFIX = ".review.yaml"


def write_sheets(
    records: Iterable[TrialRecord], output: Path, terminology: Terminology, ask: Ask | None = None
) -> tuple[list[str], list[Problem]]:
    """What was written where, one line a record, and what could not be; `ask` suggests trees for what is left open."""
    said, problems = list[str](), list[Problem]()
    output.mkdir(parents=True, exist_ok=True)
    for record in records:
        path = output / f"{record.id}{SUFFIX}"
        proposed = dict[str, tuple[Proposal, ...]]()
        if ask is not None and not path.exists():
            try:
                proposed = {c.id: proposals(c, terminology, ask) for c in reviewable(record)}
            except ServerError as error:
                todo = f"the sheet is written without proposals; {error.todo}"
                problems.append(Problem(error.where, record.id, error.got, todo))
        try:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(review_sheet(record, terminology, proposed))
        except FileExistsError:
            todo = "read it back with --from, or remove it first"
            problems.append(Problem(path.name, "", "a sheet is there already", todo))
        else:
            own = reviewable(record)
            open_ = sum(c.review is None for c in own)
            count = sum(len(found) for found in proposed.values())
            told = f", {count} proposals" if ask is not None else ""
            said.append(f"{record.id}: {open_} of {len(own)} criteria to review{told} in {path}")
    return said, problems


def take_sheet(
    sheet: Path, records: Sequence[TrialRecord], output: Path, terminology: Terminology, stamp: Stamp
) -> tuple[list[str], list[Problem]]:
    """Writes the sheet's record with its reviews, unless the sheet has a mistake; every mistake is a problem."""
    try:
        content = sheet.read_bytes()
    except OSError as error:
        raise ConfigError(str(sheet), f"cannot be read ({error.strerror})", "name an edited review sheet") from error
    found = read_sheet(content, sheet.name, records, terminology, stamp)
    if found.record is None:
        return [], list(found.problems)
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{found.record.id}.json"
    path.write_bytes(record_to_bytes(found.record))
    own = reviewable(found.record)
    done = sum(c.review is not None for c in own)
    words = f"{found.record.id}: {len(found.stamped)} newly reviewed, {done} of {len(own)} in all, in {path}"
    return [words], []


def stamp_of(reviewer: str | None, date: str) -> Stamp:
    name = " ".join((reviewer or "").split())
    if not name:
        raise ConfigError("--reviewer", "nobody is named", 'say who reviewed: --reviewer "YOUR NAME"')
    return Stamp(name, date)
