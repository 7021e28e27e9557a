"""What a code or a text says of a concept: hits, coarse ancestors, history, denials, completeness, names."""

from __future__ import annotations

import pytest

from fhirtrial.errors import ConfigError
from fhirtrial.terminology import Terminology, load
from fhirtrial.terminology.systems import URIS

SEEDS = [
    "antisynthetase-syndrome",
    "interstitial-lung-disease",
    "dermatomyositis",
    "anti-mda5-dermatomyositis",
    "polymyositis",
    "idiopathic-inflammatory-myopathy",
    "immune-mediated-necrotizing-myopathy",
    "overlap-myositis",
    "mental-disorder",
    "acute-coronary-syndrome",
    "myocardial-infarction",
    "unstable-angina",
    "cerebrovascular-disease",
    "severe-infection",
    "infection",
    "tuberculosis",
    "latent-tuberculosis",
    "hiv-infection",
    "hepatitis-b",
    "hepatitis-c",
    "end-stage-renal-disease",
    "malignant-neoplasm",
    "non-melanoma-skin-cancer",
    "cervical-tumour",
    "heart-failure",
    "demyelinating-disease",
    "multiple-sclerosis",
    "drug-abuse",
    "alcohol-abuse",
    "dyspnea",
    "pregnancy",
    "lactation",
    "hematologic-disorder",
    "gastrointestinal-disorder",
    "endocrine-disorder",
    "pulmonary-disorder",
    "cardiac-disorder",
    "neurological-disorder",
    "brain-disorder",
    "pneumonia",
    "bacteremia",
    "pyelonephritis",
    "ebv-infection",
    "hepatitis",
    "menopause",
    "glucocorticoid",
    "methotrexate",
    "mycophenolate-mofetil",
    "azathioprine",
    "cyclosporine",
    "cyclophosphamide",
    "baricitinib",
    "upadacitinib",
    "tofacitinib",
    "tacrolimus",
    "hydroxychloroquine",
    "rituximab",
    "monoclonal-antibody",
    "immunosuppressant",
    "targeted-therapy",
    "ivig",
    "antibiotic",
    "antituberculosis-drug",
    "tocilizumab",
    "basiliximab",
    "aldesleukin",
    "sulfonamide",
    "prednisone",
    "creatine-kinase",
    "aldolase",
    "ldh",
    "alt",
    "ast",
    "bilirubin-total",
    "creatinine",
    "creatinine-clearance",
    "egfr",
    "leukocytes",
    "neutrophils",
    "lymphocytes",
    "hemoglobin",
    "platelets",
    "hbsag",
    "hbeag",
    "hbcab",
    "hcv-antibody",
    "hbv-dna",
    "hiv-antibody",
    "igra",
    "hepatitis-b-test",
    "hepatitis-c-test",
    "anti-mda5-antibody",
    "kl-6",
    "dlco-percent-predicted",
    "fvc-percent-predicted",
    "pao2",
    "fio2",
    "pao2-fio2-ratio",
    "esr",
    "ferritin",
    "hcg-pregnancy-test",
    "body-weight",
    "body-height",
    "cdasi-activity",
    "cdasi",
    "mmt-8",
    "patient-global-vas",
    "physician-global-vas",
    "extramuscular-global-vas",
    "haq-di",
    "nyha-class",
    "hrct-chest",
    "chest-imaging",
    "lung-transplantation",
    "supplemental-oxygen",
    "hysterectomy",
    "live-vaccine",
    "bcg-vaccine",
]

HIT, COARSE, NEITHER = "hit", "coarse", "neither"

JUDGEMENTS = [
    ("dermatomyositis", "icd10cm", "M33.10", HIT, "a descendant of a declared code"),
    ("dermatomyositis", "icd10cm", "M3310", HIT, "without its dot"),
    ("dermatomyositis", "icd10cm", "m33.13", HIT, "in small letters"),
    ("dermatomyositis", "icd10cm", "M33.110", HIT, "a code that the tables do not know"),
    ("dermatomyositis", "icd10cm", "M33", COARSE, "an ancestor"),
    ("dermatomyositis", "icd10cm", "M33.91", COARSE, "dermatopolymyositis, unspecified"),
    ("dermatomyositis", "icd10cm", "M33.20", NEITHER, "polymyositis"),
    ("dermatomyositis", "icd10cm", "M3", NEITHER, "above the ceiling of a category"),
    ("dermatomyositis", "snomed", "396230008", HIT, "its own code"),
    ("dermatomyositis", "urn:oid:2.16.840.1.113883.6.96", "396230008", HIT, "the system given as an OID"),
    ("dermatomyositis", "http://snomed.info/sct/900000000000207008", "396230008", HIT, "an edition of the system"),
    ("dermatomyositis", "snomed", "26889001", COARSE, "myositis"),
    ("dermatomyositis", "loinc", "396230008", NEITHER, "the same code in another system"),
    ("idiopathic-inflammatory-myopathy", "icd10cm", "M33.10", HIT, "a member's code"),
    ("malignant-neoplasm", "icd10cm", "C34.90", HIT, "a block of categories"),
    ("malignant-neoplasm", "icd10cm", "C7A.00", HIT, "a category with a letter"),
    ("malignant-neoplasm", "icd10cm", "D05.1", NEITHER, "carcinoma in situ"),
    ("malignant-neoplasm", "icd10cm", "D48.5", COARSE, "uncertain behaviour"),
    ("malignant-neoplasm", "icd10cm", "Z85.3", NEITHER, "history of"),
    ("malignant-neoplasm", "snomed", "363406005", HIT, "malignant tumour of colon"),
    ("malignant-neoplasm", "snomed", "126906006", COARSE, "neoplasm of prostate"),
    ("malignant-neoplasm", "snomed", "162573006", NEITHER, "suspected lung cancer"),
    ("infection", "icd10cm", "J18.9", HIT, "pneumonia is an infection"),
    ("severe-infection", "icd10cm", "J18.9", COARSE, "severity is not in the code"),
    ("severe-infection", "icd10cm", "A41.9", HIT, "sepsis"),
    ("heart-failure", "icd10cm", "I50.22", HIT, ""),
    ("heart-failure", "icd10cm", "I11.0", HIT, "hypertensive heart disease with heart failure"),
    ("heart-failure", "icd10cm", "I11.9", NEITHER, "hypertensive heart disease without it"),
    ("pregnancy", "icd10cm", "O80", COARSE, "a delivery does not say that the pregnancy goes on"),
    ("glucocorticoid", "rxnorm", "312617", HIT, "prednisone 5 MG Oral Tablet"),
    ("glucocorticoid", "rxnorm", "8640", HIT, "prednisone, all of whose products are oral"),
    ("glucocorticoid", "rxnorm", "6902", HIT, "methylprednisolone"),
    ("glucocorticoid", "rxnorm", "106258", NEITHER, "hydrocortisone cream"),
    ("hydrocortisone", "rxnorm", "106258", HIT, "hydrocortisone cream is hydrocortisone"),
    ("glucocorticoid", "rxnorm", "5492", COARSE, "hydrocortisone, which may be a cream"),
    ("glucocorticoid", "atc", "H02AB07", HIT, ""),
    ("glucocorticoid", "atc", "D07AA02", NEITHER, "hydrocortisone on the skin"),
    ("methotrexate", "rxnorm", "105586", HIT, "a product"),
    ("immunosuppressant", "rxnorm", "105586", HIT, "a member's product"),
    ("immunosuppressant", "atc", "L04AX03", HIT, "below a class code"),
    ("monoclonal-antibody", "rxnorm", "1657862", HIT, "a product of rituximab"),
    ("ivig", "rxnorm", "1426680", COARSE, "immunoglobulin G by any route"),
    ("antibiotic", "rxnorm", "308182", HIT, "amoxicillin, which the ingredient table lacks"),
    ("hepatitis-b-test", "loinc", "5195-3", HIT, "surface antigen"),
    ("hepatitis-b-test", "loinc", "16933-4", COARSE, "core antibody"),
    ("creatinine", "loinc", "2157-6", NEITHER, "creatine kinase is not creatinine"),
    ("lung-transplantation", "icd10cm", "Z94.2", HIT, ""),
    ("live-vaccine", "cvx", "03", HIT, "MMR"),
    ("live-vaccine", "cvx", "140", NEITHER, "inactivated influenza"),
    ("live-vaccine", "cvx", "19", HIT, "BCG is a live vaccine"),
]


@pytest.fixture
def terminology() -> Terminology:
    return load()


@pytest.mark.parametrize("name", SEEDS)
def test_every_concept_the_trials_need_exists(terminology: Terminology, name: str) -> None:
    concept = terminology.concept(name)
    assert concept.label
    assert concept.kind


@pytest.mark.parametrize(("name", "system", "code", "expected", "why"), JUDGEMENTS)
def test_code(terminology: Terminology, name: str, system: str, code: str, expected: str, why: str) -> None:
    hit, coarse = terminology.is_hit(name, system, code), terminology.is_coarse(name, system, code)
    assert (hit, coarse) == (expected == HIT, expected == COARSE), why


@pytest.mark.parametrize(
    ("route", "hit"),
    [("oral", True), ("intravenous", True), ("injection", True), ("topical", False), ("ophthalmic", False)],
)
def test_a_recorded_route_settles_an_ingredient_of_many_forms(terminology: Terminology, route: str, hit: bool) -> None:
    assert terminology.is_hit("glucocorticoid", "rxnorm", "5492", route) is hit
    assert not terminology.is_coarse("glucocorticoid", "rxnorm", "5492", route)


def test_no_code_is_both_hit_and_coarse(terminology: Terminology) -> None:
    both = [
        (name, code)
        for name in terminology.written
        for system, code in sorted(terminology.hits(name))
        if terminology.is_coarse(name, system, code) or not terminology.is_hit(name, system, code)
    ]
    assert both == []


def test_history_and_denial(terminology: Terminology) -> None:
    assert terminology.is_history("malignant-neoplasm", "icd10cm", "Z85.3")
    assert terminology.is_history("myocardial-infarction", "snomed", "399211009")
    assert not terminology.is_history("malignant-neoplasm", "icd10cm", "C50.9")
    assert terminology.is_denial("pregnancy", "snomed", "60001007")
    assert terminology.is_denial("sulfonamide", "snomed", "409137002")
    assert not terminology.is_denial("pregnancy", "snomed", "77386006")


@pytest.mark.parametrize(
    ("name", "system", "complete"),
    [
        ("dermatomyositis", "icd10cm", True),
        ("dermatomyositis", "http://snomed.info/sct", True),
        ("malignant-neoplasm", "icd10", True),
        ("malignant-neoplasm", "snomed", False),
        ("glucocorticoid", "atc", True),
        ("monoclonal-antibody", "rxnorm", False),
        ("azathioprine", "rxnorm", False),
        ("chest-imaging", "loinc", False),
    ],
)
def test_completeness(terminology: Terminology, name: str, system: str, complete: bool) -> None:
    assert terminology.is_complete(name, system) is complete


def test_a_class_is_complete_where_all_its_members_are(terminology: Terminology) -> None:
    drugs = ("prednisone", "dexamethasone")
    group = terminology.concept("glucocorticoid")
    assert all(terminology.is_complete(name, "rxnorm") for name in drugs)
    assert URIS["rxnorm"] in group.complete
    assert all(terminology.is_complete(member, "rxnorm") for member in group.members)


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("dermatomyositis", "Known Dermatomyositis, stable", True),
        ("dermatomyositis", "DERMATOMYOSITIS", True),
        ("dermatomyositis", "DM since 2010", True),
        ("dermatomyositis", "type 2 dm", False),
        ("dermatomyositis", "T2DM", False),
        ("anti-mda5-dermatomyositis", "anti MDA5 positive dermatomyositis", True),
        ("anti-mda5-dermatomyositis", "anti‑MDA5 dermatomyositis", True),
        ("sjogren-disease", "Sjogren's syndrome", True),
        ("sjogren-disease", "Sjögren’s syndrome", True),
        ("idiopathic-inflammatory-myopathy", "polymyositis", True),
        ("glucocorticoid", "takes prednisone daily", True),
        ("glucocorticoid", "Corticosteroids", True),
        ("creatinine", "creatine kinase", False),
        ("creatine-kinase", "creatinine", False),
        ("multiple-sclerosis", "ms contin", False),
        ("heart-failure", "no complaints", False),
        ("dermatomyositis", "", False),
    ],
)
def test_mentions(terminology: Terminology, name: str, text: str, named: bool) -> None:
    assert terminology.mentions(name, text) is named


def test_site_codes_make_a_new_terminology(terminology: Terminology) -> None:
    site = terminology.with_local({"mmt-8": {"urn:example:scores": ["MMT8"]}})
    assert site.is_hit("mmt-8", "urn:example:scores", "MMT8")
    assert not terminology.is_hit("mmt-8", "urn:example:scores", "MMT8")
    assert site.hash != terminology.hash
    with pytest.raises(ConfigError, match="no such concept"):
        terminology.with_local({"mmt-9": {"urn:example:scores": ["MMT9"]}})


def test_an_unknown_concept_names_its_neighbours(terminology: Terminology) -> None:
    with pytest.raises(ConfigError, match="did you mean glucocorticoid"):
        terminology.concept("glucocorticoids")


def test_value_sets_are_sorted_and_equal_the_hits(terminology: Terminology) -> None:
    for name in terminology.written:
        codes = terminology.value_set(name)
        assert list(codes) == sorted(codes)
        assert {(c.system, c.code) for c in codes} == terminology.hits(name)
        assert all(c.display for c in codes)


def test_nyha_ranks(terminology: Terminology) -> None:
    ranks = terminology.concept("nyha-class").ordinals
    assert (
        ranks[URIS["snomed"], "420913000"]
        == ranks[URIS["loinc"], "LA28406-9"]
        == ranks["nyha class iii"]
        == ranks["iii"]
        == 3
    )
