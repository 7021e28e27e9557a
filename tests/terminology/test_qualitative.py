"""The closed lexicon of qualitative results."""

from __future__ import annotations

import pytest

from fhirtrial.terminology import qualitative

SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("Positive", "positive"),
        ("REACTIVE", "positive"),
        ("  Detected ", "positive"),
        ("non-reactive", "negative"),
        ("Non  Reactive", "negative"),
        ("NOT DETECTED", "negative"),
        ("Target not detected", "negative"),
        ("equivocal", "equivocal"),
        ("weakly positive", "equivocal"),
        ("+/-", "equivocal"),
        ("elevated", "elevated"),
        ("WNL", "normal"),
        ("abnormal", "abnormal"),
        ("1:80", None),
        ("positive at 1:40", None),
        ("not positive", None),
        ("12", None),
        ("-", None),
        ("see comment", None),
        ("", None),
        (None, None),
    ],
)
def test_text(text: str | None, reading: str | None) -> None:
    assert qualitative.read([], text) == reading


@pytest.mark.parametrize(
    ("codes", "reading"),
    [
        ([(SNOMED, "10828004")], "positive"),
        ([(SNOMED, "260385009")], "negative"),
        ([(SNOMED, "131194007")], "negative"),
        ([(SNOMED, "82334004")], "equivocal"),
        ([(LOINC, "LA6576-8")], "positive"),
        ([(LOINC, "LA11883-8")], "negative"),
        ([(LOINC, "LA11885-3")], "equivocal"),
        ([(INTERPRETATION, "POS")], "positive"),
        ([(INTERPRETATION, "ND")], "negative"),
        ([(INTERPRETATION, "HH")], "elevated"),
        ([(INTERPRETATION, "L")], "decreased"),
        ([(INTERPRETATION, "N")], "normal"),
        ([("http://hl7.org/fhir/v2/0078", "A")], "abnormal"),
        ([(SNOMED, "10828004"), (INTERPRETATION, "A")], "positive"),
        ([(SNOMED, "260385009"), (INTERPRETATION, "N")], "negative"),
        ([(INTERPRETATION, "H"), (INTERPRETATION, "A")], "elevated"),
        ([(SNOMED, "10828004"), (SNOMED, "260385009")], "equivocal"),
        ([("urn:example:local", "POS")], None),
        ([(INTERPRETATION, "S")], None),
    ],
)
def test_codes(codes: list[tuple[str, str]], reading: str | None) -> None:
    assert qualitative.read(codes, None) == reading


def test_a_code_speaks_before_the_text() -> None:
    assert qualitative.read([(SNOMED, "10828004")], "negative") == "positive"
    assert qualitative.read([("urn:example:local", "x")], "negative") == "negative"
