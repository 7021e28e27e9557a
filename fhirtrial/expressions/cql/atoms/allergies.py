"""Allergies and intolerances: a listed substance, a stated "no known", or a list that does not name it."""

from __future__ import annotations

from fhirtrial.criteria.tree import Allergy
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.phrases import conjunction
from fhirtrial.expressions.cql.concepts import denials
from fhirtrial.expressions.cql.names import UNKNOWN, key, name, string, strings
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.policy import load_policy


def allergy(atom: Allergy, terminology: Terminology) -> Piece:
    facts = f'"Allergies of"({name(atom.concept)})'
    mechanism = (
        f"(if Coalesce(F.mechanism, '') = '' then {UNKNOWN} else F.mechanism = {string(atom.mechanism)})"
        if atom.mechanism != "any"
        else ""
    )
    grade = conjunction(
        "F.named",
        "F.standing",
        f'"Began"(F.startLow, F.startHigh, {windows.UNTIL.days})',
        "not F.over",
        mechanism,
    )
    silent = load_policy().absence("allergy", terminology.concept(atom.concept)) == "presumed-no"
    absent = "\"Presumed\"(false, 'allergies')" if silent else UNKNOWN
    grades = f'(({facts}) F\n      return all "Grade"(\n        {grade}))'
    denied = f'exists ("Allergies" F where F.standing is true and "Any of"(F.keys, {_none_known(atom, terminology)}))'
    truth = (
        f'"Some"(\n    {grades},\n    if {denied} then false\n'
        f'    else if "Allergies listed" then {absent}\n    else {UNKNOWN})'
    )
    return Piece(
        truth,
        'exists "Allergies"',
        parts=frozenset({"truth", "dates", "codes", "allergies"}),
        concepts=frozenset({atom.concept}),
    )


def _none_known(atom: Allergy, terminology: Terminology) -> str:
    """The codes of "no known allergy", and of "no known drug allergy" where a drug is asked for."""
    said = ["no-known-allergy"]
    if terminology.concept(atom.concept).kind == "medication":
        said.append("no-known-drug-allergy")
    found = {key(c.system, c.code) for concept in said for c in terminology.value_set(concept)}
    own = denials(atom.concept, terminology)
    general = strings(found)
    return f"{general} union {own}" if "'" in own else general
