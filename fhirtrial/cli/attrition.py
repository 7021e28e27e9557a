"""The command on a screening's attrition: a table at the desk, or a picture; counts nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fhirtrial.cli.options import LoadedFamilies, OnDate, SiteFile, date_of, finish, loaded_of, site_of, source_of
from fhirtrial.errors import ConfigError, Problem


def attrition(
    source: Annotated[
        Path | None, typer.Argument(help="The folder of a run, its attrition.json, or a MeasureReport or its Bundle.")
    ] = None,
    trials: Annotated[str | None, typer.Option("--trials", help="Instead of SOURCE: trials, as `match` takes.")] = None,
    patients: Annotated[str | None, typer.Option("--patients", help="And patients, as `match` takes them.")] = None,
    on: OnDate = None,
    loaded: LoadedFamilies = None,
    trial: Annotated[str | None, typer.Option("--trial", help="The one trial to show.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="FILE.svg, FILE.png, FILE.json, or a folder.")
    ] = None,
    site: SiteFile = None,
) -> None:
    """How many patients each criterion leaves: a table, or a picture in the manner of CONSORT."""
    from fhirtrial import console
    from fhirtrial.job.attrition import chosen, count_attrition, read_attrition
    from fhirtrial.job.matching import match
    from fhirtrial.job.pictures import write_attrition
    from fhirtrial.job.trials import load_trials

    settings, problems = site_of(site), list[Problem]()
    if source is not None:
        if (trials, patients, on, loaded) != (None, None, None, None):
            todo = "give SOURCE alone, or --trials and --patients to count now"
            raise ConfigError(str(source), "was counted already, and something to count is named, too", todo)
        found = read_attrition(source, settings, problems)
    elif trials is None or patients is None:
        raise ConfigError("attrition", "nothing to show", "give SOURCE, or --trials and --patients")
    else:
        known = load_trials(trials, settings, problems)
        run = match(known, source_of(patients), date_of(on), loaded_of(loaded), settings)
        with console.progress("matching") as step:
            found = count_attrition(run, step)
        problems.extend(run.failures)
    if trial is not None:
        found = chosen(found, trial)
    if output is None:
        for one in found:
            console.out.print(console.attrition_table(one))
    else:
        for line in write_attrition(found, output):
            console.err.print(line, soft_wrap=True, markup=False)
    finish(problems)
