"""The criteria tree: nouns only. Every node is a frozen value with one JSON form; an unknown kind never parses.

A node is an atom (one question about one patient at one date), AtLeast or Not. All, Any, If, Except and Def are
kept for readers; `lower` turns them into the three that are executed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

Reason = Literal[
    "judgement",
    "vague_term",
    "open_list",
    "missing_window",
    "missing_list",
    "ambiguous_scope",
    "ambiguous_logic",
    "causal_attribution",
    "evidence_method",
    "future_event",
    "needs_weight",
    "needs_reference_range",
    "needs_baseline_pair",
    "named_criteria_set",
    "source_typo",
    "source_truncated",
    "unit_implausible",
    "polarity_mixed",
    "other_experiencer",
    "not_encoded",
]
Op = Literal["<", "<=", ">", ">=", "="]
Anchor = Literal[
    "screening",
    "baseline",
    "enrolment",
    "randomization",
    "first-dose",
    "last-dose",
    "during-study",
    "after-last-dose",
    "symptom-onset",
    "unspecified",
]
ASSUMED = frozenset({"baseline", "enrolment", "randomization", "first-dose", "unspecified"})
"""Anchors that stand for the index date by assumption only; what rests on them is at most presumed."""
Route = Literal["oral", "intravenous", "subcutaneous", "intramuscular", "topical", "inhaled", "systemic"]
ConceptName = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class Value(BaseModel):
    """Frozen, strict, and written without its defaults, so that one meaning has one JSON text (and one hash)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_serializer(mode="wrap")
    def _compact(self, full: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields = type(self).model_fields
        return {k: v for k, v in full(self).items() if k == "kind" or getattr(self, k) != fields[k].default}


class Offset(Value):
    """A signed calendar distance from an anchor; `half-life` counts in those of the drug asked for."""

    value: float
    unit: Literal["h", "d", "wk", "mo", "a", "half-life"]


class Window(Value):
    """Inclusive on both ends. `start` None: since ever; `end` None: without end.

    "within 24 weeks before screening" is Window(anchor="screening", start=-24 wk), its end the anchor itself.
    """

    anchor: Anchor = "unspecified"
    start: Offset | None = None
    end: Offset | None = Offset(value=0, unit="d")


class Age(Value):
    """Completed calendar age at the index date: `low` <= age (or <), age <= `high` (or <)."""

    kind: Literal["age"] = "age"
    low: float | None = None
    low_op: Literal[">", ">="] = ">="
    high: float | None = None
    high_op: Literal["<", "<="] = "<="
    unit: Literal["a", "mo", "wk", "d"] = "a"

    @model_validator(mode="after")
    def _bounded(self) -> Age:
        if self.low is None and self.high is None:
            msg = "an age without a bound asks nothing"
            raise ValueError(msg)
        if (self.low is None and self.low_op != ">=") or (self.high is None and self.high_op != "<="):
            msg = "an operator without its bound says nothing"
            raise ValueError(msg)
        return self


class Sex(Value):
    kind: Literal["sex"] = "sex"
    value: Literal["female", "male"]


class Condition(Value):
    """Some recorded condition of `concept` that is each of `also` and none of `unless`, so qualified, at this time.

    when: `active` holds at the index date; `ever` any time up to it; `onset` began inside the window; `history`
    was there and is over. A window with `ever` or `active` asks whether the condition's time overlaps it.
    severity is a least one, from Condition.severity; course `recurrent` is a relapse or recurrence.
    """

    kind: Literal["condition"] = "condition"
    concept: ConceptName
    also: tuple[ConceptName, ...] = ()
    unless: tuple[ConceptName, ...] = ()
    when: Literal["ever", "active", "onset", "history"] = "ever"
    window: Window | None = None
    severity: Literal["mild", "moderate", "severe"] | None = None
    course: Literal["acute", "chronic", "recurrent"] | None = None
    stage: str | None = None


class Measurement(Value):
    """A numeric result compared: lab, vital sign or score; `of` says whether `value` counts in the result's own limits.

    select: which results inside the window (default: the recency table's) speak. `over` divides by a simultaneous
    result of another concept (PaO2 over FiO2). `scale_max` only documents an instrument's maximum (142/150).
    """

    kind: Literal["measurement"] = "measurement"
    concept: ConceptName
    op: Op
    value: float
    unit: str | None = None
    of: Literal["absolute", "uln", "lln"] = "absolute"
    select: Literal["latest", "any", "all", "min", "max"] = "latest"
    count: int = Field(default=1, ge=1, le=1000)
    over: ConceptName | None = None
    window: Window | None = None
    scale_max: float | None = None


class Ordinal(Value):
    """A class on an ordered scale, compared by the rank that the concept's table gives it (NYHA III is 3)."""

    kind: Literal["ordinal"] = "ordinal"
    concept: ConceptName
    op: Op
    rank: int = Field(ge=0, le=1000)
    label: str
    window: Window | None = None


class Result(Value):
    """A qualitative result: by the closed lexicon, the interpretation, or value against its own reference range."""

    kind: Literal["result"] = "result"
    concept: ConceptName
    result: Literal["positive", "negative", "elevated", "decreased", "normal", "abnormal"]
    select: Literal["latest", "any"] = "latest"
    window: Window | None = None


class Change(Value):
    """A measurement that moved by `op amount`: against the earlier of two results no further apart than `within`."""

    kind: Literal["change"] = "change"
    concept: ConceptName
    direction: Literal["increase", "decrease"]
    op: Op
    amount: float
    unit: str
    relative: bool = False
    within: Offset | None = None
    window: Window | None = None


class Dose(Value):
    """A daily dose bound: unit mg/d or mg/kg/d; `equivalent` converts class members to that drug (prednisone)."""

    op: Op
    value: float
    unit: Literal["mg/d", "mg/kg/d", "g/d", "ug/d", "[iU]/d"]
    equivalent: ConceptName | None = None


class Medication(Value):
    """Some exposure to `concept` (a drug or a class) that is each of `also` and none of `unless`, so qualified.

    when: `current` runs at the index date; `ever` up to it, or overlapping the window. `distinct` counts different
    ingredients; `min_duration` is one exposure's length; `outcome` needs a recorded reason for stopping.
    """

    kind: Literal["medication"] = "medication"
    concept: ConceptName
    also: tuple[ConceptName, ...] = ()
    unless: tuple[ConceptName, ...] = ()
    when: Literal["ever", "current"] = "ever"
    window: Window | None = None
    route: Route | None = None
    indication: ConceptName | None = None
    dose: Dose | None = None
    min_duration: Offset | None = None
    distinct: int = Field(default=1, ge=1, le=1000)
    outcome: Literal["failed", "intolerant", "inadequate"] | None = None


class Procedure(Value):
    kind: Literal["procedure"] = "procedure"
    concept: ConceptName
    also: tuple[ConceptName, ...] = ()
    unless: tuple[ConceptName, ...] = ()
    window: Window | None = None


class Encounter(Value):
    """A stay or visit whose time overlaps the window; with `reason`, one whose recorded reason or diagnosis is that."""

    kind: Literal["encounter"] = "encounter"
    setting: Literal["inpatient", "emergency", "outpatient", "any"] = "any"
    reason: ConceptName | None = None
    window: Window | None = None


class Allergy(Value):
    """An allergy or intolerance to `concept` or a member of it."""

    kind: Literal["allergy"] = "allergy"
    concept: ConceptName
    mechanism: Literal["allergy", "intolerance", "any"] = "any"


class Immunization(Value):
    kind: Literal["immunization"] = "immunization"
    concept: ConceptName
    window: Window | None = None


class Reproductive(Value):
    kind: Literal["reproductive"] = "reproductive"
    state: Literal["pregnant", "lactating", "childbearing-potential"]


class Finding(Value):
    """A finding of `finding` seen by `modality` (imaging, biopsy…), as a report's coded conclusion or a result."""

    kind: Literal["finding"] = "finding"
    modality: ConceptName
    finding: ConceptName
    window: Window | None = None


class DataAvailability(Value):
    """Whether the record holds something. With a concept: any result of it in the window; else only a person knows."""

    kind: Literal["data"] = "data"
    text: str
    concept: ConceptName | None = None
    window: Window | None = None


class OtherExperiencer(Value):
    """Somebody else's state: a relative's condition is read from FamilyMemberHistory, a partner's is asked."""

    kind: Literal["other"] = "other"
    who: Literal["partner", "family", "household"]
    text: str
    condition: ConceptName | None = None


class ClassificationCriteria(Value):
    """A published criteria set that a clinician applies ("2017 EULAR/ACR"); answered, never computed."""

    kind: Literal["classification"] = "classification"
    name: str
    year: int | None = None
    target: ConceptName


class Attestation(Value):
    """What a person must say: consent, willingness, capability, judgement; `period` is kept for the reader."""

    kind: Literal["attestation"] = "attestation"
    topic: Literal["consent", "compliance", "contraception", "capability", "willingness", "judgement"]
    text: str
    period: str | None = None


class TreatmentState(Value):
    """Where a patient stands in the course of a disease's treatment; answered, never guessed from gaps."""

    kind: Literal["treatment-state"] = "treatment-state"
    state: Literal["naive", "new-onset", "recurrent", "reduced", "refractory"]
    text: str
    concept: ConceptName | None = None


class Expected(Value):
    """A planned or expected event after the index date."""

    kind: Literal["expected"] = "expected"
    text: str
    concept: ConceptName | None = None
    window: Window | None = None


class Residue(Value):
    """What the encoding beside it left out: unknown until a person or a QuestionnaireResponse answers it."""

    kind: Literal["residue"] = "residue"
    text: str
    reason: Reason


class NotComputable(Value):
    """A whole item that was not encoded, with its own words and the reason; a person can answer it."""

    kind: Literal["not-computable"] = "not-computable"
    text: str
    reason: Reason


class Defect(Value):
    """What the source lost. Always unknown: no answer about one patient can bring back a missing criterion."""

    kind: Literal["defect"] = "defect"
    code: Literal[
        "missing_section",
        "missing_list",
        "numbering_gap",
        "source_truncated",
        "no_age_information",
        "contradiction",
    ]
    text: str


Atom = (
    Age
    | Sex
    | Condition
    | Measurement
    | Ordinal
    | Result
    | Change
    | Medication
    | Procedure
    | Encounter
    | Allergy
    | Immunization
    | Reproductive
    | Finding
    | DataAvailability
    | OtherExperiencer
    | ClassificationCriteria
    | Attestation
    | TreatmentState
    | Expected
    | Residue
    | NotComputable
    | Defect
)


class All(Value):
    kind: Literal["all"] = "all"
    nodes: tuple[Node, ...] = Field(min_length=1)


class Any(Value):
    kind: Literal["any"] = "any"
    nodes: tuple[Node, ...] = Field(min_length=1)


class AtLeast(Value):
    kind: Literal["at-least"] = "at-least"
    k: int = Field(ge=1, le=1000)
    nodes: tuple[Node, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _reachable(self) -> AtLeast:
        if self.k > len(self.nodes):
            msg = f"{self.k} of {len(self.nodes)} can never hold"
            raise ValueError(msg)
        return self


class Not(Value):
    kind: Literal["not"] = "not"
    node: Node


class If(Value):
    """A requirement that binds only where `condition` holds."""

    kind: Literal["if"] = "if"
    condition: Node
    then: Node


class Except(Value):
    """`base` unless `unless`: of one kind it filters facts inside the atom, else the two stand side by side."""

    kind: Literal["except"] = "except"
    base: Node
    unless: Node


class Def(Value):
    """A term the document defines, kept where it is used."""

    kind: Literal["def"] = "def"
    term: str
    body: Node


Node = Annotated[Atom | All | Any | AtLeast | Not | If | Except | Def, Field(discriminator="kind")]

for _model in (All, Any, AtLeast, Not, If, Except, Def):
    _model.model_rebuild()
