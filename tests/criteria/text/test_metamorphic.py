"""Other words for the same comparison, other typography, lists, units and windows: the tree stays, or one number moves.

Thousands of generated cases with FHIRTRIAL_LONG, a sample of every relation without; the count is part of the test.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import date

import pytest
from criteria.text.metamorphic import LONG, QUICK, trouble
from generated.conversions import Limit, limits
from generated.rewordings import Relation, pairs
from scalar.evaluate import node
from scalar.person import people

from fhirtrial.criteria.lower import lower
from fhirtrial.criteria.text.parse import parse_criterion
from fhirtrial.criteria.truth import Truth
from fhirtrial.patients.completeness import ALL
from fhirtrial.patients.read import facts_of
from fhirtrial.site import Site
from fhirtrial.terminology import load
from fhirtrial.terminology.policy import load_policy

ON = date(2026, 11, 1)
IS_LONG = bool(os.environ.get("FHIRTRIAL_LONG"))
COUNTS = LONG if IS_LONG else QUICK
CONVERSIONS = 200 if IS_LONG else 62


@pytest.mark.parametrize("relation", sorted(COUNTS))
def test_reworded(relation: Relation) -> None:
    wrong = [t for pair in pairs({relation: COUNTS[relation]}) if (t := trouble(pair)) is not None]
    assert not wrong, f"{len(wrong)} of {COUNTS[relation]}:\n" + "\n".join(wrong[:10])


def test_other_units_keep_the_truth() -> None:
    told: Counter[bool] = Counter()
    for limit in limits(CONVERSIONS):
        told.update(_agreed(limit))
    # Each limit is told of patients on both its sides.
    assert told[True] == told[False] == 3 * CONVERSIONS


def test_the_long_run_takes_thousands() -> None:
    assert sum(LONG.values()) + 200 >= 2_000


def _agreed(limit: Limit) -> list[bool]:
    trees = [lower(parse_criterion(text, "inclusion", load()).tree) for text in (limit.one, limit.other)]
    for value, unit, held in limit.results:
        facts = facts_of(_patient(limit.concept, value, unit), loaded=ALL, on=ON)
        (person,) = people(facts, ON, load(), load_policy(), Site())
        truths = [node(person, tree, "", "none").truth for tree in trees]
        assert truths == [Truth.YES if held else Truth.NO] * 2, (limit.one, limit.other, value, unit, truths)
    return [held for _, _, held in limit.results]


def _patient(concept: str, value: float, unit: str) -> dict[str, object]:
    code = load().concept(concept).codes[0]
    result = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": code.system, "code": code.code}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-10-31",
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }
    entries = [{"resource": {"resourceType": "Patient", "id": "p"}}, {"resource": result}]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}
