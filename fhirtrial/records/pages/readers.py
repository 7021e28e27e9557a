"""What each slot of a page holds and how it is read: one line per slot in the table at the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhirtrial.records.codes import code_of
from fhirtrial.records.fields import Location, PartialDate, Reference
from fhirtrial.records.pages.blocks import Block
from fhirtrial.records.pages.labels import NOT_GIVEN
from fhirtrial.records.pages.people import read_agencies, read_contacts, read_ids, read_locations, read_officials
from fhirtrial.records.pages.values import (
    Badges,
    age_limits,
    date_in,
    date_type,
    design_field,
    enrollment_in,
    is_yes_no,
    phases_in,
)
from fhirtrial.records.record import RecordNote

NCT = re.compile(r"\bNCT\d{8}\b")
_DATES = {
    "start_date": "start_date",
    "primary_completion": "primary_completion_date",
    "completion": "completion_date",
    "last_update": "last_update_post_date",
    "first_posted": "study_first_post_date",
}


@dataclass
class Page:
    """What has been read of one page so far."""

    values: dict[str, Any] = field(default_factory=dict)
    eligibility: dict[str, Any] = field(default_factory=dict)
    design: dict[str, Any] = field(default_factory=dict)
    notes: list[RecordNote] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)

    def unlabelled(self, path: str, text: str) -> None:
        self.notes.append(RecordNote(code="unlabelled", path=path, text=text))

    def put(self, name: str, value: object) -> None:
        """The first value of a field stays."""
        if value not in (None, ()) and name not in self.values:
            self.values[name] = value


def put_badges(page: Page, badges: Badges) -> None:
    page.put("overall_status", badges.status)
    page.put("phases", badges.phases)
    page.put("study_type", badges.study_type)
    page.put("enrollment", badges.enrollment)
    page.put("start_date", PartialDate(date=badges.start_date) if badges.start_date else None)
    page.put("locations", (Location(country=badges.country),) if badges.country else None)
    for name, date in zip(("start_date", "completion_date"), sorted(badges.dates), strict=False):
        if name not in page.values and len(badges.dates) == 2:
            page.put(name, PartialDate(date=date))
            page.unlabelled(name, f"{date}: the earlier and the later of two dates without a label")


def _one(read: Callable[[Page, str], bool]) -> Callable[[Page, Block], None]:
    """A reader of one value: the first line is its own if it fits; the others are loose."""

    def reader(page: Page, block: Block) -> None:
        if not block.lines:
            return
        fits = read(page, block.lines[0]) or NOT_GIVEN.match(block.lines[0]) is not None
        page.loose.extend(block.lines[1:] if fits else block.lines)

    return reader


def _coded(name: str) -> Callable[[Page, str], bool]:
    def read(page: Page, line: str) -> bool:
        code = code_of("TrialRecord", name, line)
        page.put(name, code)
        return code is not None

    return read


def _design(name: str) -> Callable[[Page, str], bool]:
    def read(page: Page, line: str) -> bool:
        code = code_of("Design", name, re.split(r"[(,]", line)[0]) or code_of("Design", name, line)
        if code:
            page.design.setdefault(name, code)
            if name == "masking":
                _read_who_masked(page, line)
        return code is not None

    return read


def _read_who_masked(page: Page, line: str) -> None:
    """The roles in brackets of "Double (Participant, Investigator)"."""
    inside = re.search(r"\((.+)\)", line)
    codes = [code_of("Design", "who_masked", each) for each in inside[1].split(",")] if inside else []
    if codes and all(codes):
        page.design.setdefault("who_masked", tuple(codes))


def _read_phase(page: Page, line: str) -> bool:
    phases = phases_in(line)
    page.put("phases", phases)
    return phases is not None


def _read_enrollment(page: Page, line: str) -> bool:
    enrollment = enrollment_in(line)
    page.put("enrollment", enrollment)
    return enrollment is not None


def _read_nct(page: Page, line: str) -> bool:
    match = NCT.search(line)
    page.put("nct_id", match.group() if match else None)
    return match is not None


def _read_sex(page: Page, line: str) -> bool:
    code = code_of("Eligibility", "sex", line)
    if code:
        page.eligibility.setdefault("sex", code)
    return code is not None


def _read_ages(page: Page, line: str) -> bool:
    limits = age_limits(line)
    for name, value in zip(("minimum_age", "maximum_age"), limits or (None, None), strict=True):
        if value:
            page.eligibility.setdefault(name, value)
    return limits is not None


def _age(name: str) -> Callable[[Page, str], bool]:
    def read(page: Page, line: str) -> bool:
        limits = age_limits(line)
        value = next((v for v in limits if v), None) if limits else None
        if value:
            page.eligibility.setdefault(name, value)
        return value is not None

    return read


def _read_healthy(page: Page, line: str) -> bool:
    if is_yes_no(line):
        page.eligibility.setdefault("healthy_volunteers", line.strip().lower() == "yes")
    return is_yes_no(line)


def _date(name: str) -> Callable[[Page, str], bool]:
    def read(page: Page, line: str) -> bool:
        date = date_in(line)
        page.put(name, PartialDate(date=date, type=date_type(line)) if date else None)
        return date is not None

    return read


def _text(name: str) -> Callable[[Page, Block], None]:
    def reader(page: Page, block: Block) -> None:
        kept = [line for line in block.lines if not NOT_GIVEN.match(line)]
        page.put(name, "\n".join(kept) or None)

    return reader


def _line(name: str) -> Callable[[Page, str], bool]:
    def read(page: Page, line: str) -> bool:
        page.put(name, line)
        return True

    return read


def _list(name: str, read: Callable[[tuple[str, ...]], tuple[object, ...]]) -> Callable[[Page, Block], None]:
    def reader(page: Page, block: Block) -> None:
        page.put(name, read(tuple(line for line in block.lines if not NOT_GIVEN.match(line))))

    return reader


def _read_sponsor(page: Page, block: Block) -> None:
    agencies = read_agencies(block.lines)
    page.put("lead_sponsor", agencies[0] if agencies else None)
    page.put("collaborators", agencies[1:])


def _read_basics(page: Page, block: Block) -> None:
    badges = Badges()
    for line in block.lines:
        if badges.read(line):
            page.unlabelled("", line)
        else:
            page.loose.append(line)
    put_badges(page, badges)


def _read_design(page: Page, block: Block) -> None:
    for line in block.lines:
        found = design_field(line, frozenset(page.design))
        if found is None:
            page.loose.append(line)
        else:
            page.design[found[0]] = found[1]
            page.unlabelled(f"design.{found[0]}", line)


def _read_tail(page: Page, block: Block) -> None:
    """Bare values behind the last list: a first age is the minimum, a second the maximum."""
    ages = [line for line in block.lines if age_limits(line)]
    for name, age in zip(("minimum_age", "maximum_age"), ages, strict=False):
        if name not in page.eligibility:
            _read_ages(page, age) if name == "minimum_age" else page.eligibility.setdefault(name, age)
    for line in block.lines:
        page.unlabelled("eligibility", f"{line}: stands behind the criteria without a label")
        if line not in ages:
            _ = _read_sex(page, line) or _read_healthy(page, line)


def _read_ids(page: Page, block: Block) -> None:
    own, others = read_ids(block.lines)
    page.put("org_study_id", own)
    page.put("secondary_ids", others)


READERS: Mapping[str, Callable[[Page, Block], None]] = {
    "title": _one(_line("brief_title")),
    "official_title": _one(_line("official_title")),
    "acronym": _one(_line("acronym")),
    "nct_id": _one(_read_nct),
    "status": _one(_coded("overall_status")),
    "phase": _one(_read_phase),
    "study_type": _one(_coded("study_type")),
    **{slot: _one(_date(name)) for slot, name in _DATES.items()},
    "conditions": _list("conditions", lambda lines: lines),
    "keywords": _list("keywords", lambda lines: lines),
    "sponsor": _read_sponsor,
    "sponsors": _read_sponsor,
    "collaborators": _list("collaborators", read_agencies),
    "officials": _list("overall_officials", read_officials),
    "contacts": _list("central_contacts", read_contacts),
    "brief_summary": _text("brief_summary"),
    "detailed_description": _text("detailed_description"),
    **{name: _one(_design(name)) for name in ("allocation", "intervention_model", "primary_purpose", "masking")},
    **{name: _one(_design(name)) for name in ("observational_model", "time_perspective")},
    "enrollment": _one(_read_enrollment),
    "basics": _read_basics,
    "design": _read_design,
    "sex": _one(_read_sex),
    "ages": _one(_read_ages),
    "minimum_age": _one(_age("minimum_age")),
    "maximum_age": _one(_age("maximum_age")),
    "healthy_volunteers": _one(_read_healthy),
    "references": _list("references", lambda lines: tuple(Reference(citation=line) for line in lines)),
    "other_ids": _read_ids,
    "locations": _list("locations", read_locations),
    "tail": _read_tail,
}
