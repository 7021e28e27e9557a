"""An OperationOutcome becomes words without a patient in them."""

from __future__ import annotations

from typing import Any

import pytest

from fhirtrial.client.outcome import describe, issues, says_no_change


def made(**issue: Any) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", **issue}]}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (made(code="invalid", expression=["Patient.birthDate"]), "invalid at Patient.birthDate"),
        (made(code="invalid", location=["Bundle.entry[3].resource"]), "invalid at Bundle.entry[3].resource"),
        (
            made(code="invalid", expression=["Bundle.entry[0].resource/*List/a*/.source"]),
            "invalid at Bundle.entry[0].resource.source",
        ),
        (made(code="invalid", expression=["Patient.name.given = 'Jane'", "Patient.name"]), "invalid at Patient.name"),
        (made(code="processing", diagnostics="Jane Doe, born 1970"), "processing"),
        (made(code="invalid", expression=["Patient.name.where(family = 'Doe')"]), "invalid"),
        (made(code="Jane Doe"), "unknown"),
        (made(), "unknown"),
        (made(code=7, expression="Patient"), "unknown"),
        (made(code="invalid", severity="warning"), ""),
        ({"resourceType": "OperationOutcome"}, ""),
        ({"resourceType": "OperationOutcome", "issue": "none"}, ""),
        ({"resourceType": "Patient", "issue": [{"code": "invalid"}]}, ""),
        (None, ""),
        ("<html>", ""),
    ],
)
def test_code_and_expression_only(body: Any, text: str) -> None:
    assert describe(body) == text


def test_a_long_list_is_cut_and_counted() -> None:
    body = {
        "resourceType": "OperationOutcome",
        "issue": [{"code": "invalid", "expression": [f"A.b{n}"]} for n in range(7)],
    }
    assert len(issues(body)) == 7
    assert describe(body).endswith("invalid at A.b4 and 2 more")


@pytest.mark.parametrize(
    ("code", "unchanged"),
    [
        ("SUCCESSFUL_UPDATE_NO_CHANGE", True),
        ("SUCCESSFUL_UPDATE_WITH_CONDITIONAL_MATCH_NO_CHANGE", True),
        ("SUCCESSFUL_UPDATE", False),
        (None, False),
    ],
)
def test_an_update_without_a_change(code: str | None, *, unchanged: bool) -> None:
    assert says_no_change(made(severity="information", details={"coding": [{"code": code}]})) is unchanged
