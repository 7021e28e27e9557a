"""Sponsors, officials, contacts, places and identifiers of a page's blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhirtrial.records.codes import code_of
from fhirtrial.records.fields import Agency, Contact, Location, Official, OrgStudyId, SecondaryId

_ROLE = re.compile(r"^role\s*:\s*(.+)$", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_PHONE = re.compile(r"\+?\d[\d\s().-]{6,}\d")
_COUNTED = re.compile(r"^\w+ \(\d+\)$")
_ID_FACT = re.compile(r"^identifier (type|source)\s*:\s*(.*)$", re.IGNORECASE)


def read_agencies(lines: Sequence[str]) -> tuple[Agency, ...]:
    """Names, each with its class on the next line where the page prints one."""
    found: list[Agency] = []
    for line in lines:
        code = code_of("Agency", "agency_class", line)
        if code and found and found[-1].agency_class is None:
            found[-1] = Agency(name=found[-1].name, agency_class=code)
        else:
            found.append(Agency(name=line))
    return tuple(found)


def read_officials(lines: Sequence[str]) -> tuple[Official, ...]:
    """A name, "Role: …", an affiliation; without a role line, names only."""
    found: list[Official] = []
    for place, line in enumerate(lines):
        role = _ROLE.match(line)
        before = lines[place - 1] if place else ""
        if role and found and before == found[-1].name:
            code = code_of("Official", "role", role[1]) or role[1]
            found[-1] = found[-1].model_copy(update={"role": code})
        elif _ROLE.match(before) and found and found[-1].affiliation is None:
            found[-1] = found[-1].model_copy(update={"affiliation": line})
        else:
            found.append(Official(name=line))
    return tuple(found)


def read_contacts(lines: Sequence[str]) -> tuple[Contact, ...]:
    found: list[Contact] = []
    for line in lines:
        email, phone = _EMAIL.search(line), _PHONE.search(line)
        if (email or phone) and found:
            told = {"email": email and email.group(), "phone": phone.group() if phone and not email else None}
            found[-1] = found[-1].model_copy(update={k: v for k, v in told.items() if v})
        elif email or phone:
            found.append(Contact(email=email and email.group(), phone=phone and phone.group()))
        else:
            found.append(Contact(name=line, role="CONTACT"))
    return tuple(found)


def read_locations(lines: Sequence[str]) -> tuple[Location, ...]:
    """A facility and, below it, "city, state, country"; flags and counts are passed over."""
    found: list[Location] = []
    facility: str | None = None
    for line in lines:
        if not re.search(r"[A-Za-z]", line) or _COUNTED.match(line):
            continue
        parts = [p.strip() for p in line.split(",")]
        if len(parts) in {2, 3, 4} and facility is not None and len(line.split()) <= 10:
            state = parts[1] if len(parts) > 2 else None
            found.append(Location(facility=facility, city=parts[0], state=state, country=parts[-1]))
            facility = None
        else:
            if facility is not None:
                found.append(Location(facility=facility))
            facility = line
    if facility is not None:
        found.append(Location(facility=facility))
    return tuple(found)


def read_ids(lines: Sequence[str]) -> tuple[OrgStudyId | None, tuple[SecondaryId, ...]]:
    """Identifiers, each with "Identifier Type:" and "Identifier Source:" lines below; the sponsor's own comes first."""
    facts: list[tuple[str, dict[str, str]]] = []
    for line in lines:
        match = _ID_FACT.match(line)
        if match and facts:
            facts[-1][1][match[1].lower()] = match[2].strip(" -")
        else:
            facts.append((line, {}))
    own = next((OrgStudyId(id=i) for i, told in facts if told.get("source") == "org_study_id"), None)
    rest = (
        SecondaryId(id=i, type=told.get("type") or None) for i, told in facts if told.get("source") != "org_study_id"
    )
    return own, tuple(rest)
