"""Everything published has the shape of R4, keeps its ids' rules and refers only to what is published with it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from corpus import PAGES, STUDIES, needs_corpus, read
from fhir_shapes import faults
from mappings.publishing import SHIPPED, SHIPPED_R5, TO_R5, inside, published
from mappings.trials import RECORDS, TO
from shipped import samples

from fhirtrial.plugins import Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import MAPPINGS
from fhirtrial_mappings.artifacts import ARTIFACTS

SETS: list[tuple[TrialRecord, Publication]] = [
    *((record, to) for record in RECORDS.values() for to in (TO, TO_R5)),
    *((record, to) for record in samples() for to in (SHIPPED, SHIPPED_R5)),
]
Published = tuple[Publication, list[Resource]]
NAME = re.compile(r"[A-Z]([A-Za-z0-9_]){1,254}")
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@pytest.fixture(scope="module", params=SETS, ids=[f"{record.id}-{to.fhir}" for record, to in SETS])
def made(request: pytest.FixtureRequest) -> Published:
    record, to = request.param
    return to, published(record, to)


def test_shapes(made: Published) -> None:
    to, found = made
    assert faults(found, to.fhir) == {}


def test_names_and_ids(made: Published) -> None:
    to, found = made
    assert len({(r["resourceType"], r["id"]) for r in found}) == len(found)
    for resource in found:
        assert ID.fullmatch(resource["id"])
        assert resource["text"]["status"] == "generated"
        if "url" in resource and resource["resourceType"] != "ResearchStudy":  # whose url is the registry's page
            assert resource["url"] == f"{to.base}/{resource['resourceType']}/{resource['id']}"
            assert NAME.fullmatch(resource["name"])


def test_nothing_published_points_into_the_void(made: Published) -> None:
    to, found = made
    there = {f"{r['resourceType']}/{r['id']}" for r in found}
    for resource in found:
        local = {f"#{c['id']}" for c in resource.get("contained", ())}
        for node in inside(resource):
            if isinstance(node, dict) and isinstance(node.get("reference"), str):
                target = node["reference"].removeprefix(f"{to.base}/")
                assert target in there | local, target
            elif isinstance(node, str) and node.startswith(f"{to.base}/") and "/StructureDefinition/" not in node:
                target = node.removeprefix(f"{to.base}/").split("|")[0]
                assert target in there or target.startswith("NamingSystem/"), target


def test_contained_resources_are_used(made: Published) -> None:
    for resource in made[1]:
        used = {n["reference"] for n in inside(resource) if isinstance(n, dict) and "reference" in n}
        assert {f"#{c['id']}" for c in resource.get("contained", ())} <= used


def test_fhir_has_no_empty_elements(made: Published) -> None:
    for resource in made[1]:
        assert not [node for node in inside(resource) if node in (None, "", [], {})]


def test_draft_until_every_tree_is_reviewed() -> None:
    for name, status in (("registered", ("active", False)), ("page", ("draft", True))):
        for resource in published(RECORDS[name]):
            if resource["resourceType"] in {"Library", "PlanDefinition", "Questionnaire", "Measure"}:
                assert (resource["status"], resource["experimental"]) == status


def test_the_package_offers_every_artifact_once() -> None:
    kinds = [(m.resource, m.fhir, m.of) for m in MAPPINGS]
    assert len(kinds) == len(set(kinds))
    assert set(ARTIFACTS) <= set(MAPPINGS)


def unreviewed() -> list[TrialRecord]:
    """The corpus as the parser reads it: long texts, odd characters, trees that nobody has tidied.

    Every twelfth record, or all of them where FHIRTRIAL_LONG is set.
    """
    step = None if os.environ.get("FHIRTRIAL_LONG") else 12
    return [read(path) for path in (*PAGES, *STUDIES[::step])]


@needs_corpus
@pytest.mark.java
@pytest.mark.parametrize("to", [SHIPPED, SHIPPED_R5], ids=lambda to: str(to.fhir))
def test_hl7s_validator_finds_no_error_in_what_nobody_reviewed(
    to: Publication, hl7_validate: Callable[..., list[Any]]
) -> None:
    found = {(r["resourceType"], r["id"]): r for record in unreviewed() for r in published(record, to)}
    verdicts = hl7_validate(list(found.values()), fhir=to.fhir)
    assert {(v.resource_type, v.id): v.errors for v in verdicts if v.errors} == {}


@pytest.mark.java
@pytest.mark.parametrize("fhir", ["R4", "R5"])
def test_hl7s_validator_finds_no_error(fhir: str, hl7_validate: Callable[..., list[Any]]) -> None:
    found = hl7_validate([r for record, to in SETS if to.fhir == fhir for r in published(record, to)], fhir=fhir)
    assert {(v.resource_type, v.id): v.errors for v in found if v.errors} == {}
