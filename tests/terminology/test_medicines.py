"""Products, strengths, routes, half-lives and prednisone equivalents."""

from __future__ import annotations

import csv
import tomllib
from importlib.resources import files

import pytest

from fhirtrial.terminology import load, medicines
from fhirtrial.terminology.routes import groups
from fhirtrial.terminology.systems import URIS

PRODUCTS = [
    ("312617", ("prednisone",), (5.0, "mg"), "oral", "predniSONE 5 MG Oral Tablet"),
    ("315187", ("prednisone",), (1.0, "mg/mL"), "oral", "oral solution"),
    ("1303125", ("prednisone",), (1.0, "mg"), "oral", "delayed release"),
    ("311625", ("methotrexate",), (1000.0, "mg"), "injection", "injection"),
    ("895758", ("tocilizumab",), (20.0, "mg/mL"), "", "a component without a form"),
    ("106258", ("hydrocortisone",), (10.0, "mg/mL"), "topical", "cream"),
    ("562251", ("amoxicillin",), None, "oral", "a mixture has no one strength"),
    ("197388", ("azathioprine",), (50.0, "mg"), "oral", "found by its name"),
]


@pytest.mark.parametrize(("code", "ingredients", "strength", "route", "why"), PRODUCTS)
def test_product(
    code: str, ingredients: tuple[str, ...], strength: tuple[float, str] | None, route: str, why: str
) -> None:
    product = medicines.product(code)
    assert product is not None
    assert (product.ingredients, product.strength, product.route) == (ingredients, strength, route), why


def test_an_unknown_product_is_none() -> None:
    assert medicines.product("999999999") is None


def test_packs_have_no_strength() -> None:
    packs = [p for p in medicines.products_of("methylprednisolone") if p.code.display.startswith("{")]
    assert packs
    assert all(p.strength is None and p.route == "oral" for p in packs)


def test_every_route_of_a_product_is_a_group() -> None:
    terminology = load()
    drugs = [n for n in terminology.names if terminology.concept(n).kind == "medication"]
    assert {p.route for n in drugs for p in medicines.products_of(n) if p.route} <= set(groups())


@pytest.mark.parametrize(
    ("codes", "text", "group"),
    [
        ([("snomed", "26643006")], "", "oral"),
        ([("snomed", "47625008")], "", "intravenous"),
        ([], "IV", "intravenous"),
        ([], " By  mouth ", "oral"),
        ([("snomed", "26643006")], "IV", None),
        ([], "some other way", None),
    ],
)
def test_route_group(codes: list[tuple[str, str]], text: str, group: str | None) -> None:
    assert medicines.route_group(frozenset((URIS[system], code) for system, code in codes), text) == group


def test_a_wider_group_has_the_codes_of_the_narrower() -> None:
    assert medicines.routes("intravenous").codes < medicines.routes("injection").codes
    assert medicines.within("intravenous", frozenset({"injection"}))
    assert not medicines.within("injection", frozenset({"intravenous"}))


@pytest.mark.parametrize(
    ("code", "route"),
    [
        ("H02AB07", "systemic"),
        ("D07AA02", "topical"),
        ("S01BA01", "ophthalmic"),
        ("R01AD01", "nasal"),
        ("A07EA01", "rectal"),
    ],
)
def test_atc_route(code: str, route: str) -> None:
    assert medicines.atc_route(code) == route


@pytest.mark.parametrize(
    ("drug", "factor"),
    [
        ("prednisone", 1),
        ("methylprednisolone", 1.25),
        ("hydrocortisone", 0.25),
        ("dexamethasone", 5 / 0.75),
        ("deflazacort", None),
    ],
)
def test_prednisone_equivalents(drug: str, factor: float | None) -> None:
    assert medicines.prednisone_factor(drug) == factor


def test_half_lives() -> None:
    assert medicines.half_life_hours("vancomycin") == (4, 6)
    assert medicines.half_life_hours("prednisone") is None


def test_every_number_is_of_a_known_drug_and_has_a_source() -> None:
    data = files("fhirtrial.terminology") / "data"
    half_lives = tomllib.loads((data / "half_lives.toml").read_text(encoding="utf-8"))
    table = (data / "prednisone_equivalents.csv").read_text(encoding="utf-8").splitlines()
    equivalents = {row["concept"]: row["source"] for row in csv.DictReader(table)}
    names = set(load().names)
    assert half_lives.keys() | equivalents.keys() <= names
    assert all(entry["source"] and 0 < entry["low"] <= entry["high"] for entry in half_lives.values())
    assert all(equivalents.values())
