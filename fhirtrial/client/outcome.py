"""OperationOutcome read and made; what leaves here for messages is code and expression, never diagnostics."""

from __future__ import annotations

import re
from typing import Any

# A code is a FHIR `code`, an expression a path of names and indexes: anything else may quote a patient's data.
CODE = re.compile(r"[a-z][a-z-]{0,40}")
# Validators write the resource into the path as a comment: Bundle.entry[0].resource/*List/a*/.source
COMMENT = re.compile(r"/\*[^*]*\*/")
PATH = re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]()]{0,200}")
SHOWN = 5


def is_outcome(body: Any) -> bool:
    return isinstance(body, dict) and body.get("resourceType") == "OperationOutcome"


def issues(body: Any) -> tuple[str, ...]:
    """One short text per error, `code at expression`, safe to log.

    >>> issues({"resourceType": "OperationOutcome", "issue": [
    ...     {"severity": "error", "code": "invalid", "expression": ["Patient.birthDate"], "diagnostics": "Jane Doe"}]})
    ('invalid at Patient.birthDate',)
    """
    texts = []
    for issue in _listed(body):
        if issue.get("severity") not in ("information", "warning", "success"):
            path = _path(issue.get("expression") or issue.get("location"))
            texts.append(_code(issue) + (f" at {path}" if path else ""))
    return tuple(dict.fromkeys(texts))


def describe(body: Any) -> str:
    texts = issues(body)
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return "; ".join(texts[:SHOWN]) + more


def codes(body: Any) -> frozenset[str]:
    return frozenset(_code(issue) for issue in _listed(body))


def says_no_change(body: Any) -> bool:
    """HAPI answers an update that changed nothing with 200 and a code of this code system ending in NO_CHANGE."""
    for issue in _listed(body):
        details = issue.get("details")
        codings = details.get("coding") if isinstance(details, dict) else None
        for coding in codings if isinstance(codings, list) else ():
            if isinstance(coding, dict) and str(coding.get("code", "")).endswith("_NO_CHANGE"):
                return True
    return False


def refusal(code: str, diagnostics: str) -> dict[str, Any]:
    """The OperationOutcome of what this client itself refuses to send."""
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _listed(body: Any) -> list[dict[str, Any]]:
    found = body.get("issue") if is_outcome(body) else None
    return [issue for issue in found if isinstance(issue, dict)] if isinstance(found, list) else []


def _code(issue: dict[str, Any]) -> str:
    code = issue.get("code")
    return code if isinstance(code, str) and CODE.fullmatch(code) else "unknown"


def _path(paths: Any) -> str:
    """The first that is a plain path."""
    for path in paths if isinstance(paths, list) else ():
        plain = COMMENT.sub("", path) if isinstance(path, str) else ""
        if PATH.fullmatch(plain):
            return plain
    return ""
