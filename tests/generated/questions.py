"""Questions of every kind with every field that a criterion can need: a table; what asks nothing new is left out."""

from __future__ import annotations

from collections.abc import Mapping

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.tree import (
    Age,
    Allergy,
    Atom,
    Attestation,
    Change,
    ClassificationCriteria,
    Condition,
    DataAvailability,
    Defect,
    Dose,
    Encounter,
    Expected,
    Finding,
    Immunization,
    Measurement,
    Medication,
    NotComputable,
    Offset,
    Ordinal,
    OtherExperiencer,
    Procedure,
    Reproductive,
    Residue,
    Result,
    Sex,
    TreatmentState,
    Window,
)


def _back(value: float, unit: str, anchor: str = "screening", end: float | None = 0) -> Window:
    """From so long before the anchor to `end` of the same unit before it."""
    start = Offset.model_validate({"value": -value, "unit": unit})
    stop = None if end is None else Offset.model_validate({"value": -end, "unit": unit})
    return Window.model_validate({"anchor": anchor, "start": start, "end": stop})


_ONSET = _back(1, "mo", "symptom-onset")
_UP_TO = Window(anchor="randomization")

QUESTIONS: Mapping[str, tuple[Atom, ...]] = {
    "age": (
        Age(low=18),
        Age(high=65),
        Age(low=18, low_op=">", high=65, high_op="<"),
        Age(high=18, high_op="<"),
        Age(low=6, unit="mo"),
        Age(low=940, unit="wk"),
        Age(high=6600, unit="d"),
    ),
    "sex": (Sex(value="female"), Sex(value="male")),
    "condition": (
        Condition(concept="dermatomyositis"),
        Condition(concept="malignant-neoplasm", unless=("non-melanoma-skin-cancer", "cervical-tumour")),
        Condition(concept="malignant-neoplasm", window=_back(5, "a", "unspecified")),
        Condition(concept="tuberculosis", when="active"),
        Condition(concept="tuberculosis", when="active", window=_back(6, "mo")),
        Condition(concept="tuberculosis", when="history"),
        Condition(concept="tuberculosis", window=_back(12, "mo", "first-dose", 1)),
        Condition(concept="myocardial-infarction", when="onset", window=_back(24, "wk")),
        Condition(concept="myocardial-infarction", when="onset"),
        Condition(concept="heart-failure", when="active", severity="moderate"),
        Condition(concept="idiopathic-inflammatory-myopathy", course="recurrent"),
        Condition(concept="infection", course="acute"),
        Condition(concept="malignant-neoplasm", stage="III"),
        Condition(concept="dyspnea", window=_ONSET),
        Condition(concept="mental-disorder", when="history"),
        Condition(concept="pneumonia", window=_UP_TO),
        Condition(concept="pulmonary-disorder", also=("infection",), when="active"),
        Condition(concept="anti-mda5-dermatomyositis"),
    ),
    "measurement": (
        Measurement(concept="creatinine", op=">", value=300, unit="umol/L"),
        Measurement(concept="creatinine", op="<=", value=1.5, unit="mg/dL", window=_back(7, "d")),
        Measurement(concept="creatinine", op=">=", value=0.00009, unit="mol/L", window=_back(3, "mo", "enrolment")),
        Measurement(concept="hemoglobin", op="<", value=90, unit="g/L"),
        Measurement(concept="platelets", op=">=", value=50, unit="10*9/L"),
        Measurement(concept="alt", op=">", value=3, of="uln"),
        Measurement(concept="alt", op=">=", value=1, of="uln"),
        Measurement(concept="ast", op="<=", value=1.5, of="uln", window=_back(3, "mo", "baseline")),
        Measurement(concept="lymphocytes", op="<", value=1, of="lln"),
        Measurement(concept="alt", op=">", value=2, of="uln", select="any", window=_back(6, "mo")),
        Measurement(concept="bilirubin-total", op="<=", value=1, of="uln", select="all", window=_back(6, "mo")),
        Measurement(concept="platelets", op="<", value=50, unit="10*9/L", select="min", window=_back(1, "a")),
        Measurement(concept="platelets", op="<", value=50, unit="10*9/L", select="max", window=_back(1, "a")),
        Measurement(concept="hemoglobin", op="<", value=90, unit="g/L", select="any", count=2, window=_back(1, "a")),
        Measurement(concept="dlco-percent-predicted", op="<=", value=60, unit="%"),
        Measurement(concept="body-weight", op=">=", value=50, unit="kg"),
        Measurement(concept="karnofsky", op=">=", value=70, unit="{score}"),
        Measurement(concept="egfr", op="=", value=60, unit="mL/min/{1.73_m2}"),
        Measurement(concept="pao2", op=">=", value=200, unit="mm[Hg]", over="fio2"),
        Measurement(concept="pao2", op=">=", value=200, unit="mm[Hg]", over="fio2", window=_ONSET),
        Measurement(concept="hbv-dna", op=">", value=1000, unit="{copies}/L"),
        Measurement(concept="body-temperature", op=">=", value=38, unit="Cel"),
        Measurement(concept="inr", op="<=", value=1.5),
        Measurement(concept="haq-di", op=">=", value=0.25, unit="{score}"),
        Measurement(concept="creatine-kinase", op=">", value=1.3, of="uln", window=_back(2, "a", "screening", 1)),
    ),
    "ordinal": (
        Ordinal(concept="nyha-class", op=">=", rank=3, label="III"),
        Ordinal(concept="nyha-class", op="<", rank=2, label="II", window=_back(1, "a", "enrolment")),
        Ordinal(concept="nyha-class", op="=", rank=2, label="II"),
    ),
    "result": (
        Result(concept="anti-mda5-antibody", result="positive"),
        Result(concept="anti-mda5-antibody", result="negative"),
        Result(concept="hiv-antibody", result="positive", select="any"),
        Result(concept="kl-6", result="elevated"),
        Result(concept="kl-6", result="normal", window=_back(3, "mo")),
        Result(concept="alt", result="abnormal"),
        Result(concept="hemoglobin", result="decreased"),
        Result(concept="hbsag", result="positive", window=_back(6, "mo")),
        Result(concept="igra", result="negative", select="any", window=_back(1, "a", "randomization")),
        Result(concept="hcg-pregnancy-test", result="positive"),
    ),
    "change": (
        Change(concept="fvc-percent-predicted", direction="decrease", op=">", amount=10, unit="%"),
        Change(
            concept="fvc-percent-predicted",
            direction="decrease",
            op=">=",
            amount=10,
            unit="%",
            relative=True,
            within=Offset(value=6, unit="mo"),
            window=_back(1, "a"),
        ),
        Change(
            concept="pao2", direction="increase", op=">", amount=10, unit="mm[Hg]", within=Offset(value=30, unit="d")
        ),
        Change(concept="pao2", direction="decrease", op=">", amount=10, unit="mm[Hg]", window=_ONSET),
    ),
    "medication": (
        Medication(concept="methotrexate"),
        Medication(concept="rituximab", window=_back(6, "mo", "unspecified")),
        Medication(concept="glucocorticoid", when="current"),
        Medication(concept="immunosuppressant", unless=("methotrexate",), when="current"),
        Medication(concept="immunosuppressant", indication="dermatomyositis"),
        Medication(concept="antibiotic", route="intravenous", window=_back(60, "d")),
        Medication(
            concept="antibiotic", route="intravenous", indication="infection", window=_back(2, "mo", "enrolment")
        ),
        Medication(concept="vancomycin", window=_back(5, "half-life")),
        Medication(concept="glucocorticoid", route="oral"),
        Medication(concept="prednisone", dose=Dose(op=">", value=10, unit="mg/d"), window=_back(1, "mo")),
        Medication(
            concept="glucocorticoid",
            dose=Dose(op=">", value=0.5, unit="mg/kg/d", equivalent="prednisone"),
            window=_back(1, "mo", "unspecified"),
        ),
        Medication(concept="methotrexate", dose=Dose(op="<=", value=0.025, unit="g/d"), when="current"),
        Medication(concept="prednisone", dose=Dose(op="<", value=1, unit="mg/kg/d"), when="current"),
        Medication(concept="hydroxychloroquine", min_duration=Offset(value=3, unit="mo")),
        Medication(concept="antituberculosis-drug", min_duration=Offset(value=2, unit="wk"), distinct=2, window=_UP_TO),
        Medication(concept="immunosuppressant", distinct=2),
        Medication(concept="hydroxychloroquine", outcome="failed"),
        Medication(concept="ivig", window=_back(30, "d")),
        Medication(concept="prednisone", window=_ONSET),
        Medication(concept="targeted-therapy", also=("immunosuppressant",), when="current", distinct=2),
    ),
    "procedure": (
        Procedure(concept="lung-transplantation"),
        Procedure(concept="lung-transplantation", window=_back(1, "a")),
        Procedure(concept="supplemental-oxygen", window=_back(4, "wk", "unspecified")),
        Procedure(concept="supplemental-oxygen", window=_ONSET),
        Procedure(concept="hysterectomy"),
    ),
    "encounter": (
        Encounter(setting="inpatient", reason="infection", window=_back(60, "d")),
        Encounter(setting="emergency", window=_back(1, "mo", "enrolment")),
        Encounter(reason="pneumonia"),
        Encounter(setting="inpatient", reason="dyspnea", window=_ONSET),
    ),
    "allergy": (
        Allergy(concept="sulfonamide"),
        Allergy(concept="sulfonamide", mechanism="allergy"),
        Allergy(concept="tocilizumab", mechanism="allergy"),
        Allergy(concept="drug-allergy", mechanism="intolerance"),
    ),
    "immunization": (
        Immunization(concept="live-vaccine", window=_back(3, "mo", "first-dose")),
        Immunization(concept="bcg-vaccine", window=_back(12, "mo")),
        Immunization(concept="bcg-vaccine"),
    ),
    "reproductive": (
        Reproductive(state="pregnant"),
        Reproductive(state="lactating"),
        Reproductive(state="childbearing-potential"),
    ),
    "finding": (
        Finding(modality="hrct-chest", finding="interstitial-lung-disease"),
        Finding(modality="chest-imaging", finding="tuberculosis", window=_back(3, "mo", "first-dose")),
    ),
    "data": (
        DataAvailability(text="follow-up data"),
        DataAvailability(text="HBV DNA", concept="hbv-dna"),
        DataAvailability(text="a chest film", concept="chest-imaging", window=_back(3, "mo")),
    ),
    "other": (
        OtherExperiencer(who="family", text="malignancy", condition="malignant-neoplasm"),
        OtherExperiencer(who="partner", text="a partner who can bear children"),
        OtherExperiencer(who="household", text="tuberculosis", condition="tuberculosis"),
    ),
    "classification": (ClassificationCriteria(name="Bohan and Peter", target="dermatomyositis"),),
    "attestation": (Attestation(topic="consent", text="informed consent"),),
    "treatment-state": (TreatmentState(state="naive", text="treatment-naive"),),
    "expected": (
        Expected(text="a live vaccine", concept="live-vaccine", window=Window(anchor="during-study", end=None)),
    ),
    "residue": (Residue(text="that would preclude participation", reason="judgement"),),
    "not-computable": (NotComputable(text="one of the following", reason="source_truncated"),),
    "defect": (Defect(code="missing_list", text="no inclusion list"),),
}


def criteria(kind: str) -> tuple[Criterion, ...]:
    """One criterion for each question of a kind."""
    return tuple(
        Criterion(id=f"inc-{i}", kind="inclusion", text=kind, tree=atom) for i, atom in enumerate(QUESTIONS[kind], 1)
    )
