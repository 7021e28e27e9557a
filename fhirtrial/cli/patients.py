"""The commands on patients: match, explain, the main job, its delivery, and its demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fhirtrial.cli.options import (
    By,
    Cache,
    Detail,
    Engine,
    FhirVersion,
    LoadedFamilies,
    OnDate,
    Patients,
    ResultsFor,
    RowFormat,
    SiteFile,
    Trials,
    Version,
    Wanted,
    counted,
    date_of,
    finish,
    loaded_of,
    site_of,
    source_of,
    unfinished,
    verdicts_of,
)
from fhirtrial.cli.population import Target, finish_on_spark, finish_population, is_folder
from fhirtrial.errors import ConfigError, Problem


def match(
    trials: Trials,
    patients: Patients,
    on: OnDate = None,
    loaded: LoadedFamilies = None,
    detail: Annotated[Detail | None, typer.Option("--detail", help="How much each line says.")] = None,
    to: Annotated[
        str | None,
        typer.Option("-o", "--output", help="FILE.ndjson or FILE.parquet, or a folder for a whole population."),
    ] = None,
    site: SiteFile = None,
    next_change: Annotated[
        int, typer.Option("--next-change", min=0, metavar="DAYS", help="Say when each verdict next changes by time.")
    ] = 0,
    only: Annotated[
        list[Wanted] | None,
        typer.Option("--only", help="Only this verdict; may be repeated. In a folder: all but ineligible."),
    ] = None,
    cache: Cache = None,
    rows: Annotated[
        RowFormat | None, typer.Option("--format", help="The rows in a folder; parquet if nothing is said.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="For a folder; as many as cores if nothing is said.")
    ] = None,
    engine: Annotated[
        Engine, typer.Option("--engine", help="Where a population is matched (docs/spark.md).")
    ] = Engine.LOCAL,
    master: Annotated[
        str | None, typer.Option("--master", metavar="URL", help="Spark's; else what spark-submit says, or local[*,4].")
    ] = None,
) -> None:
    """Patients × trials → one verdict each, criterion by criterion, with evidence; a population into a folder."""
    from fhirtrial import console
    from fhirtrial.job.lines import write_matches
    from fhirtrial.job.matching import match as run_match
    from fhirtrial.job.trials import load_trials

    settings, problems = site_of(site), list[Problem]()
    wanted = verdicts_of(only)
    if engine is Engine.SPARK:
        others = {"--detail": detail, "--cache": cache, "--format": rows, "--processes": processes}
        found = load_trials(trials, settings, problems)
        finish_on_spark(
            found, patients, date_of(on), loaded_of(loaded), settings, next_change, to, wanted, master, others, problems
        )
        return
    output = None if to is None else Path(to)
    if master is not None:
        raise ConfigError("--master", "an option for Spark", "give --engine spark too")
    if output is not None and is_folder(output):
        if detail is not None:
            raise ConfigError("--detail", "an option for lines", "name a file with -o; a folder takes verdicts alone")
        where = Target(output, wanted, rows, cache, processes)
        found = load_trials(trials, settings, problems)
        finish_population(found, patients, date_of(on), loaded_of(loaded), settings, next_change, where, problems)
        return
    for name, value in (("--format", rows), ("--processes", processes)):
        if value is not None:
            raise ConfigError(name, "an option for a whole population", "name a folder with -o")
    found = load_trials(trials, settings, problems)
    run = run_match(found, source_of(patients), date_of(on), loaded_of(loaded), settings, next_change, cache)
    with console.progress("matching") as step:
        matches = (one for one in counted(run, step) if wanted is None or one.verdict in wanted)
        if output is None and console.out.is_terminal:
            console.out.print(console.verdict_table(list(matches)))
        else:
            said = write_matches(run, matches, output, detail.value if detail else None)
            if said:
                console.err.print(said)
    finish([*problems, *run.failures])


def explain(
    trials: Trials,
    patients: Patients,
    trial: Annotated[str, typer.Option("--trial", help="The trial's id.")],
    patient: Annotated[str, typer.Option("--patient", help="The patient's id.")],
    on: OnDate = None,
    loaded: LoadedFamilies = None,
    site: SiteFile = None,
    cache: Cache = None,
) -> None:
    """One patient, one trial: every criterion with its evidence and what would settle it."""
    from fhirtrial import console
    from fhirtrial.job.matching import match as run_match
    from fhirtrial.job.matching import match_of
    from fhirtrial.job.trials import load_trials

    settings = site_of(site)
    known = load_trials(trials, settings, [])
    chosen = [t for t in known if t.id.lower() == trial.lower()]
    if not chosen:
        raise ConfigError(f"--trial {trial}", "no such trial", f"choose one of {', '.join(t.id for t in known)}")
    run = run_match(chosen, source_of(patients), date_of(on), loaded_of(loaded), settings, cache=cache)
    one = match_of(run, f"Patient/{patient.removeprefix('Patient/')}", to_end=cache is not None)
    if one is None:
        raise ConfigError(f"--patient {patient}", "no such patient in the source", "give an id that is in it")
    for part in console.explanation(one):
        console.out.print(part)


def ask(
    trials: Trials,
    patients: Patients,
    by: Annotated[By, typer.Option("--by", help="Whose list: each patient's, or each trial's.")] = By.PATIENT,
    only: Annotated[str | None, typer.Option("--only", help="The one patient or trial to list.")] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Items listed for each.")] = 3,
    on: OnDate = None,
    loaded: LoadedFamilies = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="FILE.ndjson, with every item.")] = None,
    site: SiteFile = None,
    cache: Cache = None,
) -> None:
    """What to look for or ask next: the missing item that settles most undetermined trials, or patients."""
    from fhirtrial import console
    from fhirtrial.job.lines import write_next
    from fhirtrial.job.matching import match as run_match
    from fhirtrial.job.trials import load_trials
    from fhirtrial.matching.next_best import next_best

    settings, problems = site_of(site), list[Problem]()
    found = load_trials(trials, settings, problems)
    run = run_match(found, source_of(patients), date_of(on), loaded_of(loaded), settings, cache=cache)
    with console.progress("matching") as step:
        ranked = next_best(counted(run, step), by.value)
    if only is not None:
        ranked = {about: items for about, items in ranked.items() if only in (about, about.removeprefix("Patient/"))}
    if output is not None:
        write_next(ranked, by.value, output)
    else:
        console.out.print(console.next_table(ranked, by.value, most))
    finish([*problems, *run.failures])


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

    receipt = send(read_bundle_file(path), server_of(server, site_of(site)), journal=journal)
    console.out.print(console.receipt_line(receipt))
    finish(unfinished(receipt), 0 if receipt.complete else 3)


def run(
    trials: Trials,
    patients: Patients,
    server: Annotated[str | None, typer.Option("--server", help="The FHIR base URL; else the site file's.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="A folder that takes them instead.")] = None,
    on: OnDate = None,
    loaded: LoadedFamilies = None,
    with_patients: Annotated[bool, typer.Option("--with-patients", help="Write the Patient resources, too.")] = False,
    results: Annotated[
        ResultsFor | None, typer.Option("--results", help="The pairs that get results; else the site file's.")
    ] = None,
    journal: Annotated[Path, typer.Option("--journal", help="The journal file.")] = Path("fhirtrial.journal"),
    fhir: Version = FhirVersion.R4,
    site: SiteFile = None,
    cache: Cache = None,
) -> None:
    """The main job: publish the trials, match the patients, write the results."""
    from fhirtrial import console
    from fhirtrial.job.run import Job, to_folder, to_server
    from fhirtrial.job.servers import server_of

    settings = site_of(site)
    if server is not None and out is not None:
        raise ConfigError("run", "two targets", "give either --server URL or --out DIR")
    if results is not None:
        settings = settings.model_copy(update={"results": results.value})
    with console.progress("matching") as step:
        job = Job(
            trials,
            source_of(patients),
            date_of(on),
            settings,
            fhir.value,
            loaded_of(loaded),
            seen=lambda _: step(),
            cache=cache,
        )
        if out is None:
            outcome = to_server(job, server_of(server, settings), journal=journal, with_patients=with_patients)
        else:
            outcome = to_folder(job, out)
    if console.out.is_terminal and outcome.rows:
        console.out.print(console.verdict_table(outcome.rows))
    console.out.print(console.verdict_counts(outcome.verdicts))
    for path in outcome.written:
        console.err.print(f"wrote {path}", soft_wrap=True)
    if outcome.receipt is not None:
        console.out.print(console.receipt_line(outcome.receipt))
        outcome.problems.extend(unfinished(outcome.receipt))
    finish(outcome.problems, outcome.exit_code)


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
    console.out.print(console.verdict_table(outcome.rows))
    console.out.print(console.verdict_counts(outcome.verdicts))
    console.out.print(f"{len(outcome.written)} transaction Bundles, as they would be posted, are in {out}")
    console.problems(outcome.problems)  # some samples are flawed on purpose: the demo has not failed
