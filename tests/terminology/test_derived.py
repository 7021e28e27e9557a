"""Derived concepts: behind the written ones, never complete, read only when asked for, sound names."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from fhirtrial.terminology import Terminology, load
from fhirtrial.terminology.derive_drugs import brands
from fhirtrial.terminology.derive_names import agrees, is_name, key, significant, unqualified, variants
from fhirtrial.terminology.derived import Library, every_name
from fhirtrial.terminology.systems import URIS

SAMPLE = (
    "osteosarcoma",
    "keratoconus",
    "chronic-periodontitis",
    "movement-disorder",
    "corneal-transplant",
    "silodosin",
)


@pytest.fixture
def terminology() -> Terminology:
    return load()


@pytest.fixture
def derived(terminology: Terminology) -> list[str]:
    return sorted(set(terminology.names) - set(terminology.written))


def owners(terminology: Terminology, text: str) -> set[str]:
    return {name for form, name, _ in terminology.surface_forms() if form == text}


def test_there_are_thousands(derived: list[str]) -> None:
    assert len(derived) > 12_000
    assert set(SAMPLE) <= set(derived)


def test_a_concept_says_where_it_comes_from(terminology: Terminology, derived: list[str]) -> None:
    sources = re.compile(r"(MONDO|DOID|SCTID|ICD10CM|RXNORM):\S+")
    for name in derived[::20]:
        concept = terminology.concept(name)
        assert sources.fullmatch(concept.source)
        assert concept.source in concept.note
    assert all(not terminology.concept(name).source for name in terminology.written)


def test_absence_never_speaks(terminology: Terminology, derived: list[str]) -> None:
    for name in derived[::20]:
        assert not any(terminology.is_complete(name, uri) for uri in URIS.values())


def test_each_can_be_hit(terminology: Terminology, derived: list[str]) -> None:
    assert [name for name in derived[::40] if not terminology.hits(name)] == []


def test_members_exist_and_never_loop(terminology: Terminology, derived: list[str]) -> None:
    for name in derived:
        for member in terminology.concept(name).members:
            assert member in terminology.concepts
    for name in SAMPLE:
        assert name not in terminology.members(name)[1:]


def test_a_name_is_the_written_concepts(terminology: Terminology) -> None:
    written = {
        key(name)
        for concept in terminology.written.values()
        for name in (concept.label, *concept.synonyms)
        if name not in concept.narrower
    }
    assert [(e.concept, name) for e in every_name() for name in e.names if key(name) in written] == []


def test_names_added_to_a_written_concept_are_of_one(terminology: Terminology) -> None:
    assert {e.concept for e in every_name() if e.further} <= set(terminology.written)
    assert owners(terminology, "malignant neoplasm of lung") == {"lung-cancer"}


@pytest.mark.parametrize(
    ("name", "system", "code", "hit"),
    [
        ("chronic-periodontitis", "icd10cm", "K05.32", True),
        ("chronic-periodontitis", "icd10cm", "K05.2", False),
        ("keratoconus", "snomed", "65636009", True),
    ],
)
def test_a_code_means_it(terminology: Terminology, name: str, system: str, code: str, hit: bool) -> None:
    assert terminology.is_hit(name, system, code) is hit


def test_what_means_a_member_means_it(terminology: Terminology) -> None:
    members = terminology.concept("movement-disorder").members
    assert members
    for member in members:
        assert terminology.hits(member) <= terminology.hits("movement-disorder")


def test_a_value_set_holds_codes_below(terminology: Terminology) -> None:
    codes = {code.code for code in terminology.value_set("chronic-periodontitis")}
    assert {"K05.3", "K05.32", "K05.321", "5689008"} <= codes


def test_a_drug_has_its_products(terminology: Terminology) -> None:
    displays = {code.display for code in terminology.value_set("silodosin")}
    assert "silodosin 8 MG Oral Capsule" in displays


@pytest.mark.parametrize(
    ("name", "sensitive"), [("anorexia-nervosa", True), ("keratoconus", False), ("adenomyosis", True), ("mania", True)]
)
def test_sensitive(terminology: Terminology, name: str, sensitive: bool) -> None:
    assert terminology.concept(name).sensitive is sensitive


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("osteosarcoma", True),
        ("Disorder of kidney", True),
        ("disease", False),
        ("Other specified disorders", False),
        ("Asthma, unspecified", False),
        ("Diabetes with nephropathy", False),
        ("glucose", True),
        ("cyst", False),
        ("COPD", False),
    ],
)
def test_is_name(text: str, name: bool) -> None:
    assert is_name(text) is name


def test_variants_say_the_same() -> None:
    assert {"kidney disease", "renal disease", "renal disorder"} <= set(variants("Disorder of kidney"))
    assert not set(variants("McArdle's disease"))
    assert "disease of renal" not in set(variants("renal disease"))


def test_a_part_of_a_name_is_no_synonym() -> None:
    assert not agrees(significant("tracheomalacia"), [significant("congenital tracheomalacia")])
    assert not agrees(significant("solitary plasmacytoma"), [significant("plasmacytoma")])
    assert agrees(significant("tinea pedis"), [significant("athlete's foot")])
    assert unqualified("severe asthma") == "asthma"


def test_a_brand_for_one_route_of_several_is_no_name() -> None:
    sold = [
        {"tty": "BN", "display": "Onlytab", "ingredient_rxcui": "1"},
        {"tty": "BN", "display": "Creamy", "ingredient_rxcui": "2"},
    ]
    products = [
        ["11", "a", "", "", "oral", "a 5 MG Oral Tablet [Onlytab]"],
        ["21", "b", "", "", "topical", "b 1 % Topical Cream [Creamy]"],
        ["22", "b", "", "", "oral", "b 5 MG Oral Tablet"],
    ]
    assert brands(products, sold, {"1": "a", "2": "b"}, frozenset()) == {"Onlytab": "a"}


def test_a_terminology_of_its_own_has_no_derived_concepts(terminology: Terminology) -> None:
    small = Terminology({"asthma": terminology.concept("asthma")})
    assert not list(small.further_names())
    assert "osteosarcoma" not in small.concepts
    assert isinstance(terminology.concepts, Library)


def test_written_concepts_are_asked_without_reading_derived_ones() -> None:
    script = (
        "import fhirtrial.terminology as t; from fhirtrial.terminology import derived; x = t.load();"
        "x.is_hit('asthma', 'icd10cm', 'J45'); x.hits('statin'); x.mentions('asthma', 'asthma');"
        "print(derived._table.cache_info().currsize)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "0"
