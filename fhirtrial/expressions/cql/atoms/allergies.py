"""Allergies and intolerances: a listed substance, a stated "no known", or a list that does not name it."""

from __future__ import annotations

from fhirtrial.criteria.tree import Allergy
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.phrases import absence, conjunction
from fhirtrial.expressions.cql.concepts import denials, heads
from fhirtrial.expressions.cql.families import family_list
from fhirtrial.expressions.cql.names import UNKNOWN, key, name, string, strings
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.terminology import Terminology


def allergy(atom: Allergy, terminology: Terminology) -> Piece:
    said = string(atom.mechanism)
    mechanism = f"(if Coalesce(F.mechanism, '') = '' then {UNKNOWN} else F.mechanism = {said})"
    grade = conjunction(
        "F.named",
        "F.standing",
        '"Has started"(F.course, F.startLow, F.startHigh)',
        "F.course != 'over'",
        mechanism if atom.mechanism != "any" else "",
    )
    rows = (
        f'(("Allergies of"({name(atom.concept)})) F\n      return all {{ grade: "Grade"(\n        {grade}), '
        'on: "Told on"(F.startHigh, F.written) })'
    )
    # Refuting the intolerance leaves the allergy open.
    refuted = (
        '("Allergies" F\n      where F.startLow <= IndexDate and F.standing is false '
        f'and "Any of"(F.keys, {heads(atom.concept, terminology)})\n'
        f"        and Coalesce(F.mechanism, {said}) = {said}\n"
        '      return all "Denied on"(F.startHigh, F.written))'
    )
    none_known = _none_known(atom, terminology)
    says = f'"Any of"(F.keys, {none_known})'
    asserted = "F.standing is true and F.startLow <= IndexDate"
    families = family_list(atom)
    absent = absence("allergy", atom.concept, families, "Allergy systems", windows.UNTIL.first, terminology)
    truth = (
        f'"By list"(\n    {rows},\n    {refuted},\n'
        f"    exists (\"Allergies\" F where {asserted} and F.course != 'over' and {says}),\n"
        f"    exists (\"Allergies\" F where {asserted} and not (F.course = 'over' and {says})),\n    {absent})"
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
    return f"({general} union {own})" if "'" in own else general
