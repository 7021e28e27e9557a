"""The public names are exactly these: a new one is a promise, a lost one breaks somebody's code."""

from __future__ import annotations

import inspect

import pytest

import fhirtrial
from fhirtrial import errors, plugins, types
from fhirtrial.errors import FhirtrialError

PUBLIC = {
    "Server",
    "Site",
    "explain",
    "load_site",
    "load_trials",
    "map_trial",
    "match",
    "match_population",
    "next_best",
    "post",
    "read_trials",
    "report",
}
NOUNS = {
    "Attrition",
    "Basis",
    "Criterion",
    "CriterionResult",
    "Evidence",
    "Facts",
    "Match",
    "Need",
    "Outcome",
    "Patient",
    "Population",
    "Problem",
    "Receipt",
    "Run",
    "Server",
    "Site",
    "Step",
    "Trial",
    "TrialRecord",
    "Truth",
    "Verdict",
}
ERRORS = {
    "ArtifactError",
    "ConfigError",
    "FhirtrialError",
    "InputError",
    "PatientError",
    "RecordError",
    "ServerError",
    "TreeError",
}
CONTRACT = {"Candidate", "Draft", "Mapping", "Publication", "Registry", "Screening", "Summary"}


def classes(module: object) -> set[str]:
    own = getattr(module, "__name__", "")
    return {name for name, value in vars(module).items() if inspect.isclass(value) and value.__module__ == own}


def test_the_package() -> None:
    assert set(fhirtrial.__all__) == PUBLIC
    assert sorted(fhirtrial.__all__) == fhirtrial.__all__


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_each_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert inspect.getdoc(getattr(fhirtrial, name))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fly'"):
        fhirtrial.fly  # noqa: B018


def test_the_nouns() -> None:
    assert set(types.__all__) == NOUNS
    assert all(inspect.isclass(getattr(types, name)) for name in types.__all__)


def test_the_errors_and_their_tree() -> None:
    raised = {name for name in classes(errors) if issubclass(getattr(errors, name), Exception)}
    assert raised == ERRORS
    assert all(issubclass(getattr(errors, name), FhirtrialError) for name in raised)
    assert all(name in (errors.__doc__ or "") for name in raised)


@pytest.mark.parametrize(
    ("name", "exit_code", "http_status"),
    [("InputError", 1, 422), ("ConfigError", 2, 400), ("ServerError", 3, 502), ("FhirtrialError", 4, 500)],
)
def test_each_branch_has_its_exit_code_and_status(name: str, exit_code: int, http_status: int) -> None:
    error = getattr(errors, name)
    assert (error.exit_code, error.http_status) == (exit_code, http_status)


def test_the_contract_of_mappings() -> None:
    assert classes(plugins) == CONTRACT
