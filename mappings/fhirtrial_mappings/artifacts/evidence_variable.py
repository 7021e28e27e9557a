"""TrialRecord → EvidenceVariable (R5): the criteria tree as characteristics, all, any and at-least as combinations.

What a code and a value say exactly is said by them; any other atom stands in words; its window is timeFromEvent's. A
criterion that has CQL names its define beside that, as R5 allows (evv-1): the same thing for a machine.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.english import sentence
from fhirtrial.criteria.lower import Lowered, lower
from fhirtrial.criteria.tree import AtLeast, Atom, Not
from fhirtrial.expressions.cql import Define, cql
from fhirtrial.plugins import Draft, Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts import logic
from fhirtrial_mappings.artifacts.characteristics import standard
from fhirtrial_mappings.artifacts.metadata import metadata
from fhirtrial_mappings.artifacts.primitives import filled, string, text
from fhirtrial_mappings.artifacts.timing import timed_apart, timing
from fhirtrial_mappings.narrative import narrative


def r5(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    identifier = identity.characteristics(record.id)
    name = f"{identity.library_name(record.id)}Characteristics"
    words = (f"{c.id}: {c.text}" for c in record.criteria)
    return (
        Draft(
            filled(
                {
                    **metadata("EvidenceVariable", identifier, record, to, name=name, title="Eligibility"),
                    "text": narrative(f"Eligibility characteristics of {record.id}", (), words),
                    "relatedArtifact": [{"type": "depends-on", "resource": identity.library_url(record.id, to)}],
                    "actual": False,
                    "characteristic": [characteristic(criterion, record.id, to) for criterion in record.criteria],
                }
            )
        ),
    )


def read(resource: Resource) -> str | None:
    """The hash of the criteria that the characteristics were made of."""
    return identity.tree_hash(resource)


def characteristic(criterion: Criterion, trial_id: str, to: Publication) -> Resource:
    """Characteristics are ANDed; an exclusion excludes what its tree says, and a negation in it once more."""
    said = _node(lower(criterion.tree), criterion.id, to)
    excludes = (criterion.kind == "exclusion") != bool(said.get("exclude"))
    named = isinstance(cql(criterion, to.terminology), Define)
    return filled(
        {
            **said,
            "description": string(criterion.text),
            "exclude": excludes,
            "definitionExpression": logic.criterion(criterion, trial_id, to)
            if named and not said.get("exclude")
            else None,
        }
    )


def _node(node: Lowered, link: str, to: Publication) -> Resource:
    match node:
        case Not(node=inner):
            return {**_node(inner, link, to), "exclude": True}  # type: ignore[arg-type]
        case AtLeast(k=k, nodes=nodes):
            inside = [_node(one, f"{link}.{n}", to) for n, one in enumerate(nodes, 1)]  # type: ignore[arg-type]
            return {
                "linkId": link,
                "definitionByCombination": {**_combination(k, len(nodes)), "characteristic": inside},
            }
        case atom:
            return {"linkId": link, **_atom(atom, to)}


def _combination(k: int, of: int) -> Resource:
    if k == of:
        return {"code": "all-of"}
    return {"code": "any-of"} if k == 1 else {"code": "at-least", "threshold": k}


def _atom(atom: Atom, to: Publication) -> Resource:
    """The words say the window, too; code and value leave it to the elements that are made for it."""
    found = standard(timed_apart(atom), to)
    if found is None:
        words = sentence(atom, lambda name: to.terminology.concept(name).label)
        return {"definitionCodeableConcept": text(words) or {"text": atom.kind}, **timing(atom)}
    (value,) = (key for key in found if key.startswith("value"))
    return {"definitionByTypeAndValue": {"type": found["code"], value: found[value]}, **timing(atom)}
