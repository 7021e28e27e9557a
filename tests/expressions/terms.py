"""A terminology of a few codes, so that CQL goldens do not move when a code table does."""

from __future__ import annotations

from fhirtrial.terminology import Code, Concept, Terminology
from fhirtrial.terminology.systems import URIS

SNOMED, LOINC, ICD10CM, RXNORM = URIS["snomed"], URIS["loinc"], URIS["icd10cm"], URIS["rxnorm"]


def concept(name: str, kind: str, *codes: tuple[str, str], **others: object) -> Concept:
    listed = tuple(Code(system, code, f"{name} {code}") for system, code in codes)
    label = name.replace("-", " ").capitalize()
    return Concept(name=name, kind=kind, label=label, codes=listed, **others)  # type: ignore[arg-type]


TERMS = Terminology(
    {
        c.name: c
        for c in (
            concept("myositis", "condition", (SNOMED, "1"), (ICD10CM, "M33"), complete=frozenset({SNOMED})),
            concept("mild-myositis", "condition", (SNOMED, "2")),
            concept("creatinine", "lab", (LOINC, "2160-0"), unit="umol/L", molar_mass=113.12),
            concept("alt", "lab", (LOINC, "1742-6"), unit="U/L"),
            concept("igra", "lab", (LOINC, "71774-4"), recency="serology"),
            concept("pao2", "lab", (LOINC, "2703-7"), unit="mm[Hg]"),
            concept("fio2", "lab", (LOINC, "3150-0"), unit="%"),
            concept("fvc", "lab", (LOINC, "19868-9"), unit="%", recency="lung-function"),
            concept("nyha", "score", (LOINC, "88020-3"), ordinals={"iii": 3, "iv": 4, (LOINC, "LA28406-7"): 3}),
            concept("drug-a", "medication", (RXNORM, "11"), complete=frozenset({RXNORM})),
            concept("drug-b", "medication", (RXNORM, "12"), complete=frozenset({RXNORM})),
            concept("some-drugs", "medication", members=("drug-a", "drug-b")),
            concept("graft", "procedure", (SNOMED, "3"), complete=frozenset({SNOMED})),
            concept("vaccine", "vaccine", (SNOMED, "4"), complete=frozenset({SNOMED})),
            concept("ct", "imaging", (LOINC, "24627-2")),
            concept("pregnancy", "condition", (SNOMED, "77386006")),
            concept("lactation", "condition", (SNOMED, "290123006")),
            concept("menopause", "condition", (SNOMED, "161712005")),
            concept("hysterectomy", "procedure", (SNOMED, "236886002")),
            concept("hcg-pregnancy-test", "lab", (LOINC, "2106-3")),
            concept("no-known-allergy", "allergen", (SNOMED, "716186003")),
            concept("no-known-drug-allergy", "allergen", (SNOMED, "409137002")),
            concept("body-weight", "vital", (LOINC, "29463-7"), unit="kg"),
        )
    }
)
