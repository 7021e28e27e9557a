"""Where an attrition comes from (a run's folder or file, results in FHIR, or patients now), and where it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from fhirtrial.cohort.folder import ATTRITION
from fhirtrial.errors import ArtifactError, ConfigError, Problem
from fhirtrial.job.publish import registry
from fhirtrial.job.trials import BUNDLE, load_trials, resources_of
from fhirtrial.matching.attrition import Attrition
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Trial
from fhirtrial.matching.tally import Shape, Tally, attritions, tally
from fhirtrial.site import Site

TODO = f"give the folder of a run, its {ATTRITION}, or results that `fhirtrial run --out` wrote"
_LIST = TypeAdapter(list[Attrition])


def read_attrition(source: Path, site: Site, problems: list[Problem]) -> list[Attrition]:
    """Of a folder or file; a result among many that cannot be read goes to `problems`."""
    if not source.is_dir():
        found = list(_of_file(source, site, problems))
    elif (source / ATTRITION).exists():
        found = list(_of_file(source / ATTRITION, site, problems))
    else:
        results = source / "results" if (source / "results").is_dir() else source
        found = [a for file in sorted(results.glob(f"*{BUNDLE}")) for a in _of_file(file, site, problems)]
        if (source / "trials").is_dir():
            known = {trial.id: trial for trial in load_trials(source / "trials", site, [])}
            found = [_worded(one, known.get(one.trial)) for one in found]
    if not found and not problems:
        raise ConfigError(str(source), "it holds no attrition", TODO)
    return sorted(found, key=lambda one: (one.trial, one.on))


def count_attrition(run: Run, seen: Callable[[], None]) -> list[Attrition]:
    """Of patients now, in the order of the trials; `seen` hears of each pair.

    Memory does not grow with their number.
    """
    shape = Shape.of(run.trials)
    whole = Tally.nothing(shape)
    for facts in run.chunks:
        run.failures.extend(run.problems(facts))
        if facts.patients:
            whole.add(tally(shape, run.screen(facts, whole=True), run.asides(facts)))
        for _ in range(len(facts.patients) * len(run.trials)):
            seen()
    return attritions(run.trials, run.on, whole)


def chosen(found: Sequence[Attrition], trial: str) -> list[Attrition]:
    """Those of one trial."""
    of = [one for one in found if one.trial.lower() == trial.lower()]
    if not of:
        names = ", ".join(dict.fromkeys(one.trial for one in found))
        raise ConfigError(f"--trial {trial}", "no such trial", f"choose one of {names}")
    return of


def _of_file(file: Path, site: Site, problems: list[Problem]) -> Iterator[Attrition]:
    content = _json(file)
    if isinstance(content, list):
        try:
            yield from _LIST.validate_python(content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = "/".join(map(str, first["loc"]))
            raise ConfigError(f"{file}: {place}", f"it is no attrition ({first['msg']})", TODO) from error
        return
    kind = content.get("resourceType") if isinstance(content, dict) else None
    resources = resources_of(content) if kind == "Bundle" else [content] if kind == "MeasureReport" else []
    reports = [r for r in resources if r.get("resourceType") == "MeasureReport"]
    if not reports:
        raise ConfigError(str(file), "neither a list of attritions, a MeasureReport nor a Bundle with one", TODO)
    for report in reports:
        try:
            yield _of_report(report, site)
        except ArtifactError as error:
            problems.append(Problem(str(file), error.where, error.got, error.todo))


def _of_report(report: dict[str, Any], site: Site) -> Attrition:
    mapping = registry(site).of_resource("MeasureReport", "R4")
    if mapping is None or mapping.read is None:
        raise ArtifactError("MeasureReport", "no mapping reads it back", "install the standard mappings")
    found: Attrition = mapping.read(report)
    return found


def _json(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except OSError as error:
        raise ConfigError(str(file), f"cannot be read ({error.strerror})", TODO) from error
    except orjson.JSONDecodeError as error:
        raise ConfigError(str(file), f"not JSON (line {error.lineno}, column {error.colno})", TODO) from error


def _worded(one: Attrition, trial: Trial | None) -> Attrition:
    """With the title, kinds and texts of the trial as it was published beside the results."""
    if trial is None:
        return one
    known = {c.id: {"kind": c.kind, "text": c.text} for c in trial.criteria}
    steps = tuple(step.model_copy(update=known.get(step.criterion, {})) for step in one.steps)
    return one.model_copy(update={"title": trial.title, "steps": steps})
