"""Patient, Consent and ResearchSubject → who the facts are about, and what stands above every criterion.

A missing birth date or sex stays unknown; a Patient resource that carries an unknown modifier tells neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fhirtrial.errors import Problem
from fhirtrial.patients.codes import has
from fhirtrial.patients.dates import BadValueError, period, when
from fhirtrial.patients.elements import ABSENT_REASON, Identifier
from fhirtrial.patients.facts import CEIL, FLOOR, Enrolment
from fhirtrial.patients.facts import Patient as Subject
from fhirtrial.patients.resources import Consent, Patient, Provision, ResearchStudy, ResearchSubject
from fhirtrial.patients.source import Source, standing
from fhirtrial.terminology.systems import canonical

Note = Callable[[str, str, str], None]
_SEXES = {"male": "male", "female": "female", "other": "", "unknown": "", "": ""}
_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
_STATE = "http://terminology.hl7.org/CodeSystem/research-subject-state"
BORN_LATER = "a birth date in the future"
_RESEARCH = ("HRESCH", "CLINTRCH")
CONSENTS = {
    "active": True,
    "draft": False,
    "proposed": False,
    "rejected": False,
    "inactive": False,
    "not-done": False,
    "unknown": False,
    "entered-in-error": False,
}
# R5's status of a ResearchSubject is the record's own; one that was withdrawn says nothing.
RECORDS = {"draft": True, "active": True, "unknown": True, "retired": False}
SUBJECT_STATES = frozenset(
    {
        "candidate", "eligible", "follow-up", "ineligible", "not-registered", "off-study", "on-study",
        "on-study-intervention", "on-study-observation", "pending-on-study", "potential-candidate", "screening",
        "withdrawn",
    }
)  # fmt: skip
_TRUTHS = {"permit": "permit", "deny": "deny", "": ""}


def read_patient(patient: Patient, reference: str, where: str, today: int) -> tuple[Subject, list[Problem]]:
    """`today` is the last day on which a birth can lie: the index date, or the day of the data."""
    problems: list[Problem] = []

    def note(path: str, got: str, todo: str) -> None:
        problems.append(Problem(where, path, got, todo))

    birth = _birth(patient, today, note)
    sex = _SEXES.get(patient.gender, "")
    if patient.gender not in _SEXES:
        note("gender", "a code FHIR does not have", "use male, female, other or unknown")
    if patient.modifier_extension or patient.implicit_rules:
        note("modifierExtension", "a modifier that is not understood", "its birth date and sex are not used; remove it")
        birth, sex = None, ""
    return Subject(
        reference=reference,
        identifiers=_identifiers(patient.identifier),
        birth=birth,
        sex=sex,
        died=_death(patient, note),
        active=patient.active,
        replaced=any(link.type == "replaced-by" for link in patient.link),
        resource_version=patient.meta.version_id if patient.meta is not None else "",
    ), problems


def _identifiers(given: Iterable[Identifier]) -> tuple[tuple[str, str], ...]:
    return tuple((canonical(one.system), one.value) for one in given if one.value)


def _birth(patient: Patient, today: int, note: Note) -> tuple[int, int] | None:
    """A birth date that the record itself says is not known is no fault of the record."""
    if not patient.birth_date:
        beside = patient.birth_date_extended
        if beside is not None and any(one.url == ABSENT_REASON for one in beside.extension):
            return None
        note("birthDate", "no birth date", "send it, to any precision; until then the age is unknown")
        return None
    try:
        born = when(patient.birth_date, "birthDate")
    except BadValueError as error:
        note(error.path, error.got, error.todo)
        return None
    if born.low > today:
        note("birthDate", BORN_LATER, "correct it; until then the age is unknown")
        return None
    return born.low, born.high


def _death(patient: Patient, note: Note) -> tuple[int, int] | None:
    """A death whose date cannot be read is still a death."""
    if not patient.deceased_date_time:
        return (FLOOR, CEIL) if patient.deceased_boolean else None
    try:
        died = when(patient.deceased_date_time, "deceasedDateTime")
    except BadValueError as error:
        note(error.path, error.got, error.todo)
        return FLOOR, CEIL
    return died.low, died.high


def research_refusal(consent: Consent) -> int | None:
    """The first day on which this Consent denies research; None where it does not.

    The base rule is the root provision's type, or its policy (opt-in, opt-out) where R4's wording is kept and the root
    has none; a provision that denies the purpose of research does so under any scope. In R5 the base rule is the
    decision, and the provisions are exceptions to it.
    """
    if not standing(CONSENTS, consent.status):
        return None
    if consent.decision or isinstance(consent.provision, tuple):
        return _refusal_in_r5(consent)
    root = consent.provision if consent.provision is not None else Provision()
    opted_out = any(
        coding.code.startswith("OPTOUT")
        for coding in (consent.policy_rule.coding if consent.policy_rule is not None else ())
        if canonical(coding.system) == _ACT_CODE
    )
    base = standing(_TRUTHS, root.type, "provision.type")
    if has(consent.scope, _SCOPE, "research") and (base == "deny" or (not base and opted_out)):
        return _since(root, consent)
    denials = [one for one in _provisions(root) if standing(_TRUTHS, one.type, "provision.type") == "deny"]
    days = [_since(one, consent) for one in denials if any(code.code in _RESEARCH for code in one.purpose)]
    return min(days, default=None)


def _refusal_in_r5(consent: Consent) -> int | None:
    exceptions = consent.provision if isinstance(consent.provision, tuple) else ()
    of_research = [one for one in exceptions if any(code.code in _RESEARCH for code in one.purpose)]
    if standing(_TRUTHS, consent.decision, "decision") == "permit":
        return min((_since(one, consent) for one in of_research), default=None)
    denies = consent.decision == "deny" and any(has(one, _CATEGORY, "research") for one in consent.category)
    return _since(Provision(period=consent.period), consent) if denies and not of_research else None


def _provisions(root: Provision) -> Iterable[Provision]:
    yield root
    for inner in root.provision:
        yield from _provisions(inner)


def _since(provision: Provision, consent: Consent) -> int:
    if provision.period is not None and provision.period.start:
        return period(provision.period, "provision.period")[0].low
    return when(consent.date_time, "dateTime").low if consent.date_time else when(consent.date, "date").low


def enrolment(subject: ResearchSubject, source: Source) -> Enrolment | None:
    """Which study, by its reference and by every identifier recorded here."""
    if subject.status == "entered-in-error":
        return None
    in_r5 = subject.status in RECORDS
    if in_r5 and not RECORDS[subject.status]:
        return None
    state, path = (_progress(subject), "progress.subjectState") if in_r5 else (subject.status, "status")
    if state not in SUBJECT_STATES:
        raise BadValueError(path, "a code FHIR does not have", f"use one of: {', '.join(sorted(SUBJECT_STATES))}")
    if subject.study is None:
        raise BadValueError("study", "no study", "name the study")
    study = source.references.find(subject.study, subject, source.url)
    identifiers = [subject.study.identifier] if subject.study.identifier is not None else []
    identifiers += study.identifier if isinstance(study, ResearchStudy) else ()
    since = period(subject.period, "period")[0].low
    return Enrolment(subject.study.reference, _identifiers(identifiers), state, since)


def _progress(subject: ResearchSubject) -> str:
    """R5: the state now, which is the one that has not ended; of several the latest, as far as they are dated."""
    states = [p for p in subject.progress if p.subject_state is not None]
    current = [p for p in states if not p.end_date] or states
    latest = max(current, key=lambda p: p.start_date, default=None)
    codes = latest.subject_state.coding if latest is not None and latest.subject_state is not None else ()
    return next((coding.code for coding in codes if coding.system in (_STATE, "")), "")
