"""Which setting an encounter's class means: codes of HL7 v3 ActEncounterCode."""

from __future__ import annotations

SYSTEMS = frozenset({"http://terminology.hl7.org/CodeSystem/v3-ActCode", "http://hl7.org/fhir/v3/ActCode"})
SETTINGS = {
    "IMP": "inpatient",
    "ACUTE": "inpatient",
    "NONAC": "inpatient",
    "EMER": "emergency",
    "AMB": "outpatient",
    "VR": "outpatient",
    "HH": "outpatient",
}
"""OBSENC (observation), SS (short stay), PRENC (pre-admission) and FLD (field) are of no one setting: left out."""


def setting_of(codings: tuple[tuple[str, str], ...]) -> str:
    """`inpatient`, `emergency`, `outpatient`, or "" where the class does not say."""
    return next((SETTINGS[code] for system, code in codings if system in SYSTEMS and code in SETTINGS), "")
