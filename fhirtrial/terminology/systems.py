"""Code system names: short keys, canonical URIs, and the other spellings senders use; nothing else here knows an OID.

A code is compared in its comparable form (`comparable`): ICD without its dot, everything without surrounding space.
"""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

URIS = MappingProxyType(
    {
        "snomed": "http://snomed.info/sct",
        "icd10": "http://hl7.org/fhir/sid/icd-10",
        "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
        "loinc": "http://loinc.org",
        "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
        "atc": "http://www.whocc.no/atc",
        "cvx": "http://hl7.org/fhir/sid/cvx",
        "ucum": "http://unitsofmeasure.org",
        "interpretation": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
    }
)
KEYS = MappingProxyType({uri: key for key, uri in URIS.items()})

# Systems whose codes spell their ancestors: a code stands for every code that begins with it.
HIERARCHICAL = frozenset({URIS["icd10"], URIS["icd10cm"], URIS["atc"]})
_ICD = frozenset({URIS["icd10"], URIS["icd10cm"]})
# The shortest code that is an ancestor worth calling one: an ICD category, an ATC therapeutic subgroup.
CEILING = MappingProxyType({URIS["icd10"]: 3, URIS["icd10cm"]: 3, URIS["atc"]: 4})

# OIDs as registered with HL7; the other spellings are those of earlier FHIR versions.
_OTHER = {
    "urn:oid:2.16.840.1.113883.6.96": "snomed",
    "urn:oid:2.16.840.1.113883.6.3": "icd10",
    "urn:oid:2.16.840.1.113883.6.90": "icd10cm",
    "urn:oid:2.16.840.1.113883.6.1": "loinc",
    "urn:oid:2.16.840.1.113883.6.88": "rxnorm",
    "urn:oid:2.16.840.1.113883.6.73": "atc",
    "urn:oid:2.16.840.1.113883.12.292": "cvx",
    "urn:oid:2.16.840.1.113883.6.8": "ucum",
    "urn:oid:2.16.840.1.113883.5.83": "interpretation",
    "http://hl7.org/fhir/v3/ObservationInterpretation": "interpretation",
    "http://hl7.org/fhir/v2/0078": "interpretation",
    "http://terminology.hl7.org/CodeSystem/v2-0078": "interpretation",
    "http://www.whocc.no/atcddd": "atc",
    "http://hl7.org/fhir/sid/atc": "atc",
}


@lru_cache(maxsize=4096)
def canonical(system: str) -> str:
    """The canonical URI of a system given by key, URI, OID or an edition of it; an unknown system stays as it is."""
    name = system.strip().rstrip("/")
    if name in KEYS:
        return name
    key = name if name in URIS else _OTHER.get(name if ":" in name else f"urn:oid:{name}")
    if key is None and name.startswith(URIS["snomed"] + "/"):  # an edition or version of SNOMED CT
        key = "snomed"
    return URIS[key] if key is not None else name


def spellings(uri: str) -> tuple[str, ...]:
    """Every name by which `canonical` knows a system, but for the editions of SNOMED CT."""
    others = [other for other, key in _OTHER.items() if URIS[key] == uri]
    return (uri, f"{uri}/", *others, *(other.removeprefix("urn:oid:") for other in others if ":oid:" in other))


@lru_cache(maxsize=65536)
def comparable(system: str, code: str) -> str:
    """The form in which codes of a canonical system are compared: `m33.10`, `M3310` and `M33.10†` are one code."""
    code = code.strip()
    if system in _ICD:
        return code.replace(".", "").rstrip("*+†").upper()
    return code.upper() if system == URIS["atc"] else code
