"""What a person sees at the desk: tables and lists for a terminal. Decides nothing, and is silent in a pipe."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fhirtrial.criteria.check import coverage
from fhirtrial.criteria.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from fhirtrial.client import Receipt
    from fhirtrial.criteria.check import Finding
    from fhirtrial.errors import Problem
    from fhirtrial.matching.attrition import Attrition
    from fhirtrial.matching.next_best import Next
    from fhirtrial.matching.result import Match
    from fhirtrial.records.record import TrialRecord

WIDE = 160
"""Columns of a pipe: nobody reads it in a window, so nothing needs to be broken."""

out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE)
err = Console(stderr=True)

STYLES = {
    "eligible": "bold green",
    "presumed-eligible": "green",
    "undetermined": "yellow",
    "presumed-ineligible": "dim red",
    "ineligible": "red",
}
SIGNS = {
    "eligible": "✔",
    "presumed-eligible": "(✔)",
    "undetermined": "?",
    "presumed-ineligible": "(✗)",
    "ineligible": "✗",
}
TRUTH_STYLES = {"yes": "green", "presumed-yes": "green", "unknown": "yellow", "presumed-no": "red", "no": "red"}

PATIENT_WIDTH, TRIAL_WIDTH = 26, 13  # five trials fit a window of 100 columns
BAR = 8  # columns of a bar that stands for everybody


def verdict_table(matches: Sequence[Match]) -> Table:
    """Patients down, trials across, one line each; `verdict_counts` says what the signs mean."""
    trials = list(dict.fromkeys(m.trial.id for m in matches))
    table = Table(
        title=f"{len(matches)} verdicts on {matches[0].on.isoformat()}" if matches else "no verdicts",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    rows = _by_patient(matches)
    table.add_column("patient", overflow="fold", min_width=min(PATIENT_WIDTH, max(map(len, rows), default=0)))
    for trial in trials:
        table.add_column(trial, overflow="fold", max_width=TRIAL_WIDTH)
    for patient, row in rows.items():
        table.add_row(patient, *(_cell(row[t]) if t in row else Text("") for t in trials))
    return table


def _by_patient(matches: Iterable[Match]) -> dict[str, dict[str, Match]]:
    rows: dict[str, dict[str, Match]] = {}
    for match in matches:
        rows.setdefault(match.patient.reference.removeprefix("Patient/"), {})[match.trial.id] = match
    return rows


def _cell(match: Match) -> Text:
    """The verdict's sign, then what stands above the criteria, else what decided it or is still open."""
    label = match.verdict.label
    cell = Text(f"{SIGNS[label]} ", style=STYLES[label])
    if match.set_aside:
        return cell.append(_some(match.set_aside), style="bold magenta")
    if label == "undetermined":
        return cell.append(f"{match.counts[Truth.UNKNOWN]} unknown")
    return cell if label == "eligible" else cell.append(_some(match.decided_by))


def _some(names: Sequence[str]) -> str:
    return names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "") if names else ""


def verdict_counts(counts: Counter[tuple[str, str]]) -> Table:
    """How many patients of each trial came to each verdict; those set aside are counted with their verdict."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("\n\ntrial", no_wrap=True)
    for label, sign in SIGNS.items():
        words = label.replace("-", "\n") if "-" in label else f"\n{label}"
        table.add_column(f"{sign}\n{words}", justify="right", style=STYLES[label])
    for trial in dict.fromkeys(t for t, _ in counts):
        table.add_row(trial, *(str(counts[trial, label]) for label in SIGNS))
    return table


def explanation(match: Match) -> Iterator[Table | Text]:
    """One pair in full: every criterion, its truth and reasons, the evidence, and what would settle it."""
    yield Text.assemble(
        (match.patient.reference, "bold"),
        " × ",
        (match.trial.id, "bold"),
        "" if match.trial.title == match.trial.id else f" {match.trial.title}",
        f"\non {match.on.isoformat()}: ",
        (match.verdict.label, STYLES[match.verdict.label]),
        f", decided by {', '.join(match.decided_by) or 'no criterion'}",
    )
    if match.set_aside:
        yield Text(f"Set aside: {', '.join(match.set_aside)}", style="bold magenta")
    if not match.trial.reviewed:
        yield Text("The criteria were not reviewed by a person; no candidate is written.", style="yellow")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for result in match.criteria:
        truth = Text(result.truth.label, style=TRUTH_STYLES[result.truth.label])
        table.add_row(Text(result.criterion.id, style="bold"), truth, Text(result.criterion.text))
        shown = [" ".join(part for part in (e.resource, e.value, e.date) if part) for e in result.evidence]
        for about, lines in (
            ("because", [", ".join(result.reasons)] if result.reasons else []),
            (
                "evidence",
                [f"{s}{f' [{e.compared}]' if e.compared else ''}" for s, e in zip(shown, result.evidence, strict=True)],
            ),
            ("would settle it", [need.text for need in result.needs]),
        ):
            if lines:
                table.add_row("", Text(about, style="dim"), Text("\n".join(lines)))
        table.add_row()
    yield table


def next_table(ranked: Mapping[str, Sequence[Next]], by: str, most: int) -> Table:
    """The first items of each patient or trial: what to get or to ask, and how many of the others it settles."""
    others = "trials" if by == "patient" else "patients"
    table = Table(
        title=f"what would settle most undetermined {others}" if ranked else f"no undetermined {others}",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column(f"\n{by}", overflow="fold")
    table.add_column("settles\nsurely", justify="right", style=STYLES["eligible"])
    table.add_column("settles\nperhaps", justify="right", style=STYLES["undetermined"])
    table.add_column("\nget or ask", overflow="fold")
    for about, items in ranked.items():
        for place, one in enumerate(items[:most]):
            name = about.removeprefix("Patient/") if place == 0 else ""
            asks = [words for words in one.asks if words != one.item]
            what = Text(one.item).append("".join(f"\n  {words}" for words in asks), style="dim")
            table.add_row(name, str(len(one.surely)), str(len(one.perhaps)), what)
    return table


def attrition_table(of: Attrition) -> Table:
    """The way of the patients through a trial's criteria; the last columns count everybody screened."""
    aside = ", ".join(f"{reason} {number:,}" for reason, number in of.set_aside.items())
    verdicts = " · ".join(f"{SIGNS.get(label, '')} {label} {number:,}" for label, number in of.verdicts.items())
    table = Table(
        title=Text.assemble((of.trial, "bold"), "" if of.title == of.trial else f" {of.title}", f", {of.on}"),
        title_justify="left",
        caption=Text(f"set aside: {aside}\n{verdicts}" if aside else verdicts),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        expand=True,
    )
    for name in ("\ncriterion", "\nkind"):
        table.add_column(name, no_wrap=True)
    for name in ("\ncame", "ruled\nout", "\nremain"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("of those\nwho came", no_wrap=True, style="blue")
    for name in ("unknown\nof all", "presumed\nof all"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("\ntext", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_row("screened", "", "", "", f"{of.screened:,}")
    gone = of.screened - of.judged
    share = _share(of.judged, of)
    table.add_row("set aside", "", f"{of.screened:,}", f"{gone:,}", f"{of.judged:,}", share)
    for step in of.steps:
        presumed = step.truths.get("presumed-yes", 0) + step.truths.get("presumed-no", 0)
        numbers = [f"{n:,}" for n in (step.came, step.came - step.remained, step.remained)]
        shares = [_share(step.remained, of), f"{step.truths.get('unknown', 0):,}", f"{presumed:,}"]
        words = Text(" ".join(step.text.split()))
        table.add_row(Text(step.criterion, style="bold"), step.kind, *numbers, *shares, words)
    return table


def _share(number: int, of: Attrition) -> str:
    """A bar and its percentage of those who came to the first criterion."""
    share = number / of.judged if of.judged else 0
    return f"{'█' * round(share * BAR):<{BAR}}{share:>5.0%}"


def record_table(records: Sequence[TrialRecord]) -> Table:
    """What was read: each trial's items by how much of them is computed, the reviewed ones, the source's defects."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_footer=len(records) > 1)
    covered = [coverage(r.criteria) for r in records]
    signed = [sum(c.review is not None for c in r.criteria if c.id.startswith(("inc-", "exc-"))) for r in records]
    table.add_column("\ntrial", "all", no_wrap=True)
    table.add_column("\ntitle", overflow="fold")
    for name, numbers in (
        ("\ncriteria", [c.items for c in covered]),
        ("\nexact", [c.exact for c in covered]),
        ("with\nresidue", [c.with_residue for c in covered]),
        ("attes-\ntation", [c.attestation for c in covered]),
        ("not com-\nputable", [c.not_computable for c in covered]),
        ("re-\nviewed", signed),
    ):
        table.add_column(name, str(sum(numbers)), justify="right", no_wrap=True)
    table.add_column("\ndefects of the source", overflow="fold")
    for record, of, reviewed in zip(records, covered, signed, strict=True):
        counts = (of.items, of.exact, of.with_residue, of.attestation, of.not_computable, reviewed)
        defects = [c.text for c in record.criteria if c.kind == "defect"]
        title = record.brief_title or record.official_title or ""
        table.add_row(record.id, Text(title), *map(str, counts), Text("\n".join(defects)))
    return table


def finding_table(findings: Sequence[Finding]) -> Table:
    table = Table()
    for name in ("level", "trial", "criterion", "what", "to do"):
        table.add_column(name, overflow="fold")
    for f in findings:
        where = f"{f.criterion}{f' {f.path}' if f.path else ''}"
        table.add_row(f.level, f.trial, where, Text(f.what), Text(f.todo))
    return table


def problems(found: Sequence[Problem], most: int | None = None) -> None:
    """Each thing that could not be used, one line each, on stderr; after `most` only how many more there are."""
    for problem in found[:most]:
        err.print(Text(f"problem: {problem}", style="yellow"), soft_wrap=True)
    if most is not None and len(found) > most:
        err.print(Text(f"problem: and {len(found) - most:,} more", style="yellow"), soft_wrap=True)


@contextmanager
def rate() -> Iterator[Callable[[str, int, int | None], None]]:
    """What goes on, how much of it is done, how quickly, and how long the rest takes; nothing in a pipe."""
    if not err.is_terminal:
        yield lambda _, __, ___: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Left

    tasks: dict[str, TaskID] = {}
    speed = TaskProgressColumn(text_format="", text_format_no_percentage="", show_speed=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), speed, TextColumn("left"), Left())
    with Progress(*columns, console=err, transient=True, speed_estimate_period=120) as bar:

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield show


def receipt_line(receipt: Receipt) -> Text:
    counts = ", ".join(f"{number} {word}" for word, number in receipt.counts.items() if number)
    return Text(f"server: {counts or 'nothing to send'}")


@contextmanager
def progress(what: str) -> Iterator[Callable[[], None]]:
    """A running count on a terminal, nothing in a pipe; call what it gives once per step."""
    if not err.is_terminal:
        yield lambda: None
        return
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda: bar.advance(task)
