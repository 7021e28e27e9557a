"""TrialRecord → a ValueSet per concept that its criteria name; one concept is one resource for every trial."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import groupby

from fhirtrial.criteria.lower import atoms
from fhirtrial.plugins import Draft, Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial.terminology import Code
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts.primitives import filled
from fhirtrial_mappings.data_requirements import concepts
from fhirtrial_mappings.narrative import narrative

COMMENT = "http://hl7.org/fhir/StructureDefinition/valueset-concept-comments"
UNCONFIRMED = "Grade B: that the code means this was confirmed, its display was not."
COPYRIGHT = (
    "SNOMED CT: Global Patient Set, SNOMED International, CC BY 4.0. LOINC: Regenstrief Institute, Inc. and the LOINC "
    "Committee. RxNorm: U.S. National Library of Medicine. ICD-10-CM: U.S. National Center for Health Statistics."
)


def r4(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    named = {name for c in record.criteria for atom in atoms(c.tree) for name in concepts(atom)}
    return [Draft(value_set(name, to)) for name in sorted(named)]


def r5(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    """R5 has the same elements."""
    return r4(record, to)


def value_set(name: str, to: Publication) -> Resource:
    concept, codes = to.terminology.concept(name), to.terminology.value_set(name)
    identifier = identity.value_set(name)
    content = "\n".join(f"{c.system}|{c.code}|{c.display}|{c.grade}" for c in codes)
    synonyms = "; ".join(concept.synonyms)
    return filled(
        {
            "resourceType": "ValueSet",
            "id": identifier,
            "text": narrative(concept.label, (synonyms, f"{len(codes)} codes")),
            "url": to.canonical("ValueSet", identifier),
            "version": hashlib.sha256(content.encode()).hexdigest()[:12],
            "name": "Concept" + "".join(part.capitalize() for part in name.split("-")),
            "title": concept.label,
            "status": "active",
            "experimental": any(code.grade != "A" for code in codes),
            "description": f"Codes that mean {concept.label}." + (f" Also called: {synonyms}." if synonyms else ""),
            "purpose": concept.note,
            "copyright": COPYRIGHT,
            "compose": {"include": [_include(system, list(c)) for system, c in groupby(codes, lambda c: c.system)]}
            if codes
            else None,
        }
    )


def _include(system: str, codes: list[Code]) -> Resource:
    return {"system": system, "concept": [_concept(code) for code in codes]}


def _concept(code: Code) -> Resource:
    doubt = [{"url": COMMENT, "valueString": UNCONFIRMED}] if code.grade != "A" else None
    return filled({"extension": doubt, "code": code.code, "display": code.display})
