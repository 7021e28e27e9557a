"""What a denial or an exception is about, and which names a text offers as alternatives."""

from __future__ import annotations

import pytest

from fhirtrial.criteria.criterion import Kind
from fhirtrial.criteria.text.parse import parse_criterion
from fhirtrial.terminology import load


@pytest.mark.parametrize(
    ("kind", "text", "names"),
    [
        ("inclusion", "No history of asthma, stroke or pneumonia", ["asthma", "stroke", "pneumonia"]),
        ("inclusion", "Neither asthma nor pneumonia", ["asthma", "pneumonia"]),
        ("inclusion", "No contraindication to aspirin", ["contraindication to"]),
        ("inclusion", "No previous treatment with warfarin", ["treatment with", "warfarin"]),
        ("inclusion", "No laboratory evidence of diabetic ketoacidosis", ["diabetic ketoacidosis"]),
        ("inclusion", "Must not be pregnant", ["pregnant"]),
        ("inclusion", "HCV treatment-naive", ["treatment-naive"]),
        ("inclusion", "Warfarin-naive patients", ["Warfarin"]),
        ("inclusion", "Non-ventilated patients", ["ventilated"]),
        ("inclusion", "Women of non-childbearing potential", ["childbearing potential"]),
        ("inclusion", "Non-cardiac surgery", []),
        ("exclusion", "Toxicity not recovered after chemotherapy", ["recovered"]),
        ("exclusion", "Heart failure with or without edema", []),
        ("exclusion", "Severe infection, including but not limited to pneumonia", []),
        ("exclusion", "Malignancy other than basal cell carcinoma or squamous cell carcinoma of the skin",
         ["basal cell carcinoma", "squamous cell carcinoma of the skin"]),
        ("exclusion", "Glorbinosis (except asthma)", ["asthma"]),
        ("exclusion", "Treatment with steroids is permitted", ["Treatment with"]),
        ("exclusion", "Steroids are not permitted", []),
        ("inclusion", "Lymphoma (asthma was excluded)", ["asthma"]),
        ("exclusion", "Pneumonia ruled out", ["Pneumonia"]),
        ("exclusion", "Stenosis precluding surgery", ["surgery"]),
    ],
)  # fmt: skip
def test_denied(kind: Kind, text: str, names: list[str]) -> None:
    found = parse_criterion(text, kind, load()).negated
    assert [text[a:b] for a, b in found] == names


@pytest.mark.parametrize(
    ("kind", "text", "groups"),
    [
        ("exclusion", "Asthma, pneumonia or stroke", [["Asthma", "pneumonia", "stroke"]]),
        ("exclusion", "Infection requiring warfarin or aspirin", [["warfarin", "aspirin"]]),
        ("exclusion", "Infection requiring warfarin, or asthma", [["Infection", "asthma"]]),
        ("exclusion", "Glorbinosis (asthma, stroke, pneumonia)", [["asthma", "stroke", "pneumonia"]]),
        ("inclusion", "Steroids such as frabbin and glorbine", [["frabbin", "glorbine"]]),
        ("inclusion", "Asthma and pneumonia", []),
        ("inclusion", "No asthma and pneumonia", [["asthma", "pneumonia"]]),
        ("inclusion", "Male or female patients", [["Male", "female"]]),
        ("exclusion", "Allergy or hypersensitivity to aspirin", [["Allergy", "hypersensitivity"]]),
        ("exclusion", "Women who are pregnant or lactating", [["pregnant", "lactating"]]),
        ("exclusion", "Known glorbine/frabbine", [["glorbine", "frabbine"]]),
        ("exclusion", "Heart failure with or without edema", []),
        ("exclusion", "Acute or chronic pancreatitis", [["Acute", "chronic pancreatitis"]]),
    ],
)
def test_alternatives(kind: Kind, text: str, groups: list[list[str]]) -> None:
    found = parse_criterion(text, kind, load()).alternatives
    assert [[text[a:b] for a, b in group] for group in found] == groups
