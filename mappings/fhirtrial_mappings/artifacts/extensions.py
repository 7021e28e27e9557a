"""Extensions that carry what R4 has no element for: HL7's own, and R5 content under its cross-version URL.

No extension here changes the meaning of the element that it stands on.
"""

from __future__ import annotations

from typing import Any

from fhirtrial.plugins import Resource

_CORE = "http://hl7.org/fhir/StructureDefinition/"
_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"

DATA_ABSENT = _CORE + "data-absent-reason"
ALTERNATIVE_EXPRESSION = _CORE + "cqf-alternativeExpression"
CHARACTERISTIC_EXPRESSION = _CORE + "characteristicExpression"
CQF_LIBRARY = _CORE + "cqf-library"
ARTIFACT_URL = _CORE + "artifact-url"
ARTIFACT_VERSION = _CORE + "artifact-version"
ARTIFACT_STATUS = _CORE + "artifact-status"
MEMBER_FILTER = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter"
STUDY_REGISTRATION = _CORE + "researchStudy-studyRegistration"


def r5(path: str) -> str:
    """The URL of an R5 element in R4: `ResearchStudy.progressStatus`."""
    return _R5 + path


def simple(url: str, **value: Any) -> Resource | None:
    """An extension of one value, `valueCode="unknown"`; None without one."""
    ((key, content),) = value.items()
    return {"url": url, key: content} if content not in (None, "", [], {}) else None


def complex_(url: str, *parts: Resource | None) -> Resource | None:
    """An extension of parts; None where no part has a value."""
    found = [part for part in parts if part is not None]
    return {"url": url, "extension": found} if found else None


def data_absent(reason: str) -> Resource:
    """The sibling of a primitive that has no value: `_status`."""
    return {"extension": [{"url": DATA_ABSENT, "valueCode": reason}]}
