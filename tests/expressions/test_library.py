"""A library is whole, the same each time, carries its tree's hash, and says of each criterion without CQL why."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from expressions.terms import TERMS
from mappings.trials import REGISTERED
from mappings.trials import TERMS as SMALL
from shipped import samples

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.document import criteria_hash
from fhirtrial.criteria.tree import All, AtLeast, Condition, Defect, Measurement, Node, Not, Residue
from fhirtrial.expressions.cql import Define, NoCql, cql, library, tree_hash
from fhirtrial.expressions.cql.concepts import complete, declared, roots
from fhirtrial.expressions.cql.library import PARTS, part
from fhirtrial.expressions.cql.names import decimal, name, string
from fhirtrial.expressions.cql.quantities import converted
from fhirtrial.terminology import Code, load
from fhirtrial.terminology.systems import URIS, canonical

MYOSITIS = Condition(concept="myositis")
RESIDUE = Residue(text="significant", reason="judgement")


def item(tree: Node, identifier: str = "inc-1", kind: str = "inclusion") -> Criterion:
    return Criterion.model_validate({"id": identifier, "kind": kind, "text": "as\n  written", "tree": tree})


def test_its_hash_and_name_stand_in_it() -> None:
    text = library("NCT01234567", "2026-01-15.0", REGISTERED.criteria, SMALL)
    assert tree_hash(text) == criteria_hash(REGISTERED.criteria)
    assert "\nlibrary NCT01234567 version '2026-01-15.0'\n" in text
    assert tree_hash("library X") is None


def test_the_same_criteria_give_the_same_text() -> None:
    assert library("A", "1", REGISTERED.criteria, SMALL) == library("A", "1", REGISTERED.criteria, SMALL)


def test_nothing_is_defined_twice() -> None:
    for record in samples():
        text = library("A", "1", record.criteria, load())
        names = re.findall(r'^define (?:function )?"((?:[^"\\]|\\.)*)"', text, re.MULTILINE)
        assert sorted(names) == sorted(set(names))


def test_a_library_holds_only_the_parts_it_needs() -> None:
    text = library("A", "1", [item(MYOSITIS)], TERMS)
    assert part("conditions") in text
    assert part("medications") not in text


def test_every_part_is_listed() -> None:
    folder = files("fhirtrial.expressions.cql") / "parts"
    assert {entry.name.removesuffix(".cql") for entry in folder.iterdir()} == set(PARTS)


def test_a_criterion_names_its_atoms() -> None:
    found = cql(item(All(nodes=(MYOSITIS, Not(node=RESIDUE)))), TERMS)
    assert isinstance(found, Define)
    assert found.expression == '("diagnosis of Myositis (ever)"\n    and not ((null as Boolean)))'


def test_at_least_counts_in_three_values() -> None:
    found = cql(item(AtLeast(k=2, nodes=(MYOSITIS, RESIDUE, RESIDUE))), TERMS)
    assert isinstance(found, Define)
    assert found.expression.startswith('"At least"(2, {\n    "Grade"("diagnosis of Myositis (ever)"),')


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        (RESIDUE, "only a person can answer it"),
        (Defect(code="missing_list", text="lost"), "the source lost it"),
        (
            All(nodes=(RESIDUE, Condition.model_validate({"concept": "myositis", "window": {"anchor": "last-dose"}}))),
            "only a person can answer it; its window is anchored to a day that no record holds",
        ),
    ],
)
def test_without_cql_there_is_a_reason_and_no_define(tree: Node, reason: str) -> None:
    assert cql(item(tree), TERMS) == NoCql(reason)
    text = library("A", "1", [item(tree)], TERMS)
    assert f"// inc-1, inclusion: as written\n// No CQL: {reason}.\n" in text
    assert 'define "inc-1"' not in text


def test_eligible_needs_every_criterion() -> None:
    criteria = [item(MYOSITIS), item(RESIDUE, "inc-2"), item(MYOSITIS, "exc-1", "exclusion")]
    text = library("A", "1", criteria, TERMS)
    assert text.endswith('define "Eligible":\n  ("inc-1")\n    and (null as Boolean)\n    and not "exc-1"\n')
    assert 'define "Through inc-1":\n  "Screened" and "inc-1" is not false\n' in text
    assert 'define "Through inc-2":\n  "Through inc-1"\n' in text
    assert 'define "Through exc-1":\n  "Through inc-2" and "exc-1" is not true\n' in text


def test_text_cannot_break_out() -> None:
    assert name('a"b\\c') == '"a\\"b\\\\c"'
    assert string("a'b\\c\nd") == "'a\\'b\\\\c d'"
    evil = item(MYOSITIS).model_copy(update={"text": "a\ndefine x: true\r\u2028b"})
    text = library("A", "1", [evil], TERMS)
    assert [line for line in text.splitlines() if "define x" in line] == ["// inc-1, inclusion: a define x: true b"]


@pytest.mark.parametrize(("value", "text"), [(1.0, "1.0"), (0.25, "0.25"), (1e-7, "0.0000001"), (-3.5, "-3.5")])
def test_decimals(value: float, text: str) -> None:
    assert decimal(value) == text


def test_systems_are_read_as_terminology_reads_them() -> None:
    """The aliases in the CQL part are those of the terminology, one for one."""
    body = part("codes").split('define function "System"')[1].split("define function")[0]
    for test, uri in re.findall(r"when (?:uri in )?\{?([^{}]*?)\}? then\s+'([^']+)'", body):
        for alias in re.findall(r"'([^']+)'", test):
            if not alias.endswith("/") or alias == "http://loinc.org/":
                assert canonical(alias) == uri, alias
    assert set(re.findall(r"then\s+'([^']+)'", body)) == set(URIS.values()) - {URIS["ucum"]}


def test_units_are_branches_with_the_terminologys_factors() -> None:
    text = converted("creatinine", "umol/L", TERMS).text
    assert "'mg/dL'" in text.split('then "Times"(value, 62500.0) / (707.0 * divisor)')[0].rsplit("when", 1)[1]
    assert "'umol/L'" in text.split('then "Quotient"(value, divisor)\n')[0].rsplit("when", 1)[1]
    assert "'mmol/L'" in text.split('then "Times"(value, 1000.0) / divisor')[0].rsplit("when", 1)[1]
    assert "'kg'" not in text


def test_a_code_stands_for_what_lies_below_it() -> None:
    icd = URIS["icd10"]
    assert [c.code for c in roots([Code(icd, "C43.1", ""), Code(icd, "C43", ""), Code(icd, "D00", "")])] == [
        "C43",
        "D00",
    ]


def test_a_block_of_icd_categories_is_spelled_out() -> None:
    icd = URIS["icd10"]
    found = [c.code for c in roots([Code(icd, "A98-B01", "")])]
    assert found == ["A98", "A99", "B00", "B01"]


def test_concepts_hold_their_codes() -> None:
    text = declared("myositis", TERMS).text
    assert """Code '1' from "SNOMEDCT" display 'myositis 1'""" in text
    assert """Code 'M33' from "ICD10CM" display 'myositis M33'""" in text
    assert complete("myositis", TERMS) == "{ 'http://snomed.info/sct' }"


def test_a_measurement_reads_its_own_unit() -> None:
    found = library("A", "1", [item(Measurement(concept="creatinine", op="<", value=1.5, unit="mg/dL"))], TERMS)
    low, high = (f'"creatinine in mg/dL"(F.{end}, F.divisor, F.unit)' for end in ("low", "high"))
    assert f"({low}, {high}, " in found
