"""Case tables of tests/cases/facts: a case gives resources, and says what the facts made of them hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from math import isinf, isnan
from pathlib import Path
from typing import Any

from yaml_tables import Loader, read_table

from fhirtrial.patients import facts_of
from fhirtrial.patients.facts import CEIL, FLOOR, CodeSet, Facts

CASES = Path(__file__).parent.parent / "cases" / "facts"
PERSON = {"resourceType": "Patient", "id": "p", "birthDate": "1980-03-15", "gender": "female"}
_SUBJECT = {
    "AllergyIntolerance": "patient",
    "Consent": "patient",
    "FamilyMemberHistory": "patient",
    "Immunization": "patient",
    "ResearchSubject": "individual",
}
_OWNED = {
    "Condition", "Observation", "DiagnosticReport", "ImagingStudy", "MedicationRequest", "MedicationStatement",
    "MedicationAdministration", "MedicationDispense", "Procedure", "Encounter", "QuestionnaireResponse", *_SUBJECT,
}  # fmt: skip
_DAYS = {"start_low", "start_high", "end_low", "end_high", "recorded"}
_CODES = {
    "code", "value", "interpretation", "severity", "stage", "category", "reason", "outcome", "route", "site",
}  # fmt: skip
_STRINGS = {"unit", "dose_unit", "resource", "version", "path"}
_EPOCH = date(1970, 1, 1).toordinal()


def table(name: str) -> Any:
    return read_table(CASES / name, _PlainDates)


class _PlainDates(Loader):
    """FHIR dates stay text."""


_PlainDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in Loader.yaml_implicit_resolvers.items()
}


def cases(*names: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in names:
        for case in table(name):
            yield f"{name.removesuffix('.yaml')}: {case['desc']}", case


def owned(resource: Mapping[str, Any], number: int = 0, subject: str = "Patient/p") -> dict[str, Any]:
    """The resource with an id and the subject that a case left out."""
    kind = resource["resourceType"]
    given = {"id": f"r{number}", **resource}
    if kind in _OWNED:
        given.setdefault(_SUBJECT.get(kind, "subject"), {"reference": subject})
    return given


def bundle(*resources: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A collection Bundle of the resources, with the standard patient unless one is given."""
    people = [] if any(r["resourceType"] == "Patient" for r in resources) else [PERSON]
    entries = [{"resource": r} for r in (*people, *(owned(r, i) for i, r in enumerate(resources)))]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries, **fields}


def facts_in_case(case: Mapping[str, Any]) -> Facts:
    given = case["given"]
    return facts_of(bundle(*(given if isinstance(given, list) else [given]), **case.get("bundle", {})))


def day(number: int) -> str:
    if number <= FLOOR or number >= CEIL:
        return "floor" if number <= FLOOR else "ceil"
    return date.fromordinal(number + _EPOCH).isoformat()


def cell(facts: Facts, name: str, row: int) -> Any:
    """What a row's column holds, in the words of the case tables."""
    number = getattr(facts.row(row), name)
    if name in _DAYS:
        return day(number)
    if name in _CODES:
        return words(facts.vocabulary.codes.values[number])
    if name in _STRINGS:
        return facts.vocabulary.strings.values[number]
    if name == "ranges":
        return [
            {k: v for k, v in one._asdict().items() if v not in (None, "")}
            for one in facts.vocabulary.ranges.values[number]
        ]
    if isinstance(number, float):
        return "nan" if isnan(number) else ("inf" if number > 0 else "-inf") if isinf(number) else round(number, 9)
    return getattr(number, "name", number)


def words(codes: CodeSet) -> str:
    """`code code "text"`."""
    said = [code for _, code in codes.codings] + ([f'"{codes.text}"'] if codes.text else [])
    return " ".join(said)


def shown(facts: Facts, names: list[str], row: int) -> dict[str, Any]:
    return {name: cell(facts, name, row) for name in names}
