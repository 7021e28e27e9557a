"""Registry documents of several kinds read to golden records, byte for byte, twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from records.regenerate import as_read

from fhirtrial.criteria.check import concepts_of
from fhirtrial.criteria.lower import atoms
from fhirtrial.criteria.text.parse import parse
from fhirtrial.records.pages.values import age_limits, date_in, phases_in
from fhirtrial.records.read import read_trials
from fhirtrial.records.record import TrialRecord, record_from_bytes, record_to_bytes
from fhirtrial.terminology import Concept, Terminology, load

DATA = Path(__file__).parent / "data"
SOURCES = sorted((DATA / "sources").iterdir())


def only(source: Path) -> TrialRecord:
    result = read_trials(source)
    assert result.failures == ()
    (record,) = result.records
    return record


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_golden(source: Path) -> None:
    golden = (DATA / "golden" / f"{source.stem}.json").read_bytes()
    assert record_to_bytes(as_read(source)) == golden
    assert record_to_bytes(record_from_bytes(golden, "golden")) == golden


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_its_items_get_their_trees_and_nothing_else_changes(source: Path) -> None:
    """Once each, with what the titles spell out; what the trees say is the parser's own tests' to hold."""
    before = as_read(source)
    title = " ".join(t for t in (before.brief_title, before.official_title) if t)
    assert only(source) == before.model_copy(update={"criteria": parse(before.criteria, load(), title)})


def test_terminology_is_an_argument() -> None:
    small = Terminology({"dialysis": Concept("dialysis", "procedure", "Dialysis")})
    (known,) = read_trials(DATA / "sources" / "page_inline.txt", small).records
    (unknown,) = read_trials(DATA / "sources" / "page_inline.txt", Terminology({})).records
    assert (concepts(known), concepts(unknown)) == ({"dialysis"}, set())


def concepts(record: TrialRecord) -> set[str]:
    return {name for c in record.criteria for atom in atoms(c.tree) for name in concepts_of(atom)}


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_line_ends_and_a_byte_order_mark_change_nothing_but_the_source(source: Path, tmp_path: Path) -> None:
    other = tmp_path / source.name
    other.write_bytes(b"\xef\xbb\xbf" + source.read_bytes().replace(b"\n", b"\r\n"))
    assert only(other) == only(source)


def test_a_record_holds_no_path(tmp_path: Path) -> None:
    copy = tmp_path / "page_headed.txt"
    copy.write_bytes((DATA / "sources" / "page_headed.txt").read_bytes())
    assert str(tmp_path).encode() not in record_to_bytes(only(copy))


def test_furniture_never_becomes_a_criterion() -> None:
    for source in SOURCES:
        said = " ".join(c.text for c in only(source).criteria)
        for decoy in ("side effects", "older than 70", "NCT09999999", "prednisone", "flare", "Copyright", "12 week"):
            assert decoy not in said


def test_a_description_that_quotes_criteria_is_not_the_eligibility_section(tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text(
        "Detailed Description\nInclusion Criteria\n* quoted\nExclusion Criteria\n* quoted too\n"
        "Study Type\nINTERVENTIONAL\nInclusion Criteria\n* real\nExclusion Criteria\n* real too\n",
        encoding="utf-8",
    )
    assert [c.text for c in only(page).criteria] == ["real", "real too"]


def test_an_eligibility_section_without_headings_is_read_and_flagged(tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text("Study Type\nINTERVENTIONAL\nEligibility Criteria\n* Asthma\n* Adult\nSponsors\nClinic\n", "utf-8")
    record = only(page)
    assert [c.id for c in record.criteria] == ["inc-1", "inc-2", "defect-1"]
    assert record.defects[0].code == "no_section_headings"


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("18 Years", ("18 Years", None)),
        ("18 Years and older", ("18 Years", None)),
        ("≥18 years", ("18 Years", None)),
        ("18+", ("18 Years", None)),
        ("18-75 years", ("18 Years", "75 Years")),
        ("6 Months to 17 Years", ("6 Months", "17 Years")),
        ("up to 17 Years", (None, "17 Years")),
        ("Child, Adult", None),
        ("2022", None),
    ],
)
def test_age_limits(text: str, limits: tuple[str | None, str | None] | None) -> None:
    assert age_limits(text) == limits


@pytest.mark.parametrize(
    ("text", "phases"),
    [
        ("PHASE2", ("PHASE2",)),
        ("Phase 1/Phase 2", ("PHASE1", "PHASE2")),
        ("Phase 1/2", ("PHASE1", "PHASE2")),
        ("Early Phase 1", ("EARLY_PHASE1",)),
        ("Not Applicable", ("NA",)),
        ("N/A", ("NA",)),
        ("Phase X", None),
        ("2", None),
        ("phase", None),
    ],
)
def test_phases(text: str, phases: tuple[str, ...] | None) -> None:
    assert phases_in(text) == phases


@pytest.mark.parametrize(
    ("text", "date"),
    [("Started 2022-01-01", "2022-01-01"), ("March 3, 2024", "2024-03-03"), ("Jun 2024", "2024-06"), ("2024", None)],
)
def test_dates(text: str, date: str | None) -> None:
    assert date_in(text) == date
