"""A registry's codes become R4's or stay words, none is lost or guessed, and every field of a record has a home."""

from __future__ import annotations

import base64
import json
from datetime import date, timedelta
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from mappings.publishing import only, published
from mappings.trials import REGISTERED
from pydantic import BaseModel

from fhirtrial.plugins import Resource
from fhirtrial.records.codes import CODES
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings.artifacts import study_codes as codes
from fhirtrial_mappings.artifacts.primitives import period, string
from fhirtrial_mappings.artifacts.research_study import phase, purpose, read, status

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
# Fields that have no home, each with the reason why.
NOT_PUBLISHED = {
    "source": "tells of the document and its conversion, not of the trial",
    "notes": "tell of the conversion",
    "schema_version": "is the record's own",
    "eligibility_headings": "follow from the text",
    "eligibility_notes": "follow from the text",
    "criteria": "are published as PlanDefinition, Group and Library, and read back in their own test",
}


def study(**changes: Any) -> Resource:
    return only("ResearchStudy", REGISTERED.model_copy(update=changes))


@pytest.mark.parametrize(
    ("table", "owner", "field"),
    [
        (codes.STATUS_R4, "TrialRecord", "overall_status"),
        (codes.STATUS_R5, "TrialRecord", "overall_status"),
        (codes.PURPOSE, "Design", "primary_purpose"),
        (codes.ARM, "Arm", "type"),
        (codes.ORGANIZATION, "Agency", "agency_class"),
    ],
)
def test_tables_are_total(table: dict[str, str | None], owner: str, field: str) -> None:
    assert set(table) == CODES[owner, field]


def test_roles_are_total() -> None:
    assert CODES["Contact", "role"] | CODES["Official", "role"] | CODES["ResponsibleParty", "type"] == set(codes.ROLE)


@pytest.mark.parametrize("registry", sorted(CODES["TrialRecord", "overall_status"]))
def test_every_status_is_a_code_or_says_why_not(registry: str) -> None:
    found = status(registry)
    assert ("status" in found) is (codes.STATUS_R4[registry] is not None)
    assert found.keys() in ({"status"}, {"_status"})
    assert read(study(overall_status=registry))["status"] == registry


@pytest.mark.parametrize(
    ("registry", "reason"),
    [("UNKNOWN", "unknown"), ("WITHHELD", "masked"), (None, "unknown"), ("PAUSED_BY_MOON", "unsupported")],
)
def test_no_status_is_made_up(registry: str | None, reason: str) -> None:
    resource = study(overall_status=registry)
    assert "status" not in resource
    assert resource["_status"] == {"extension": [{"url": ABSENT, "valueCode": reason}]}
    assert read(resource)["status"] == (registry or "")


@pytest.mark.parametrize(
    ("phases", "code", "text"),
    [
        ((), None, None),
        (("PHASE2",), "phase-2", "PHASE2"),
        (("PHASE2", "PHASE1"), "phase-1-phase-2", "PHASE2/PHASE1"),
        (("PHASE3", "PHASE4"), None, "PHASE3/PHASE4"),
    ],
)
def test_two_phases_are_one_code(phases: tuple[str, ...], code: str | None, text: str | None) -> None:
    found = phase(phases)
    assert (found or {}).get("text") == text
    assert ((found or {}).get("coding") or [{}])[0].get("code") == code


def test_a_purpose_without_a_code_stays_words() -> None:
    assert purpose("ECT") == {"text": "ECT"}
    assert purpose(None) is None


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-03", "2026-12-31", {"start": "2024-03", "end": "2026-12-31"}),
        ("2024-03", "2024-03-20", {"start": "2024-03", "end": "2024-03"}),
        ("2024-03-21", "2024-03-20", None),
        (None, "2024", {"end": "2024"}),
        ("March 2024", None, None),
    ],
)
def test_a_period_is_in_order(start: str | None, end: str | None, expected: Resource | None) -> None:
    assert period(start, end) == expected


def test_text_that_fhir_forbids_is_cleaned() -> None:
    assert string(" a\u00a0b\x07 ") == "a b"
    assert string(" \u00a0") is None


class Sentinels:
    """Fills every field of a record with something that occurs nowhere else, and remembers where it put it."""

    def __init__(self) -> None:
        self.put: dict[str, str] = {}

    def fill(self, model: type[BaseModel], path: str = "") -> dict[str, Any]:
        return {
            name: self.value(field.annotation, f"{path}.{name}".strip("."))
            for name, field in model.model_fields.items()
            if f"{path}.{name}".strip(".").split(".")[0] not in NOT_PUBLISHED
        }

    def value(self, kind: Any, path: str) -> Any:
        origin = get_origin(kind)
        if origin in {Union, UnionType}:
            return self.value(next(a for a in get_args(kind) if a is not type(None)), path)
        if origin is tuple:
            return [self.value(get_args(kind)[0], path)]
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self.fill(kind, path)
        if kind is bool:
            return True
        return self.unique(kind, path)

    def unique(self, kind: Any, path: str) -> Any:
        number = len(self.put) + 1
        if kind in {int, float}:
            self.put[path] = str(70 + number / 1000 if kind is float else 700_000 + number)
            return kind(self.put[path])
        name = path.rsplit(".", maxsplit=1)[-1]
        is_date = name.endswith("date") or path.endswith(("date.date", "version_holder"))
        text = str(date(2001, 1, 1) + timedelta(days=number)) if is_date else f"sentinel{number}"
        if name in {"url", "link"}:
            text = f"https://s.example/{number}"
        self.put[path] = text
        return text


def test_every_field_of_a_record_has_a_home() -> None:
    """The strings and numbers of a record all turn up in what it is published as; the exceptions say why not."""
    sentinels = Sentinels()
    values = sentinels.fill(TrialRecord)
    kept = {"schema_version": "1", "id": "NCT01234567", "source": REGISTERED.source}
    known = {"code": "run_on", "criterion": None, "span": None}
    values["defects"] = [{**values["defects"][0], **known}]
    record = TrialRecord.model_validate({**values, **kept})
    # A responsible investigator is named, so the older fields for one are free text that only stands in for it.
    spoken = record.responsible_party.model_copy(update={"investigator_full_name": None})  # type: ignore[union-attr]
    resources = published(record) + published(record.model_copy(update={"responsible_party": spoken}))
    text = json.dumps(resources, ensure_ascii=False)
    text += "".join(
        base64.b64decode(a["document"]["data"]).decode()
        for r in resources
        for a in r.get("relatedArtifact", ())
        if "document" in a
    )
    lost = {path for path, sentinel in sentinels.put.items() if sentinel not in text}
    assert lost - GIVEN == UNCARRIED.keys()


# What the test itself gives in the place of a sentinel, because only certain words are allowed there.
GIVEN = {"id", "defects.code", "defects.criterion"}
# Leaves that no resource carries, each with the reason why.
UNCARRIED = {
    "defects.span.start": "places a defect in the text for the record's own reader",
    "defects.span.end": "places a defect in the text for the record's own reader",
    "hints.path": "places a hint in the document for the record's own reader",
    "arms.intervention_names": "become the arm's actions",
    "interventions.arm_group_labels": "become the arm's actions",
    "enrollment.type": "decides between the target and the actual number",
    **dict.fromkeys(
        (
            "start_date.type",
            "completion_date.type",
            "primary_completion_date.type",
            "study_first_post_date.type",
            "results_first_post_date.type",
            "disp_first_post_date.type",
            "last_update_post_date.type",
        ),
        "becomes the boolean `actual`",
    ),
}
