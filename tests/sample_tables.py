"""The tables of expected truths of the sample patients: read from YAML, and written as one page for clinicians.

`python tests/sample_tables.py` writes the page; nothing here runs the matcher, which the tables judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from yaml_tables import TextLoader, read_table

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.truth import Truth, Verdict, negate

ROOT = Path(__file__).parent.parent
TABLES = Path(__file__).parent / "cases" / "samples"
PATIENTS = ROOT / "sample_bundles" / "patients"
TRIALS = ROOT / "sample_bundles" / "trials"
PAGE = ROOT / "docs" / "sample-patients.md"

HEAD = """# Sample patients and their expected truths

Every patient of `sample_bundles/patients` is invented. The tables say what each criterion's truth must be on {on}; they
were written from the rules of the design and the patients' stories, and the tests hold the matcher to them. Where the
design leaves the name of a reason open, the matcher's is used. This page is generated from `tests/cases/samples` by
`python tests/sample_tables.py`; correct the tables, not the page.

| cell | truth |
|---|---|
| yes, no | the record says so, or denies it |
| yes?, no? | presumed: an order alone, an assumed anchor; nothing recorded where absence may speak |
| a word | unknown, for this reason |

A truth is that of the criterion as written: an exclusion that is `yes` excludes. A criterion without a column has the
same truth for everybody, named behind its words.
"""
CELLS = {Truth.YES: "yes", Truth.PRESUMED_YES: "yes?", Truth.PRESUMED_NO: "no?", Truth.NO: "no"}


@dataclass(frozen=True)
class Cell:
    """`reasons` only where the truth is unknown."""

    truth: Truth
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    patient: str
    story: str
    verdict: Verdict
    set_aside: tuple[str, ...]
    truths: Mapping[str, Cell]


@dataclass(frozen=True)
class Table:
    trial: str
    on: str
    reach: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Rule:
    rule: str
    patients: tuple[str, ...]


@cache
def tables() -> tuple[Table, ...]:
    """One per trial, sorted by trial."""
    return tuple(_table(_yaml(path)) for path in sorted(TABLES.glob("*.yaml")) if path.name != "rules.yaml")


def rules() -> tuple[Rule, ...]:
    return tuple(Rule(one["rule"], tuple(one["patients"])) for one in _yaml(TABLES / "rules.yaml"))


@cache
def criteria(trial: str) -> tuple[Criterion, ...]:
    record = orjson.loads((TRIALS / f"{trial}.json").read_bytes())
    return tuple(Criterion.model_validate(one) for one in record["criteria"])


def verdict(row: Row, of: Sequence[Criterion]) -> Verdict:
    """The least truth over inclusions and negated exclusions (docs/truth.md)."""
    held = [row.truths[c.id].truth for c in of]
    return Verdict(min(negate(t) if c.kind == "exclusion" else t for c, t in zip(of, held, strict=True)))


def page() -> str:
    """The whole page; the same tables give the same bytes."""
    found = tables()
    parts = [HEAD.format(on=found[0].on), *_patients(found[0]), *_rules()]
    for table in found:
        parts += _trial(table)
    return "\n".join(parts).rstrip() + "\n"


def _yaml(path: Path) -> Any:
    """Every scalar as its own text: `yes` and `no` are truths here, not booleans."""
    return read_table(path, TextLoader)


def _table(data: Mapping[str, Any]) -> Table:
    return Table(data["trial"], data["on"], data["reach"], tuple(_row(one) for one in data["patients"]))


def _row(data: Mapping[str, Any]) -> Row:
    aside = (data["set_aside"],) if "set_aside" in data else ()
    truths = {name: _cell(text) for name, text in data["truths"].items()}
    return Row(data["patient"], data["story"], Verdict.of(data["verdict"]), aside, truths)


def _cell(text: str) -> Cell:
    label, _, rest = text.partition(" (")
    return Cell(Truth.of(label), tuple(rest.removesuffix(")").split(", ")) if rest else ())


def _patients(table: Table) -> Iterator[str]:
    yield "## Patients\n\n| patient | story |\n|---|---|"
    yield from (f"| {row.patient} | {_escaped(row.story)} |" for row in table.rows)
    yield ""


def _rules() -> Iterator[str]:
    yield "## Which patient shows which rule\n\n| rule | patients |\n|---|---|"
    yield from (f"| {_escaped(one.rule)} | {', '.join(one.patients)} |" for one in rules())
    yield ""


def _trial(table: Table) -> Iterator[str]:
    of = criteria(table.trial)
    yield f"## {table.trial}\n\n{table.reach}\n"
    shown = [c.id for c in of if len({row.truths[c.id] for row in table.rows}) > 1]
    for c in of:
        same = "" if c.id in shown else f" (everybody: {_shown(table.rows[0].truths[c.id])})"
        yield f"* `{c.id}` ({c.kind}): {' '.join(c.text.split())}{same}"
    yield ""
    if not shown:
        yield f"Every patient: {table.rows[0].verdict.label}.\n"
        return
    yield "| patient | verdict | " + " | ".join(shown) + " |\n" + "|---" * (len(shown) + 2) + "|"
    for row in table.rows:
        said = row.verdict.label + "".join(f", {why}" for why in row.set_aside)
        yield f"| {row.patient} | {said} | " + " | ".join(_shown(row.truths[name]) for name in shown) + " |"
    yield ""


def _shown(cell: Cell) -> str:
    return CELLS.get(cell.truth) or ", ".join(cell.reasons)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
