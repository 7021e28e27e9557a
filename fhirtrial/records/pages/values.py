"""One printed value → the registry's form: ages, dates, counts and badges; what is not recognised is None."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fhirtrial.records.codes import CODES, code_of
from fhirtrial.records.fields import Enrollment

_UNIT = r"(?:years?|yrs?|months?|weeks?|days?|hours?|minutes?)"
_AGE = re.compile(rf"^\d+\s*{_UNIT}(?:\s*(?:and|or)\s+(?:older|above|over))?$", re.IGNORECASE)
_RANGE = re.compile(rf"^(\d+)\s*({_UNIT})?\s*(?:-|–|—|to|~)\s*(\d+)\s*({_UNIT})(?:\s+old)?$", re.IGNORECASE)
_FROM = re.compile(
    rf"^(?:≥|>=|at least|from|over)?\s*(\d+)\s*({_UNIT})(?:\s+old)?(?:\s*(?:and|or)\s+\w+|\s*\+)?$", re.IGNORECASE
)
_PLUS = re.compile(r"^(\d+)\s*\+$")
_UP_TO = re.compile(rf"^(?:up to|≤|<=|until)\s*(\d+)\s*({_UNIT})(?:\s+old)?$", re.IGNORECASE)
_DATE = re.compile(r"\b(\d{4}-\d{2}(?:-\d{2})?)\b")
_NAMED_DATE = re.compile(r"\b([A-Z][a-z]{2})[a-z]*\.?\s+(?:(\d{1,2}),?\s+)?(\d{4})\b")
_MONTHS = {
    m: i for i, m in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1)
}
_COUNT = re.compile(r"(\d[\d,.]*)\s*(?:participants?|patients?|subjects?|people)?", re.IGNORECASE)
_PEOPLE = re.compile(r"(\d[\d,]*)\s+(?:participants|patients|subjects)(?![a-z])")
_STARTED = re.compile(r"\bstart(?:ed|s)?:?\s+(\d{4}-\d{2}(?:-\d{2})?)|(?<=[a-z])Started\s*(\d{4}-\d{2}(?:-\d{2})?)")
_UNITS = {"y": "Years", "mo": "Months", "w": "Weeks", "d": "Days", "h": "Hours", "mi": "Minutes"}


def is_age(text: str) -> bool:
    return _AGE.match(text.strip()) is not None


def is_sex(text: str) -> bool:
    return code_of("Eligibility", "sex", text) is not None


def is_yes_no(text: str) -> bool:
    return text.strip().lower() in {"yes", "no"}


def age_limits(text: str) -> tuple[str | None, str | None] | None:
    """Minimum and maximum age as the registry writes them ("18 Years"); None when the text is no age.

    >>> age_limits("18-75 years"), age_limits("18 Years and older"), age_limits("up to 17 Years")
    (('18 Years', '75 Years'), ('18 Years', None), (None, '17 Years'))
    """
    text = text.strip()
    if match := _RANGE.match(text):
        return f"{match[1]} {_unit(match[2] or match[4])}", f"{match[3]} {_unit(match[4])}"
    if match := _UP_TO.match(text):
        return None, f"{match[1]} {_unit(match[2])}"
    if match := _FROM.match(text):
        return f"{match[1]} {_unit(match[2])}", None
    if match := _PLUS.match(text):
        return f"{match[1]} Years", None
    return None


def _unit(printed: str) -> str:
    folded = printed.lower()
    return next(name for begin, name in _UNITS.items() if folded.startswith(begin))


def date_in(text: str) -> str | None:
    """The date in a text, as yyyy-MM or yyyy-MM-dd.

    >>> date_in("Started 2022-01-01"), date_in("January 5, 2024"), date_in("Mar 2021")
    ('2022-01-01', '2024-01-05', '2021-03')
    """
    if match := _DATE.search(text):
        return match[1]
    match = _NAMED_DATE.search(text)
    if match is None or match[1] not in _MONTHS:
        return None
    day = f"-{int(match[2]):02d}" if match[2] else ""
    return f"{match[3]}-{_MONTHS[match[1]]:02d}{day}"


def date_type(text: str) -> str | None:
    return next((t.upper() for t in ("actual", "estimated") if t in text.lower()), None)


def enrollment_in(text: str) -> Enrollment | None:
    match = _COUNT.match(text.strip())
    if match is None:
        return None
    return Enrollment(count=int(re.sub(r"\D", "", match[1])), type=date_type(text))


def phases_in(text: str) -> tuple[str, ...] | None:
    """Phases of "PHASE2", "Phase 1/Phase 2", "Phase 2, Phase 3", "Phase 1/2"; None unless all of it is phases."""
    parts = [p for p in re.split(r"\s*[/,|&]\s*", text.strip()) if p]
    first = re.match(r"(?i)(early\s+)?phase\s*", text.strip())
    codes = [code_of("TrialRecord", "phases", p if not p.isdigit() or not first else f"Phase {p}") for p in parts]
    if text.strip().upper() in {"N/A", "NOT APPLICABLE"}:
        return ("NA",)
    return tuple(c for c in codes if c) if codes and all(codes) else None


@dataclass
class Badges:
    """What short unlabelled lines of a page's head say."""

    status: str | None = None
    phases: tuple[str, ...] = ()
    study_type: str | None = None
    enrollment: Enrollment | None = None
    start_date: str | None = None
    dates: list[str] = field(default_factory=list)
    country: str | None = None

    def read(self, line: str) -> bool:
        """Takes a line in, and says whether all of it was understood; two badges may be printed without a space."""
        if self._one(line):
            return True
        for cut in (match.start() for match in re.finditer(r"(?<=[a-z)])(?=[A-Z])", line)):
            if _known(line[:cut]) and _known(line[cut:]):
                return self._one(line[:cut]) and self._one(line[cut:])
        return self._people(line)

    def _one(self, text: str) -> bool:
        status = code_of("TrialRecord", "overall_status", text)
        phases = phases_in(text)
        study_type = code_of("TrialRecord", "study_type", text)
        if status and self.status is None:
            self.status = status
        elif phases and not self.phases:
            self.phases = phases
        elif study_type and self.study_type is None:
            self.study_type = study_type
        elif re.fullmatch(r"\d{4}-\d{2}(?:-\d{2})?", text.strip()):
            self.dates.append(text.strip())
        else:
            return False
        return True

    def _people(self, line: str) -> bool:
        """A count of people, with a country before and a start date behind ("China111 participantsStarted 2022-01")."""
        match = _PEOPLE.search(line)
        if match is None or len(line.split()) > 15 or line.endswith("."):
            return False
        started = _STARTED.search(line, match.end() - 1)
        before = line[: match.start()].strip()
        if before and re.fullmatch(r"[A-Z][A-Za-z]+(?: (?:of |and )?[A-Z][a-z]+)*", before) is None:
            return False
        self.enrollment = self.enrollment or Enrollment(count=int(match[1].replace(",", "")))
        if started:
            self.start_date = started[1] or started[2]
        self.country = before or self.country
        return True


def _known(text: str) -> bool:
    return bool(
        code_of("TrialRecord", "overall_status", text) or phases_in(text) or code_of("TrialRecord", "study_type", text)
    )


DESIGN_FIELDS = (
    "allocation",
    "intervention_model",
    "primary_purpose",
    "masking",
    "observational_model",
    "time_perspective",
)


def design_field(printed: str, taken: frozenset[str]) -> tuple[str, str] | None:
    """The first design field, of those not yet taken, that has a code for this value."""
    for name in DESIGN_FIELDS:
        if name not in taken and ("Design", name) in CODES:
            code = code_of("Design", name, printed)
            if code:
                return name, code
    return None
