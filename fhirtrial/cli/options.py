"""What commands share: options by name, what they mean, and how a command ends. It holds no clinical logic."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhirtrial.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fhirtrial.client import Receipt
    from fhirtrial.criteria.truth import Verdict
    from fhirtrial.matching.result import Match
    from fhirtrial.patients.completeness import Loaded
    from fhirtrial.site import Site


class Detail(StrEnum):
    VERDICT = "verdict"
    CRITERIA = "criteria"
    EVIDENCE = "evidence"


class By(StrEnum):
    PATIENT = "patient"
    TRIAL = "trial"


class ResultsFor(StrEnum):
    ALL = "all"
    NOT_INELIGIBLE = "not-ineligible"
    CANDIDATES = "candidates"


class FhirVersion(StrEnum):
    R4 = "R4"
    R5 = "R5"


class Wanted(StrEnum):
    ELIGIBLE = "eligible"
    PRESUMED_ELIGIBLE = "presumed-eligible"
    UNDETERMINED = "undetermined"
    PRESUMED_INELIGIBLE = "presumed-ineligible"
    INELIGIBLE = "ineligible"


class RowFormat(StrEnum):
    PARQUET = "parquet"
    NDJSON = "ndjson"


class Engine(StrEnum):
    LOCAL = "local"
    SPARK = "spark"


class SchemaName(StrEnum):
    RECORD = "record"
    CRITERIA = "criteria"
    MATCH = "match"


SiteFile = Annotated[Path | None, typer.Option("--site", help="The site file (docs/site.md).")]
OnDate = Annotated[
    dt.datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], help="The index date (screening day); today if not given."),
]
Trials = Annotated[str, typer.Option("--trials", help="Normalized records, published Bundles, or a FHIR base URL.")]
Patients = Annotated[
    str, typer.Option("--patients", help="A Bundle, a folder of Bundles, NDJSON, .gz of these, or - for stdin.")
]
LoadedFamilies = Annotated[
    str | None, typer.Option("--loaded", help="What was read completely: all, or families separated by commas.")
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache", metavar="DIR", help="Keep the patients' facts there: what did not change is not read again."
    ),
]
Version = Annotated[FhirVersion, typer.Option("--fhir", help="The FHIR version of what is written.")]


def site_of(path: Path | None) -> Site:
    from fhirtrial.site import load_site

    return load_site(path)


def date_of(on: dt.datetime | None) -> dt.date:
    """The only place that knows today: below the command line the index date is an argument."""
    return on.date() if on else dt.datetime.now().astimezone().date()


def source_of(patients: str) -> Path | str:
    return patients if patients == "-" else Path(patients)


def loaded_of(text: str | None) -> Loaded | None:
    from fhirtrial.patients.completeness import loaded_families

    return None if text is None else loaded_families(text)


def verdicts_of(only: list[Wanted] | None) -> frozenset[Verdict] | None:
    from fhirtrial.criteria.truth import Verdict

    return frozenset(Verdict.of(one.value) for one in only) if only else None


def counted(matches: Iterable[Match], step: Callable[[], None]) -> Iterable[Match]:
    for one in matches:
        step()
        yield one


def unfinished(receipt: Receipt) -> list[Problem]:
    """What did not arrive, and where it is kept."""
    refused = [
        Problem(r.identity, "", f"refused with HTTP {r.status}: {'; '.join(r.reasons)}", f"see {receipt.dead_letters}")
        for r in receipt.rejected
    ]
    if not receipt.unsent:
        return refused
    todo = f"send them later: fhirtrial post {receipt.unsent_path} --server URL"
    return [*refused, Problem("server", "", f"{receipt.unsent} entries did not arrive", todo)]


def finish(problems: list[Problem], code: int = 0, most: int | None = None) -> None:
    from fhirtrial import console

    console.problems(problems, most)
    if code or problems:
        raise typer.Exit(code or 1)
