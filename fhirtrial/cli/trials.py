"""The commands on trials: read, check, review, map, and the shapes of files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhirtrial.cli.options import FhirVersion, SchemaName, SiteFile, Version, date_of, finish, site_of
from fhirtrial.errors import Problem

if TYPE_CHECKING:
    from fhirtrial.records.record import TrialRecord


def read(
    documents: Annotated[list[Path], typer.Argument(metavar="DOC...", help="Registry documents, or folders of them.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the records.")],
    reviewed: Annotated[Path | None, typer.Option("--reviewed", help="Records whose reviewed trees to join.")] = None,
) -> None:
    """Registry documents → normalized records with executable criteria; a reviewed tree wins while its text stands."""
    from fhirtrial import console
    from fhirtrial.records.read import read_trials
    from fhirtrial.records.record import record_to_bytes

    problems: list[Problem] = []
    known: tuple[TrialRecord, ...] = ()
    if reviewed is not None:
        joined = read_trials(reviewed)
        problems.extend(joined.failures)
        known = joined.records
    results = [read_trials(document, reviewed=known) for document in documents]
    problems.extend(p for result in results for p in result.failures)
    records = [r for result in results for r in result.records]
    output.mkdir(parents=True, exist_ok=True)
    for record in records:
        (output / f"{record.id}.json").write_bytes(record_to_bytes(record))
    console.out.print(console.record_table(records))
    finish(problems)


def check(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Normalized records, or folders.")],
) -> None:
    """Lints records: contradictions, what is left to a person, empty concepts, defects, unreviewed trees."""
    from fhirtrial import console, terminology
    from fhirtrial.criteria.check import check as lint
    from fhirtrial.records.read import read_trials

    results = [read_trials(path) for path in records]
    findings = [f for result in results for r in result.records for f in lint(r, terminology.load())]
    console.out.print(console.finding_table(findings))
    problems = [p for result in results for p in result.failures]
    if any(f.level == "error" for f in findings):
        problems.append(Problem("check", "", "some records have errors", "see the table"))
    finish(problems)


def review(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="A normalized record, or a folder of them.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the sheet, or the reviewed record.")],
    sheet: Annotated[Path | None, typer.Option("--from", help="The edited sheet, to be read back.")] = None,
    reviewer: Annotated[str | None, typer.Option("--reviewer", help="Who reviewed; needed with --from.")] = None,
    date: Annotated[
        dt.datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="The day of the review; else today.")
    ] = None,
    proposer: Annotated[
        str | None,
        typer.Option("--proposer", help="A model's OpenAI-compatible address on this machine; off if not given."),
    ] = None,
    model: Annotated[str, typer.Option("--model", help="The model's name there.")] = "default",
) -> None:
    """Criteria as a YAML sheet to edit, text beside tree; --from reads it back and stamps what was reviewed."""
    from fhirtrial import console, terminology
    from fhirtrial.records.read import read_trials
    from fhirtrial.records.review import stamp_of, take_sheet, write_sheets

    known = read_trials(record)
    if sheet is None:
        ask = None
        if proposer is not None:
            from fhirtrial.client.proposer import LocalModel

            ask = LocalModel(proposer, model)
        said, problems = write_sheets(known.records, output, terminology.load(), ask)
    else:
        stamp = stamp_of(reviewer, date_of(date).isoformat())
        said, problems = take_sheet(sheet, known.records, output, terminology.load(), stamp)
    for line in said:
        console.err.print(line, soft_wrap=True, markup=False)
    finish([*known.failures, *problems])


def map_(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Normalized records, or folders.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the artifacts.")],
    fhir: Version = FhirVersion.R4,
    site: SiteFile = None,
    on: Annotated[
        dt.datetime | None,
        typer.Option("--on", formats=["%Y-%m-%d"], help="A screening day, for bulk-export prefilters (R4)."),
    ] = None,
) -> None:
    """Records → FHIR: DIR/<id>/<Type>-<id>.json and DIR/<id>.bundle.json, a transaction."""
    from fhirtrial import console
    from fhirtrial.job.folder import write_json
    from fhirtrial.job.publish import map_trial
    from fhirtrial.job.run import study_id
    from fhirtrial.records.read import read_trials

    settings = site_of(site)
    problems: list[Problem] = []
    for path in records:
        result = read_trials(path)
        problems.extend(result.failures)
        for record in result.records:
            bundle = map_trial(record, fhir.value, settings, on=None if on is None else on.date())
            for entry in bundle["entry"]:
                resource = entry["resource"]
                write_json(output / study_id(bundle) / f"{resource['resourceType']}-{resource['id']}.json", resource)
            target = write_json(output / f"{study_id(bundle)}.bundle.json", bundle)
            console.err.print(f"{record.id}: {len(bundle['entry'])} resources in {target}", soft_wrap=True)
    finish(problems)


def schema(name: Annotated[SchemaName, typer.Argument(help="record, criteria or match.")]) -> None:
    """Prints a JSON Schema."""
    from fhirtrial.job.schemas import schema_of

    typer.echo(schema_of(name.value))
