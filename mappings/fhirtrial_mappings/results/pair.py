"""What a pair of patient and trial is called on a server, and how results refer to what they speak of.

A pair's id is made of the trial and a hash of the reference under which the server knows the patient: the same pair
has the same id in every run, and no id spells a patient's own.
"""

from __future__ import annotations

import hashlib
import re

from fhirtrial.matching.result import Match, Trial
from fhirtrial.plugins import Publication, Screening
from fhirtrial_mappings.identity import NCT, TRIAL_SYSTEM, slug

RELATIVE = re.compile(r"([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}")


def study(trial: Trial) -> dict[str, str]:
    return {"reference": f"ResearchStudy/{slug(trial.id)}"}


def registration(trial: Trial, to: Publication) -> dict[str, str]:
    """The trial's own identifier, by which all its results are found."""
    system = NCT if trial.id.startswith("NCT") else f"{to.base}{TRIAL_SYSTEM}"
    return {"system": system, "value": trial.id}


def pair_id(screening: Screening, match: Match) -> str:
    return f"{slug(screening.trial.id)}-{digest(screening.subject(match)['reference'])[:32]}"


def digest(reference: str) -> str:
    return hashlib.sha256(reference.encode()).hexdigest()


def identifier(to: Publication, kind: str, value: str) -> dict[str, str]:
    """An identifier of this software's making; `kind` says of what."""
    return {"system": to.canonical("NamingSystem", kind), "value": value}


def source(screening: Screening, to: Publication, resource: str, version: str = "") -> dict[str, object]:
    """A reference to a resource of the patient's record.

    It is literal only where `references` says that the target server holds the resource: a literal reference to what
    it does not hold breaks its referential integrity. Anything else is named by the identifier it has at its source.
    """
    held = screening.references.get(resource)
    if held is not None:
        return {"reference": _versioned(held, version)}
    logical: dict[str, object] = {"identifier": identifier(to, "source", _versioned(resource, version))}
    if relative := RELATIVE.fullmatch(resource):
        logical["type"] = relative[1]
    return logical


def _versioned(reference: str, version: str) -> str:
    return f"{reference}/_history/{version}" if version else reference
