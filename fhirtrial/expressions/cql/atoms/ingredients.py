"""Which single drugs of a class a medication is of: exposures are counted and doses added by them, never by record."""

from __future__ import annotations

from fhirtrial.criteria.tree import Medication
from fhirtrial.expressions.cql.concepts import roots
from fhirtrial.expressions.cql.names import key, name, string, strings
from fhirtrial.expressions.cql.piece import Helper
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.systems import HIERARCHICAL


def drugs_of(atom: Medication, terminology: Terminology) -> Helper | None:
    """The function that lists them; None where the concept is a drug itself."""
    drugs = [m for m in terminology.members(atom.concept) if not terminology.concept(m).members]
    if drugs == [atom.concept] and atom.distinct == 1:
        return None
    title = name(f"drugs of {atom.concept}")
    listed = ",\n".join(
        f"    if {_hit(drug, terminology)} then {{ {string(drug)} }} else List<String> {{ }}" for drug in drugs
    )
    text = f"define function {title}(keys List<String>, route String):\n  flatten {{\n{listed} }}"
    return Helper(title, text)


def _hit(drug: str, terminology: Terminology) -> str:
    own = list(roots(terminology.value_set(drug)))
    exact = strings(key(c.system, c.code) for c in own if c.system not in HIERARCHICAL)
    spelled = strings(key(c.system, c.code) for c in own if c.system in HIERARCHICAL)
    below = f' or "Any below"(keys, {spelled})' if "'" in spelled else ""
    return f'("Any of"(keys, {exact}){below})'
