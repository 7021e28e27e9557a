"""Patients made for criteria: R4 Bundles whose facts lie at, beside and across what the criteria ask.

Pure functions of (seed, criteria, on): the same patient anywhere, so that different evaluators can be compared on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from random import Random

from generated import drugs, events, problems, readings, results
from generated.chance import Chance, Json

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import atoms
from fhirtrial.criteria.questions import questions
from fhirtrial.criteria.tree import (
    Age,
    Allergy,
    Atom,
    Change,
    Condition,
    DataAvailability,
    Encounter,
    Finding,
    Immunization,
    Measurement,
    Medication,
    Offset,
    Ordinal,
    OtherExperiencer,
    Procedure,
    Reproductive,
    Result,
)
from fhirtrial.patients.completeness import ALL, Loaded
from fhirtrial.patients.facts import Family

QUESTIONNAIRE = "https://fhirtrial.example/fhir/Questionnaire/generated"
_OWNER = {"AllergyIntolerance": "patient", "Immunization": "patient", "FamilyMemberHistory": "patient"}
_FEW = frozenset({Family.CONDITIONS, Family.MEDICATIONS})


def bundle(seed: int, criteria: Sequence[Criterion], on: date, questionnaire: str = QUESTIONNAIRE) -> Json:
    """A patient about whom some of the criteria's questions are nearly decided."""
    chance = Chance(Random(f"patient {seed}"), on)
    asked = list(dict.fromkeys(a for c in criteria for a in atoms(c.tree)))
    aimed = chance.random.sample(asked, min(len(asked), chance.one((1, 3, 6, 10))))
    resources = [r for atom in aimed for r in resources_for(chance, atom)]
    resources += answers(chance, criteria, questionnaire)
    chance.random.shuffle(resources)
    owned = [_owned(resource, seed, i) for i, resource in enumerate(resources)]
    entries = [person(chance, seed, asked), *owned]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": f"https://hospital.example/{r['resourceType']}/{r['id']}", "resource": r} for r in entries
        ],
    }


def loaded(seed: int) -> Loaded | None:
    """What the caller knows to have been read to its end: everything, a few families, or only what is seen."""
    return Random(f"loaded {seed}").choice((ALL, ALL, None, _FEW))


def record_start(seed: int) -> date | None:
    """The first day of the site's records, for some."""
    return Random(f"start {seed}").choice((None, None, None, date(2024, 1, 1)))


def person(chance: Chance, seed: int, asked: Sequence[Atom]) -> Json:
    found: Json = {"resourceType": "Patient", "id": f"g{seed}"}
    bounds = [chance.today - chance.one((4000, 15000, 30000))]
    for age in (a for a in asked if isinstance(a, Age)):
        limits = [b for b in (age.low, age.high, None if age.high is None else age.high + 1) if b is not None]
        bounds += [chance.before(Offset(value=limit, unit=age.unit)) for limit in limits]
    if chance.may(0.9):
        text = chance.plain(chance.one(bounds) + chance.one((-1, 0, 1, -200)))
        found["birthDate"] = chance.one([text, text, text, text[:7], text[:4]])
    if chance.may(0.95):
        found["gender"] = chance.one(["female", "female", "male", "male", "other", "unknown"])
    return found


def resources_for(chance: Chance, atom: Atom) -> Iterator[Json]:
    match atom:
        case Condition():
            yield from problems.conditions(chance, atom)
        case Measurement():
            yield from results.measurements(chance, atom)
        case Ordinal():
            yield from readings.ordinals(chance, atom)
        case Result():
            yield from readings.qualitative(chance, atom)
        case Change():
            yield from results.changes(chance, atom)
        case Medication():
            yield from drugs.medications(chance, atom)
        case Procedure():
            yield from events.procedures(chance, atom)
        case Encounter():
            yield from events.encounters(chance, atom)
        case Allergy():
            yield from problems.allergies(chance, atom)
        case Immunization():
            yield from events.immunizations(chance, atom)
        case Reproductive():
            yield from _reproductive(chance, atom)
        case Finding():
            yield from readings.findings(chance, atom)
        case DataAvailability():
            yield from readings.data(chance, atom)
        case OtherExperiencer():
            yield from problems.relatives(chance, atom)


def _reproductive(chance: Chance, atom: Reproductive) -> Iterator[Json]:
    if atom.state == "childbearing-potential":
        yield from events.procedures(chance, Procedure(concept=chance.one(["hysterectomy", "bilateral-oophorectomy"])))
        if chance.may(0.5):
            yield from problems.conditions(chance, Condition(concept="menopause"))
        return
    concept = "pregnancy" if atom.state == "pregnant" else "lactation"
    for found in problems.conditions(chance, Condition(concept=concept)):
        day = chance.today - chance.one((10, 200, 299, 300, 301, 500))
        yield found | (
            {"onsetDateTime": chance.stamp(day)}
            if set(found) & {"onsetDateTime"} and "abatementDateTime" not in found
            else {}
        )
    if atom.state == "pregnant" and chance.may(0.6):
        yield from readings.qualitative(chance, Result(concept="hcg-pregnancy-test", result="positive"))


def answers(chance: Chance, criteria: Sequence[Criterion], questionnaire: str) -> Iterator[Json]:
    """Answers to some of the questions that only a person can settle, some of them twice and not alike."""
    asked = [(c.id, q.link_id) for c in criteria for q in questions(c, chance.terminology)]
    for _ in range(chance.one((0, 1, 2)) if asked else 0):
        some = chance.random.sample(asked, chance.random.randint(1, len(asked)))
        groups: dict[str, list[Json]] = {}
        for criterion, link in some:
            item = {"linkId": link, "answer": [{"valueBoolean": chance.may(0.5)}]}
            groups.setdefault(criterion, []).append(item)
        found: Json = {
            "resourceType": "QuestionnaireResponse",
            "questionnaire": questionnaire + chance.one(["", "|1"]),
            "status": chance.one(["completed", "completed", "amended", "in-progress", "entered-in-error"]),
            "item": [{"linkId": criterion, "item": items} for criterion, items in groups.items()],
        }
        if chance.may(0.9):
            found["authored"] = chance.stamp(chance.today + chance.one((-30, -1, 0, 1)), exact=chance.may(0.5))
        yield found


def _owned(resource: Json, seed: int, number: int) -> Json:
    kind = resource["resourceType"]
    about = {_OWNER.get(kind, "subject"): {"reference": f"Patient/g{seed}"}}
    return {"id": f"r{number}", **resource, **about}
