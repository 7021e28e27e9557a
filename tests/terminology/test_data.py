"""The data files: well formed, every code confirmed, generated tables up to date; needs the corpus for the last two."""

from __future__ import annotations

import csv
import gzip
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fhirtrial.errors import ConfigError
from fhirtrial.terminology import Concept, Terminology, load
from fhirtrial.terminology.generate import generate, shipped
from fhirtrial.terminology.generate_sources import OPEN
from fhirtrial.terminology.load import DATA
from fhirtrial.terminology.source import read_codes
from fhirtrial.terminology.systems import KEYS, URIS

TABLES = Path(os.environ.get("FHIRTRIAL_CORPUS", "")) / "terminology"
needs_corpus = pytest.mark.skipif(
    "FHIRTRIAL_CORPUS" not in os.environ, reason="FHIRTRIAL_CORPUS is unset: no code tables to check against"
)
GENERATED = (
    "concepts.json",
    "derived.tsv.gz",
    "icd10cm.tsv.gz",
    "icd10cm_derived.tsv.gz",
    "products.tsv.gz",
    "products_derived.tsv.gz",
    "snomed_named.tsv",
    "units.tsv",
)
TABLE_KEYS = {
    "snomed": "SNOMED",
    "loinc": "LOINC",
    "rxnorm": "RXNORM",
    "atc": "ATC",
    "icd10cm": "ICD10CM",
    "icd10": "ICD10",
}


@pytest.fixture
def terminology() -> Terminology:
    return load()


def every(terminology: Terminology) -> list[Concept]:
    """Every concept that people wrote; `test_derived` looks at the others."""
    return list(terminology.written.values())


def test_names_are_kebab_case(terminology: Terminology) -> None:
    assert [name for name in terminology.names if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []


def test_members_exist_and_never_loop(terminology: Terminology) -> None:
    for concept in every(terminology):
        for name in (*concept.members, *concept.coarse_members):
            assert name in terminology.written
            assert concept.name not in terminology.members(name)


def test_no_name_means_two_concepts(terminology: Terminology) -> None:
    labels = [concept.label for concept in every(terminology)]
    assert sorted({label for label in labels if labels.count(label) > 1}) == []


def test_a_molar_mass_goes_with_a_unit(terminology: Terminology) -> None:
    assert [c.name for c in every(terminology) if c.molar_mass is not None and c.unit is None] == []


def test_a_concept_without_a_code_says_why(terminology: Terminology) -> None:
    assert [c.name for c in every(terminology) if not terminology.hits(c.name) and not c.note] == []


@pytest.mark.parametrize("line", ["snomed 396230008", "sonmed 396230008 Dermatomyositis", "x"])
def test_a_broken_code_line_is_refused(line: str) -> None:
    with pytest.raises(ConfigError, match=r"conditions\.toml: x"):
        read_codes("conditions.toml: x", line)


def test_the_hash_is_of_content(terminology: Terminology) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", terminology.hash)
    assert Terminology(terminology.concepts).hash == terminology.hash


def test_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in Path(str(DATA)).rglob("*") if path.is_file()) < 3_500_000


def test_importing_reads_no_data() -> None:
    script = "import fhirtrial.terminology as t; print(t.load.cache_info().currsize)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "0"


@needs_corpus
def test_every_code_passes_the_checker(terminology: Terminology, tmp_path: Path) -> None:
    rows: list[tuple[str, str, str]] = []
    for concept in every(terminology):
        codes = {*terminology.value_set(concept.name), *concept.coarse, *concept.history, *concept.denials}
        for code in sorted(codes):
            if KEYS[code.system] in TABLE_KEYS:
                # The checker compares words of three letters and more; a grade B display is not in the tables.
                words = re.search(r"\w{3}", code.display) if code.grade == "A" else None
                rows.append((TABLE_KEYS[KEYS[code.system]], code.code, code.display if words else ""))
    path = tmp_path / "codes.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("system", "code", "display"), *rows])
    checked = subprocess.run(
        [sys.executable, str(TABLES / "check_codes.py"), str(path)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout[-4000:]
    assert len(rows) > 15_000


@needs_corpus
@pytest.mark.parametrize("name", ["routes.toml", "qualitative.toml"])
def test_every_code_of_a_lexicon_is_confirmed(name: str) -> None:
    with (TABLES / "codes_snomed.csv").open(encoding="utf-8", newline="") as lines:
        known = {row["code"]: row["display"] for row in csv.DictReader(lines)}
    entries = tomllib.loads((DATA / name).read_text(encoding="utf-8"))
    codes = {code: display for entry in entries.values() for code, display in entry.get("snomed", {}).items()}
    assert codes
    assert {code: known.get(code) for code in codes} == codes


@needs_corpus
@pytest.mark.slow
def test_generated_tables_are_up_to_date(tmp_path: Path) -> None:
    pytest.importorskip("ucumvert")
    command = [sys.executable, "-m", "fhirtrial.terminology.generate", "--tables", str(TABLES), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    assert [name for name in GENERATED if content(tmp_path / name) != content(Path(str(DATA)) / name)] == []


def content(path: Path) -> bytes:
    """What a table says: compression libraries may differ in how they say it."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_the_loaded_file_is_made_of_the_concept_files(tmp_path: Path) -> None:
    generate(None, tmp_path)
    assert (tmp_path / "concepts.json").read_bytes() == (DATA / "concepts.json").read_bytes()


@needs_corpus
def test_few_names_come_from_tables_that_are_for_checking_only(capsys: pytest.CaptureFixture[str]) -> None:
    rows = shipped(TABLES, Path(str(DATA)))
    with capsys.disabled():
        print("\n" + ", ".join(f"{system} from {source}: {number}" for system, source, number in rows))
    snomed = {source: number for system, source, number in rows if system == "snomed"}
    assert snomed.keys() <= {"gps", "mondo_exact", "mcode", "sample", "utg", "vsac", "ohdsi"}
    assert sum(number for source, number in snomed.items() if source not in OPEN) < 200


# Names that hold a concept's name and are something else.
OTHER = {
    "multiple-sclerosis": {"155023009", "192930001", "176111000000101"},
}


@needs_corpus
def test_complete_in_snomed_means_no_disorder_of_that_name_is_missing(terminology: Terminology) -> None:
    with (TABLES / "codes_snomed.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["sources"] != "opensafely"]
    missing = []
    for concept in every(terminology):
        if URIS["snomed"] not in concept.complete:
            continue
        names = [name.lower() for name in (concept.label, *concept.synonyms) if len(name) > 6]
        tag = "(procedure)" if concept.kind == "procedure" else "(disorder)"
        for row in rows:
            display, key = row["display"].lower(), (concept.name, URIS["snomed"], row["code"])
            if not any(name in display for name in names) or (display.endswith(")") and not display.endswith(tag)):
                continue
            if row["code"] in OTHER.get(concept.name, ()) or terminology.is_history(*key):
                continue
            if not terminology.is_hit(*key) and not terminology.is_coarse(*key):
                missing.append((concept.name, row["code"], row["display"]))
    assert missing == []
