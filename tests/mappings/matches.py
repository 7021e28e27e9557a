"""Builds trials, matches and screenings for the tests of results: every argument has a default that is not the case."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fhirtrial.criteria.criterion import Criterion, Review, text_hash
from fhirtrial.criteria.lower import atoms
from fhirtrial.criteria.tree import Age, Condition, Defect, Measurement, Node, Offset, Residue, Window
from fhirtrial.criteria.truth import Truth, Verdict, negate
from fhirtrial.job.report import summary
from fhirtrial.matching.result import Basis, CriterionResult, Evidence, Match, Need, Trial
from fhirtrial.patients.facts import Patient
from fhirtrial.plugins import Publication, Screening, Summary
from fhirtrial.terminology import load

ON = dt.date(2026, 11, 1)
TO = Publication(base="https://hospital.example/fhir", fhir="R4", terminology=load(), software_version="0.1.0")
TO_R5 = replace(TO, fhir="R5")

CREATININE = Measurement(
    concept="creatinine",
    op="<",
    value=1.5,
    unit="mg/dL",
    window=Window(anchor="screening", start=Offset(value=-28, unit="d")),
)
RESIDUE = Residue(text="that would preclude participation", reason="judgement")
TREES: Mapping[str, tuple[Node, str]] = {
    "age": (Age(low=18), "18 years or older"),
    "inc-1": (Condition(concept="dermatomyositis"), "Dermatomyositis"),
    "inc-2": (CREATININE, "Creatinine < 1.5 mg/dL within 28 days & no more"),
    "exc-1": (RESIDUE, "Any disease <that> would preclude participation"),
    "defect-1": (Defect(code="missing_section", text="no exclusion criteria"), "no exclusion criteria"),
}
SEEN = Evidence("Observation/9", "2", "valueQuantity", "2.1 mg/dL", "2026-10-02", "186 umol/L > 132 umol/L")


def criterion(name: str, *, reviewed: bool = True) -> Criterion:
    tree, text = TREES[name]
    kind = {"exc": "exclusion", "def": "defect"}.get(name[:3], "inclusion")
    review = Review(reviewer="A. Reviewer", date="2026-10-01", text_hash=text_hash(text)) if reviewed else None
    return Criterion.model_validate({"id": name, "kind": kind, "text": text, "tree": tree, "review": review})


def trial(
    names: Sequence[str] = ("age", "inc-1", "inc-2", "exc-1"),
    *,
    trial_id: str = "NCT01234567",
    status: str = "RECRUITING",
    reviewed: bool = True,
) -> Trial:
    return Trial(
        id=trial_id,
        title="A trial of something",
        status=status,
        criteria=tuple(criterion(name, reviewed=reviewed) for name in names),
        questionnaire=f"https://hospital.example/fhir/Questionnaire/{trial_id.lower()}",
        tree_hash="tree-1",
    )


def result(
    of: Criterion, truth: Truth, *, evidence: Sequence[Evidence] = (), reasons: Sequence[str] = ("absent",)
) -> CriterionResult:
    if truth is not Truth.UNKNOWN:
        return CriterionResult(of, truth, evidence=tuple(evidence))
    needs = tuple(
        Need(f"what settles {of.id}", a, "", tuple(reasons), _item(a))
        for a in atoms(of.tree)
        if not isinstance(a, Defect)
    )
    return CriterionResult(of, truth, tuple(reasons), tuple(evidence), needs)


def _item(atom: Node) -> str:
    return "" if isinstance(atom, Residue) else atom.kind


def match(
    patient: str = "Patient/1",
    truths: Sequence[Truth] = (Truth.YES, Truth.YES, Truth.YES, Truth.NO),
    *,
    of: Trial | None = None,
    on: dt.date = ON,
    set_aside: Sequence[str] = (),
    evidence: Mapping[str, Sequence[Evidence]] | None = None,
    reasons: Sequence[str] = ("absent",),
    tree: str = "tree-1",
    as_of: str = "2026-10-31T22:00:00Z",
) -> Match:
    """The verdict follows from the truths as docs/truth.md has it."""
    of = of or trial()
    seen = evidence or {}
    results = tuple(
        result(c, t, evidence=seen.get(c.id, ()), reasons=reasons) for c, t in zip(of.criteria, truths, strict=True)
    )
    fits = [negate(r.truth) if r.criterion.kind == "exclusion" else r.truth for r in results]
    least = min(fits)
    return Match(
        patient=Patient(patient),
        trial=of,
        on=on,
        verdict=Verdict(least),
        decided_by=tuple(r.criterion.id for r, fit in zip(results, fits, strict=True) if fit == least),
        counts=Counter(r.truth for r in results),
        criteria=results,
        basis=Basis("engine-1", tree, "terminology-1", "policy-1", {"observations": "complete"}, as_of),
        set_aside=tuple(set_aside),
    )


def verdict(level: Verdict, patient: str = "Patient/1", **others: object) -> Match:
    """A match whose second criterion alone decides."""
    return match(patient, (Truth.YES, Truth(level), Truth.YES, Truth.NO), **others)  # type: ignore[arg-type]


def screening(*matches: Match, references: Mapping[str, str] | None = None) -> Screening:
    return Screening(matches[0].trial if matches else trial(), matches, references or {})


def summed(*matches: Match, references: Mapping[str, str] | None = None) -> Summary:
    return summary(screening(*matches, references=references))


def mixed() -> Screening:
    """A patient for each verdict and one set aside; the server holds one of them and one resource of evidence."""
    yes, presumed, unknown, no = Truth.YES, Truth.PRESUMED_YES, Truth.UNKNOWN, Truth.NO
    return screening(
        match("Patient/1", evidence={"inc-2": [SEEN], "age": [Evidence("Patient/1", "", "birthDate", "1970", "", "")]}),
        match(
            "Patient/2",
            (yes, presumed, yes, no),
            evidence={"inc-1": [Evidence("Condition/7", "1", "code", "", "", "")]},
        ),
        match("Patient/3", (yes, yes, unknown, unknown), reasons=("unit-not-convertible", "not-loaded")),
        match("Patient/4", (yes, Truth.PRESUMED_NO, yes, no)),
        match("Patient/5", (no, yes, yes, no), as_of=""),
        match("Patient/6", (yes, yes, unknown, no), set_aside=("deceased",)),
        references={"Patient/1": "Patient/p1", "Observation/9": "Observation/o9"},
    )
