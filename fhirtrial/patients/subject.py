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
_RESEARCH = ("HRESCH", "CLINTRCH")
CONSENTS = {
    "active": True,
    "draft": False,
    "proposed": False,
    "rejected": False,
    "inactive": False,
    "entered-in-error": False,
}
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
        note("gender", "a code R4 does not have", "use male, female, other or unknown")
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
        note("birthDate", "a birth date in the future", "correct it; until then the age is unknown")
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
    has none; a provision that denies the purpose of research does so under any scope.
    """
    if not standing(CONSENTS, consent.status):
        return None
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


def _provisions(root: Provision) -> Iterable[Provision]:
    yield root
    for inner in root.provision:
        yield from _provisions(inner)


def _since(provision: Provision, consent: Consent) -> int:
    if provision.period is not None and provision.period.start:
        return period(provision.period, "provision.period")[0].low
    return when(consent.date_time, "dateTime").low


def enrolment(subject: ResearchSubject, source: Source) -> Enrolment | None:
    """Which study, by its reference and by every identifier recorded here."""
    if subject.status == "entered-in-error":
        return None
    if subject.status not in SUBJECT_STATES:
        raise BadValueError("status", "a code R4 does not have", f"use one of: {', '.join(sorted(SUBJECT_STATES))}")
    if subject.study is None:
        raise BadValueError("study", "no study", "name the study")
    study = source.references.find(subject.study, subject, source.url)
    identifiers = [subject.study.identifier] if subject.study.identifier is not None else []
    identifiers += study.identifier if isinstance(study, ResearchStudy) else ()
    since = period(subject.period, "period")[0].low
    return Enrolment(subject.study.reference, _identifiers(identifiers), subject.status, since)
