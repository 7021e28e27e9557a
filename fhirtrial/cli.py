"""The desk door: one command per verb of the design's sentence; holds no clinical logic.

Exit codes: 0 all done; 1 some inputs failed, the rest is done; 2 wrong usage or configuration; 3 the server refused or
could not be reached; 4 a bug.
"""

from __future__ import annotations

import datetime as dt
import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhirtrial.errors import ConfigError, FhirtrialError, InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fhirtrial.client import Receipt
    from fhirtrial.matching.result import Match
    from fhirtrial.patients.completeness import Loaded
    from fhirtrial.records.record import TrialRecord
    from fhirtrial.site import Site

app = typer.Typer(
    help="Patients matched to clinical trials, in FHIR: registry records become executable eligibility, patient "
    "Bundles become verdicts with evidence, and the results go to a FHIR server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Detail(StrEnum):
    VERDICT = "verdict"
    CRITERIA = "criteria"
    EVIDENCE = "evidence"


class FhirVersion(StrEnum):
    R4 = "R4"


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
Version = Annotated[FhirVersion, typer.Option("--fhir", help="The FHIR version of what is written.")]


def _version(asked: bool) -> None:
    if asked:
        from fhirtrial.version import VERSION

        typer.echo(f"fhirtrial {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_version)
    ] = False,
    log_format: Annotated[str, typer.Option("--log-format", help="text or json; logs go to stderr.")] = "text",
) -> None:
    from fhirtrial.logs import set_up

    set_up(log_format)


@app.command()
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
    _finish(problems)


@app.command()
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
    _finish(problems)


@app.command()
def review(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="A normalized record, or a folder of them.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the sheet, or the reviewed record.")],
    sheet: Annotated[Path | None, typer.Option("--from", help="The edited sheet, to be read back.")] = None,
    reviewer: Annotated[str | None, typer.Option("--reviewer", help="Who reviewed; needed with --from.")] = None,
    date: Annotated[
        dt.datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="The day of the review; else today.")
    ] = None,
) -> None:
    """Criteria as a YAML sheet to edit, text beside tree; --from reads it back and stamps what was reviewed."""
    from fhirtrial import console, terminology
    from fhirtrial.records.read import read_trials
    from fhirtrial.records.review import stamp_of, take_sheet, write_sheets

    known = read_trials(record)
    if sheet is None:
        said, problems = write_sheets(known.records, output, terminology.load())
    else:
        stamp = stamp_of(reviewer, _date(date).isoformat())
        said, problems = take_sheet(sheet, known.records, output, terminology.load(), stamp)
    for line in said:
        console.err.print(line, soft_wrap=True, markup=False)
    _finish([*known.failures, *problems])


@app.command("map")
def map_(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Normalized records, or folders.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the artifacts.")],
    fhir: Version = FhirVersion.R4,
    site: SiteFile = None,
) -> None:
    """Records → FHIR: DIR/<id>/<Type>-<id>.json and DIR/<id>.bundle.json, a transaction."""
    from fhirtrial import console
    from fhirtrial.job.publish import map_trial
    from fhirtrial.job.run import study_id, write_json
    from fhirtrial.records.read import read_trials

    settings = _site(site)
    problems: list[Problem] = []
    for path in records:
        result = read_trials(path)
        problems.extend(result.failures)
        for record in result.records:
            bundle = map_trial(record, fhir.value, settings)
            for entry in bundle["entry"]:
                resource = entry["resource"]
                write_json(output / study_id(bundle) / f"{resource['resourceType']}-{resource['id']}.json", resource)
            target = write_json(output / f"{study_id(bundle)}.bundle.json", bundle)
            console.err.print(f"{record.id}: {len(bundle['entry'])} resources in {target}", soft_wrap=True)
    _finish(problems)


@app.command()
def match(
    trials: Trials,
    patients: Patients,
    on: OnDate = None,
    loaded: LoadedFamilies = None,
    detail: Annotated[Detail | None, typer.Option("--detail", help="How much each line says.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="FILE.ndjson or FILE.parquet.")] = None,
    site: SiteFile = None,
) -> None:
    """Patients × trials → one verdict each, criterion by criterion, with evidence."""
    from fhirtrial import console
    from fhirtrial.job.lines import write_matches
    from fhirtrial.job.matching import match as run_match
    from fhirtrial.job.trials import load_trials

    settings, problems = _site(site), list[Problem]()
    found = load_trials(trials, settings, problems)
    run = run_match(found, _source(patients), _date(on), _loaded(loaded), settings)
    with console.progress("matching") as step:
        if output is None and console.out.is_terminal:
            matches = list(_counted(run, step))
            console.out.print(console.verdict_table(matches))
        else:
            said = write_matches(_counted(run, step), output, detail.value if detail else None)
            if said:
                console.err.print(said)
    _finish([*problems, *run.failures])


@app.command()
def explain(
    trials: Trials,
    patients: Patients,
    trial: Annotated[str, typer.Option("--trial", help="The trial's id.")],
    patient: Annotated[str, typer.Option("--patient", help="The patient's id.")],
    on: OnDate = None,
    loaded: LoadedFamilies = None,
    site: SiteFile = None,
) -> None:
    """One patient, one trial: every criterion with its evidence and what would settle it."""
    from fhirtrial import console
    from fhirtrial.job.matching import match as run_match
    from fhirtrial.job.trials import load_trials

    settings = _site(site)
    known = load_trials(trials, settings, [])
    chosen = [t for t in known if t.id.lower() == trial.lower()]
    if not chosen:
        raise ConfigError(f"--trial {trial}", "no such trial", f"choose one of {', '.join(t.id for t in known)}")
    run = run_match(chosen, _source(patients), _date(on), _loaded(loaded), settings)
    wanted = f"Patient/{patient.removeprefix('Patient/')}"
    one = next((m for m in run if m.patient.reference == wanted), None)
    if one is None:
        raise ConfigError(f"--patient {patient}", "no such patient in the source", "give an id that is in it")
    for part in console.explanation(one):
        console.out.print(part)


@app.command()
def post(
    path: Annotated[Path, typer.Argument(help="Transaction Bundles: a file, NDJSON, .gz, or a folder of them.")],
    server: Annotated[str | None, typer.Option("--server", help="The FHIR base URL; else the site file's.")] = None,
    journal: Annotated[Path, typer.Option("--journal", help="The journal file.")] = Path("fhirtrial.journal"),
    site: SiteFile = None,
) -> None:
    """Transaction Bundles → a FHIR server, once; what does not arrive is kept in a file that post takes again."""
    from fhirtrial import console
    from fhirtrial.client import post as send
    from fhirtrial.client import read_bundle_file
    from fhirtrial.job.servers import server_of

    receipt = send(read_bundle_file(path), server_of(server, _site(site)), journal=journal)
    console.out.print(console.receipt_line(receipt))
    _finish(_unfinished(receipt), 0 if receipt.complete else 3)


@app.command()
def run(
    trials: Trials,
    patients: Patients,
    server: Annotated[str | None, typer.Option("--server", help="The FHIR base URL; else the site file's.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="A folder that takes them instead.")] = None,
    on: OnDate = None,
    loaded: LoadedFamilies = None,
    with_patients: Annotated[bool, typer.Option("--with-patients", help="Write the Patient resources, too.")] = False,
    journal: Annotated[Path, typer.Option("--journal", help="The journal file.")] = Path("fhirtrial.journal"),
    fhir: Version = FhirVersion.R4,
    site: SiteFile = None,
) -> None:
    """The main job: publish the trials, match the patients, write the results."""
    from fhirtrial import console
    from fhirtrial.job.run import Job, to_folder, to_server
    from fhirtrial.job.servers import server_of

    settings = _site(site)
    if server is not None and out is not None:
        raise ConfigError("run", "two targets", "give either --server URL or --out DIR")
    with console.progress("matching") as step:
        job = Job(trials, _source(patients), _date(on), settings, fhir.value, _loaded(loaded), lambda _: step())
        if out is None:
            outcome = to_server(job, server_of(server, settings), journal=journal, with_patients=with_patients)
        else:
            outcome = to_folder(job, out)
    if console.out.is_terminal:
        console.out.print(console.verdict_table(outcome.matches))
    console.out.print(console.verdict_counts(outcome.matches))
    for path in outcome.written:
        console.err.print(f"wrote {path}", soft_wrap=True)
    if outcome.receipt is not None:
        console.out.print(console.receipt_line(outcome.receipt))
        outcome.problems.extend(_unfinished(outcome.receipt))
    _finish(outcome.problems, outcome.exit_code)


@app.command()
def schema(name: Annotated[SchemaName, typer.Argument(help="record, criteria or match.")]) -> None:
    """Prints a JSON Schema."""
    from fhirtrial.job.schemas import schema_of

    typer.echo(schema_of(name.value))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="The folder for what would be posted.")] = Path("fhirtrial-demo"),
) -> None:
    """The main job on the sample trials and patients; needs no server."""
    from fhirtrial import console
    from fhirtrial.job.run import Job, to_folder
    from fhirtrial.samples import DEMO_DATE, sample_bundles
    from fhirtrial.site import Site

    samples = sample_bundles()
    with console.progress("matching") as step:
        job = Job(str(samples / "trials"), samples / "patients", DEMO_DATE, Site(), seen=lambda _: step())
        outcome = to_folder(job, out)
    console.out.print(console.verdict_table(outcome.matches))
    console.out.print(console.verdict_counts(outcome.matches))
    console.out.print(f"{len(outcome.written)} transaction Bundles, as they would be posted, are in {out}")
    console.problems(outcome.problems)  # some samples are flawed on purpose: the demo has not failed


def _site(path: Path | None) -> Site:
    from fhirtrial.site import load_site

    return load_site(path)


def _date(on: dt.datetime | None) -> dt.date:
    """The only place that knows today: below the command line the index date is an argument."""
    return on.date() if on else dt.datetime.now().astimezone().date()


def _source(patients: str) -> Path | str:
    return patients if patients == "-" else Path(patients)


def _loaded(text: str | None) -> Loaded | None:
    from fhirtrial.patients.completeness import loaded_families

    return None if text is None else loaded_families(text)


def _counted(matches: Iterable[Match], step: Callable[[], None]) -> Iterable[Match]:
    for one in matches:
        step()
        yield one


def _unfinished(receipt: Receipt) -> list[Problem]:
    """What did not arrive, and where it is kept."""
    refused = [
        Problem(r.identity, "", f"refused with HTTP {r.status}: {'; '.join(r.reasons)}", f"see {receipt.dead_letters}")
        for r in receipt.rejected
    ]
    if not receipt.unsent:
        return refused
    todo = f"send them later: fhirtrial post {receipt.unsent_path} --server URL"
    return [*refused, Problem("server", "", f"{receipt.unsent} entries did not arrive", todo)]


def _finish(problems: list[Problem], code: int = 0) -> None:
    from fhirtrial import console

    console.problems(problems)
    if code or problems:
        raise typer.Exit(code or 1)


def main() -> None:
    """The entry point: every error of the tree becomes one line and its exit code."""
    try:
        app()
    except FhirtrialError as error:
        label = "input" if isinstance(error, InputError) else "error"
        typer.echo(f"{label}: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes its exit code
        # where it happened, never what the message says: it may hold a patient's data
        frames = traceback.extract_tb(error.__traceback__)
        typer.echo(f"bug: {type(error).__name__}, please report it with these places:", err=True)
        typer.echo("\n".join(f"  {Path(f.filename).name}:{f.lineno} {f.name}" for f in frames), err=True)
        sys.exit(4)


if __name__ == "__main__":
    main()
