"""The names of concepts: surface forms for a matcher, other spellings, narrower names, what they reach in a corpus."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from fhirtrial.terminology import Terminology, load
from fhirtrial.terminology.names import plain
from fhirtrial.terminology.spelling import american, british, other_spellings

CHIA = Path(os.environ.get("FHIRTRIAL_CORPUS", "")) / "data" / "trials" / "chia"
needs_corpus = pytest.mark.skipif(
    "FHIRTRIAL_CORPUS" not in os.environ, reason="FHIRTRIAL_CORPUS is unset: no annotated criteria to count in"
)
# Names that stand for two concepts, between which only context decides.
AMBIGUOUS = {
    "ASA": "the drug and the class of the American Society of Anesthesiologists",
    "CADM": "clinically amyopathic dermatomyositis is dermatomyositis too, by codes rather than as a member",
    "DMARD": "most, but not all, suppress immunity",
    "cortisol": "the hormone given and the hormone measured",
    "cortisols": "its plural",
}
# Least shares of annotated mentions whose whole text, and any part of whose text, is a known name.
LEAST = {
    "Condition": (0.50, 0.65),
    "Drug": (0.58, 0.68),
    "Measurement": (0.54, 0.74),
    "Procedure": (0.33, 0.53),
    "Device": (0.30, 0.45),
}


@pytest.fixture
def terminology() -> Terminology:
    return load()


def holders(terminology: Terminology) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for form, name, _ in terminology.surface_forms():
        found.setdefault(form, []).append(name)
    return found


def test_surface_forms_are_sorted_plain_and_of_known_concepts(terminology: Terminology) -> None:
    forms = terminology.surface_forms()
    assert list(forms) == sorted(set(forms))
    assert [f for f in forms if f[0] != plain(f[0]) or f[1] not in terminology.concepts or not f[0]] == []
    assert [form for form, _, case in forms if not case and form != form.lower()] == []
    assert [form for form, _, case in forms if case and form != form.upper()] == []


def test_no_surface_form_means_two_concepts_but_the_ambiguous(terminology: Terminology) -> None:
    assert {form: names for form, names in holders(terminology).items() if len(names) > 1}.keys() == AMBIGUOUS.keys()


def test_an_abbreviation_is_no_word_of_another_concept(terminology: Terminology) -> None:
    capitals = {form.lower(): name for form, name, case in terminology.surface_forms() if case}
    clashes = {
        form for form, name, case in terminology.surface_forms() if not case and capitals.get(form, name) != name
    }
    assert clashes == set()


@pytest.mark.parametrize(
    ("form", "concept"),
    [
        ("copd", None),
        ("COPD", "chronic-obstructive-pulmonary-disease"),
        ("stroke", "stroke"),
        ("strokes", "stroke"),
        ("sepsis", "sepsis"),
        ("type 2 diabetes", "type-2-diabetes"),
        ("T2DM", "type-2-diabetes"),
        ("diabetes", "diabetes-mellitus"),
        ("basal cell carcinoma", "basal-cell-carcinoma"),
        ("parkinsons disease", "parkinson-disease"),
        ("liver biopsies", "liver-biopsy"),
        ("brain metastases", "brain-metastasis"),
        ("salbutamol", "albuterol"),
        ("nsaids", "nsaid"),
        ("strong cyp3a4 inhibitors", "strong-cyp3a4-inhibitor"),
        ("knee osteoarthritis", None),
        ("osteoarthritis", "osteoarthritis"),
        ("graves' disease", None),
    ],
)
def test_form(terminology: Terminology, form: str, concept: str | None) -> None:
    assert holders(terminology).get(form) == ([concept] if concept else None)


def test_a_narrower_name_mentions_the_concept(terminology: Terminology) -> None:
    assert terminology.mentions("osteoarthritis", "knee osteoarthritis on the left")
    assert terminology.mentions("hyperthyroidism", "treated Graves disease")


def test_narrower_names_are_synonyms_and_no_labels(terminology: Terminology) -> None:
    for name in terminology.written:
        concept = terminology.concept(name)
        assert concept.narrower <= set(concept.synonyms)
        assert concept.label not in concept.narrower


@pytest.mark.parametrize(
    ("us", "gb"),
    [
        ("tumor", "tumour"),
        ("hemoglobin", "haemoglobin"),
        ("iron deficiency anemia", "iron deficiency anaemia"),
        ("pulmonary edema", "pulmonary oedema"),
        ("ischemic stroke", "ischaemic stroke"),
        ("intracranial hemorrhage", "intracranial haemorrhage"),
        ("diarrhea", "diarrhoea"),
        ("celiac disease", "coeliac disease"),
        ("esophageal varices", "oesophageal varices"),
        ("general anesthesia", "general anaesthesia"),
        ("cesarean section", "caesarean section"),
        ("leukemia", "leukaemia"),
        ("sleep apnea", "sleep apnoea"),
        ("estradiol", "oestradiol"),
        ("sulfonylurea", "sulphonylurea"),
        ("radiofrequency catheterization", "radiofrequency catheterisation"),
        ("hyperglycemia", "hyperglycaemia"),
        ("neutropenia", "neutropenia"),
        ("chemotherapy", "chemotherapy"),
        ("systemic", "systemic"),
        ("colorectal", "colorectal"),
    ],
)
def test_spelling_pairs(us: str, gb: str) -> None:
    assert (british(us), american(gb), british(gb), american(us)) == (gb, us, gb, us)


def test_other_spellings() -> None:
    assert other_spellings(["Crohn's disease"]) == ("Crohn disease", "Crohns disease")
    assert other_spellings(["liver biopsy"]) == ("liver biopsies",)
    assert other_spellings(["Anemia", "anaemia", "ALT"]) == ()


@pytest.mark.parametrize(
    "pair", [("anemia", "anaemia"), ("edema", "oedema"), ("hemodialysis", "haemodialysis"), ("tumor", "tumour")]
)
def test_both_spellings_are_found(terminology: Terminology, pair: tuple[str, str]) -> None:
    forms = holders(terminology)
    assert forms[pair[0]] == forms[pair[1]]


@pytest.mark.parametrize(
    ("group", "members"),
    [
        ("anticoagulant", {"warfarin", "apixaban", "heparin", "enoxaparin", "dabigatran"}),
        ("antiplatelet-agent", {"clopidogrel", "ticagrelor", "aspirin"}),
        ("statin", {"atorvastatin", "simvastatin"}),
        ("nsaid", {"ibuprofen", "celecoxib", "diclofenac"}),
        ("opioid", {"morphine", "hydrocodone", "fentanyl", "tramadol"}),
        ("benzodiazepine", {"diazepam", "midazolam", "clonazepam"}),
        ("antidepressant", {"fluoxetine", "venlafaxine", "amitriptyline", "bupropion"}),
        ("antipsychotic", {"haloperidol", "clozapine"}),
        ("antiepileptic", {"phenytoin", "gabapentin"}),
        ("diuretic", {"furosemide", "hydrochlorothiazide", "spironolactone"}),
        ("ace-inhibitor", {"lisinopril", "ramipril"}),
        ("angiotensin-receptor-blocker", {"losartan"}),
        ("beta-blocker", {"metoprolol", "carvedilol"}),
        ("insulin", {"insulin-glargine"}),
        ("glp-1-receptor-agonist", {"liraglutide", "semaglutide"}),
        ("strong-cyp3a4-inhibitor", {"ketoconazole", "ritonavir"}),
        ("strong-cyp3a4-inducer", {"rifampin", "carbamazepine"}),
        ("vaccine", {"live-vaccine", "influenza-vaccine", "bcg-vaccine"}),
        ("cytotoxic-drug", {"cisplatin", "paclitaxel", "doxorubicin", "cyclophosphamide"}),
        ("hormonal-contraceptive", {"oral-contraceptive"}),
        ("biologic-agent", {"adalimumab", "rituximab", "secukinumab"}),
    ],
)
def test_classes_hold_their_members(terminology: Terminology, group: str, members: set[str]) -> None:
    assert members <= set(terminology.members(group))


@pytest.mark.parametrize(
    ("group", "drug"),
    [("nsaid", "acetaminophen"), ("beta-blocker", "amlodipine"), ("ace-inhibitor", "hydrochlorothiazide")],
)
def test_a_combination_makes_no_member(terminology: Terminology, group: str, drug: str) -> None:
    assert drug not in terminology.members(group)


def test_an_open_class_is_complete_only_where_it_says_so(terminology: Terminology) -> None:
    for name in terminology.written:
        concept = terminology.concept(name)
        if concept.open:
            assert terminology.is_complete(name, "icd10cm") is ("http://hl7.org/fhir/sid/icd-10-cm" in concept.complete)
            assert terminology.is_complete(name, "rxnorm") is any("rxnorm" in uri for uri in concept.complete)


def annotated() -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {kind: Counter() for kind in LEAST}
    for path in sorted(CHIA.glob("*.ann")):
        for line in path.read_text(encoding="utf-8").splitlines():
            parts = line.split("\t")
            if parts[0].startswith("T") and (kind := parts[1].split(maxsplit=1)[0]) in found:
                found[kind][parts[2].strip()] += 1
    return found


@needs_corpus
def test_names_reach_the_annotated_mentions(terminology: Terminology, capsys: pytest.CaptureFixture[str]) -> None:
    words = re.compile(r"[^\W_]+|[^\w\s]")
    known = {
        case: {tuple(words.findall(f)) for f, _, c in terminology.surface_forms() if c is case}
        for case in (True, False)
    }
    longest = max(len(form) for forms in known.values() for form in forms)

    def names(text: list[str]) -> bool:
        return tuple(text) in known[True] or tuple(word.lower() for word in text) in known[False]

    shares = {}
    for kind, mentions in annotated().items():
        whole = part = 0
        for text, number in mentions.items():
            split = words.findall(plain(text))
            spans = ((i, j) for i in range(len(split)) for j in range(i + 1, min(len(split), i + longest) + 1))
            whole += number * names(split)
            part += number * any(names(split[i:j]) for i, j in spans)
        shares[kind] = (whole / mentions.total(), part / mentions.total())
    with capsys.disabled():
        for kind, (whole_share, part_share) in shares.items():
            print(f"\n{kind} mentions: {whole_share:.1%} are a name, {part_share:.1%} hold one", end="")
    assert [k for k, least in LEAST.items() if shares[k][0] < least[0] or shares[k][1] < least[1]] == []


def test_at_least_600_concepts(terminology: Terminology) -> None:
    assert len(terminology.written) >= 600
