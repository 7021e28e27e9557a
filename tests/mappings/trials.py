"""Two small records and a terminology of their own, so that goldens do not move when a code table does."""

from __future__ import annotations

import hashlib
from functools import cached_property

from fhirtrial.criteria.criterion import Criterion, Note, Review, Span, text_hash
from fhirtrial.criteria.tree import (
    Age,
    All,
    Condition,
    Defect,
    Measurement,
    Node,
    NotComputable,
    Offset,
    Residue,
    Sex,
    Window,
)
from fhirtrial.plugins import Publication
from fhirtrial.records.fields import (
    Agency,
    Arm,
    Contact,
    Design,
    Eligibility,
    Enrollment,
    Intervention,
    Location,
    MeshTerm,
    Official,
    Outcome,
    PartialDate,
    Reference,
)
from fhirtrial.records.record import Source, SourceDefect, TrialRecord
from fhirtrial.terminology import Code, Concept, Terminology
from fhirtrial.terminology.systems import URIS

CONCEPTS = (
    Concept(
        name="dermatomyositis",
        kind="condition",
        label="Dermatomyositis",
        synonyms=("DM",),
        codes=(
            Code(URIS["snomed"], "396230008", "Dermatomyositis (disorder)"),
            Code(URIS["icd10"], "M33.1", "Other dermatomyositis", "B"),
        ),
        complete=frozenset({URIS["snomed"]}),
    ),
    Concept(
        name="creatinine",
        kind="lab",
        label="Creatinine",
        codes=(
            Code(URIS["loinc"], "2160-0", "Creatinine [Mass/volume] in Serum or Plasma"),
            Code(URIS["loinc"], "14682-9", "Creatinine [Moles/volume] in Serum or Plasma"),
        ),
        unit="umol/L",
        molar_mass=113.12,
    ),
    Concept(
        name="haq-di",
        kind="score",
        label="Health Assessment Questionnaire Disability Index",
    ),
)


class SmallTerminology(Terminology):
    """Its hash is that of its concepts, not of the shipped data."""

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(repr(sorted(self.concepts)).encode()).hexdigest()


TERMS = SmallTerminology({concept.name: concept for concept in CONCEPTS})
TO = Publication(base="https://hospital.example/fhir", fhir="R4", terminology=TERMS, software_version="0.1.0")

TEXT = """Inclusion Criteria:

* Dermatomyositis, creatinine < 1.5 mg/dL & age 18 years or older
* Female

Exclusion Criteria:

* Any disease that would preclude participation
"""


def criterion(identifier: str, text: str, tree: Node, *, reviewed: bool, notes: tuple[Note, ...] = ()) -> Criterion:
    start = TEXT.find(text)
    kinds = {"exc": "exclusion", "def": "defect"}
    return Criterion.model_validate(
        {
            "id": identifier,
            "kind": kinds.get(identifier[:3], "inclusion"),
            "text": text,
            "tree": tree,
            "notes": notes,
            "span": Span(start=start, end=start + len(text)) if start >= 0 else None,
            "review": Review(reviewer="A. Reviewer", date="2026-10-01", text_hash=text_hash(text))
            if reviewed
            else None,
        }
    )


FIRST = "Dermatomyositis, creatinine < 1.5 mg/dL & age 18 years or older"
REGISTERED = TrialRecord(
    schema_version="1",
    id="NCT01234567",
    source=Source(format="ctgov-v2", name="NCT01234567.json", hash="0" * 64),
    nct_id="NCT01234567",
    brief_title="Something <new> for dermatomyositis",
    official_title="A Randomized Trial of Something New for Dermatomyositis",
    acronym="SOME",
    overall_status="RECRUITING",
    start_date=PartialDate(date="2024-03", type="ACTUAL"),
    completion_date=PartialDate(date="2026-12-31", type="ESTIMATED"),
    last_update_post_date=PartialDate(date="2026-01-15", type="ACTUAL"),
    lead_sponsor=Agency(name="University Hospital", agency_class="OTHER"),
    collaborators=(Agency(name="Maker Ltd", agency_class="INDUSTRY"),),
    overall_officials=(
        Official(name="Ada Byron, MD", affiliation="University Hospital", role="PRINCIPAL_INVESTIGATOR"),
    ),
    brief_summary="Whether something new works & is safe.",
    conditions=("Dermatomyositis",),
    keywords=("myositis",),
    condition_mesh=(MeshTerm(id="D003882", term="Dermatomyositis"),),
    study_type="INTERVENTIONAL",
    phases=("PHASE1", "PHASE2"),
    design=Design(allocation="RANDOMIZED", primary_purpose="TREATMENT", masking="DOUBLE", who_masked=("PARTICIPANT",)),
    enrollment=Enrollment(count=40, type="ESTIMATED"),
    arms=(Arm(label="New", type="EXPERIMENTAL", intervention_names=("Drug: something",)),),
    interventions=(
        Intervention(name="something", type="DRUG", other_names=("SN-1",)),
        Intervention(name="Diary", type="OTHER"),
    ),
    primary_outcomes=(Outcome(measure="Response", time_frame="24 weeks"),),
    eligibility=Eligibility(sex="FEMALE", minimum_age="18 Years", healthy_volunteers=False),
    central_contacts=(Contact(name="Desk", phone="+1 555 0100", phone_ext="7", email="desk@hospital.example"),),
    locations=(Location(facility="Main site", status="RECRUITING", city="Boston", country="United States"),),
    references=(Reference(pmid="12345678", type="BACKGROUND", citation="A. Author. A paper. 2020."),),
    eligibility_text=TEXT,
    criteria=(
        criterion("age", "18 Years", Age(low=18), reviewed=False),
        criterion(
            "inc-1",
            FIRST,
            All(
                nodes=(
                    Condition(concept="dermatomyositis"),
                    Measurement(
                        concept="creatinine",
                        op="<",
                        value=1.5,
                        unit="mg/dL",
                        window=Window(anchor="screening", start=Offset(value=-28, unit="d")),
                    ),
                    Age(low=18),
                )
            ),
            reviewed=True,
            notes=(Note(text="The laboratory may repeat the test."),),
        ),
        criterion("inc-2", "Female", Sex(value="female"), reviewed=True),
        criterion(
            "exc-1",
            "Any disease that would preclude participation",
            Residue(text="a disease that would preclude participation", reason="judgement"),
            reviewed=True,
        ),
    ),
)
PAGE = TrialRecord(
    schema_version="1",
    id="doc-0123456789abcdef",
    source=Source(format="page", name="page.txt", hash="1" * 64),
    brief_title="A page without a number",
    eligibility_text="* Something that nothing reads",
    criteria=(
        criterion(
            "inc-1",
            "Something that nothing reads",
            NotComputable(text="Something that nothing reads", reason="not_encoded"),
            reviewed=False,
        ),
        criterion(
            "inc-2",
            "HAQ-DI at least 1",
            Measurement(concept="haq-di", op=">=", value=1, unit="{score}"),
            reviewed=False,
        ),
        criterion(
            "defect-1",
            "no exclusion criteria",
            Defect(code="missing_section", text="no exclusion criteria"),
            reviewed=False,
        ),
    ),
    defects=(SourceDefect(code="missing_section", text="no exclusion criteria", criterion="defect-1"),),
)
RECORDS = {"registered": REGISTERED, "page": PAGE}
