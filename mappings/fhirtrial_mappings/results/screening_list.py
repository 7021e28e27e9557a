"""A trial's screening list, kept by machine and people: a patient once proposed stays on it, flagged, never deleted.

Its entries are Patients, which every system can follow; why one is there says the GuidanceResponse of patient and
trial (`GuidanceResponse?subject=…&request=<registry>|<trial>`). An entry is the machine's while its flag is; entries,
flags, notes and the status that people gave are left as they are. A screening speaks only of those it screened: who
was found not to match stands in an extension, by the eight bytes of `mark`, so that a run over three patients flags
nobody else, and a patient whose file could not be read today is not taken for one who no longer matches.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.truth import Verdict
from fhirtrial.matching.result import Trial
from fhirtrial.plugins import MARK, Draft, Publication, Resource, Summary, mark
from fhirtrial_mappings.identity import slug
from fhirtrial_mappings.narrative import narrative
from fhirtrial_mappings.results.device import author
from fhirtrial_mappings.results.pair import identifier, study
from fhirtrial_mappings.results.research_subject import open_to_candidates

CODES = "screening-list"
STUDY = "screening-list-study"
UNMATCHED = "screening-list-unmatched"
EMPTY = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
FLAG = {Verdict.ELIGIBLE: "candidate", Verdict.PRESUMED_ELIGIBLE: "presumed"}
GONE = "no-longer-matching"
DISPLAY = {"candidate": "Candidate", "presumed": "Candidate by presumption", GONE: "No longer a candidate"}
MACHINE = ("identifier", "title", "code", "source", "subject")
MARKS = f">u{MARK}"
NOBODY = "No screened patient is a candidate"
Entry = dict[str, Any]


def r4(summary: Summary, to: Publication) -> list[Draft]:
    trial, on = summary.trial, summary.attrition.on.isoformat()
    system = to.canonical("CodeSystem", CODES)
    proposed: dict[str, Entry] = {}
    for one in summary.candidates if open_to_candidates(trial, to) else ():
        flag, item = _flag(system, FLAG[one.verdict]), {"reference": one.reference}
        proposed[one.reference] = {"flag": flag, "date": on, "item": item}
    resource = {
        "resourceType": "List",
        "id": f"screening-{slug(trial.id)}",
        "extension": [
            # R4's List.subject allows no study.
            {"url": to.canonical("StructureDefinition", STUDY), "valueReference": study(trial)},
            *_unmatched(summary, to),
        ],
        "identifier": [identifier(to, CODES, trial.id)],
        "status": "current",
        "mode": "working",
        "title": f"Screening list of {trial.id}",
        "code": {"coding": [{"system": system, "code": "screening-recommendations"}], "text": "Screening list"},
        "date": on,
        "source": author(to),
    }
    return [Draft(_filled(resource, list(proposed.values()), _why_empty(trial, to)))]


def r5(summary: Summary, to: Publication) -> list[Draft]:
    """In R5 a List's subject may be a study."""
    return [Draft(_in_r5(draft.resource, study(summary.trial))) for draft in r4(summary, to)]


def merge(existing: Resource, new: Resource) -> Resource | None:
    """The list on the server with this screening's candidates; None where only dates would change."""
    system = new["code"]["coding"][0]["system"]
    proposed: dict[str, Entry] = {e["item"]["reference"]: e for e in new.get("entry", [])}
    unmatched = _unmatched_of(new, [_reference(entry) for entry in existing.get("entry", [])])
    entries = [_now(entry, system, proposed, unmatched, new["date"]) for entry in existing.get("entry", [])]
    listed = {_reference(entry) for entry in entries}
    entries += [entry for reference, entry in proposed.items() if reference not in listed]
    kept = {key: value for key, value in existing.items() if key not in {"entry", "emptyReason", "extension"}}
    extensions = [*new.get("extension", []), *(e for e in existing.get("extension", []) if not _ours(e))]
    updated = {**kept, **{key: new[key] for key in MACHINE if key in new}, "date": new["date"]}
    updated |= {"extension": extensions} if extensions else {}
    merged = _filled(updated, entries, {} if entries else _empty(existing, new))
    unchanged = all(merged.get(key) == existing.get(key) for key in (*MACHINE, "entry", "emptyReason"))
    return None if unchanged else merged


def _in_r5(resource: Resource, subject: dict[str, str]) -> Resource:
    others = [e for e in resource["extension"] if not e["url"].endswith(f"/{STUDY}")]
    kept = {key: value for key, value in resource.items() if key != "extension"}
    return {**kept, **({"extension": others} if others else {}), "subject": [subject]}


def _now(entry: Entry, system: str, proposed: dict[str, Entry], unmatched: frozenset[str], date: str) -> Entry:
    """The entry after this screening; a person's, or one of whom this screening says nothing, is as it was."""
    flagged, reference = _machine_code(entry, system), _reference(entry)
    if flagged is None:
        return entry
    if reference in proposed:
        flag = proposed[reference]["flag"]
    elif reference in unmatched:
        flag = _flag(system, GONE)
    else:
        return entry
    return entry if flag["coding"][0]["code"] == flagged else {**entry, "flag": flag, "date": date}


def _machine_code(entry: Entry, system: str) -> str | None:
    """The flag that the machine gave; None where a person made the entry or changed its flag."""
    flag = entry.get("flag", {})
    codings = flag.get("coding", [])
    if "text" in flag or [c.get("system") for c in codings] != [system]:
        return None
    return str(codings[0].get("code"))


def _flag(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": DISPLAY[code]}]}


def _reference(entry: Entry) -> str:
    return str(entry.get("item", {}).get("reference", ""))


def _unmatched(summary: Summary, to: Publication) -> list[Resource]:
    """Who was found not to match; criteria that nobody reviewed take nobody from a list."""
    if not summary.trial.reviewed:
        return []
    candidates = b"".join(mark(one.reference) for one in summary.candidates)
    marks = np.setdiff1d(_numbers(summary.screened), _numbers(candidates))
    packed = base64.b64encode(marks.astype(MARKS).tobytes()).decode()
    return [{"url": to.canonical("StructureDefinition", UNMATCHED), "valueBase64Binary": packed}] if packed else []


def _unmatched_of(new: Resource, references: list[str]) -> frozenset[str]:
    """Those of the references whom the new list marks as not matching."""
    packed = next((e["valueBase64Binary"] for e in new.get("extension", []) if e["url"].endswith(f"/{UNMATCHED}")), "")
    marks = _numbers(b"".join(mark(reference) for reference in references))
    found = np.isin(marks, _numbers(base64.b64decode(packed)))
    return frozenset(reference for reference, gone in zip(references, found.tolist(), strict=True) if gone)


def _numbers(marks: bytes) -> NDArray[np.uint64]:
    """As numbers they have the order that they have as bytes."""
    return np.frombuffer(marks, MARKS).astype(np.uint64)


def _ours(extension: Resource) -> bool:
    return str(extension.get("url", "")).endswith((f"/{STUDY}", f"/{UNMATCHED}"))


def _empty(existing: Resource, new: Resource) -> Resource:
    """Why the list is empty; a person's finding (nilknown) stands."""
    before: Resource = existing.get("emptyReason", {})
    codes = {c.get("code") for c in before.get("coding", [])}
    if codes - {"closed", "withheld"}:
        return before
    reason: Resource = new["emptyReason"]
    return reason


def _filled(resource: Resource, entries: list[Entry], empty: Resource) -> Resource:
    """With its entries, or why there are none (never both, lst-1), and a narrative of their number."""
    found = {"entry": entries} if entries else {"emptyReason": empty}
    words = f"{resource['title']}: {len(entries)} patients. Proposed by software; a person decides."
    return {**resource, "text": narrative(words), **found}


def _why_empty(trial: Trial, to: Publication) -> Resource:
    """`nilknown` is a clinician's judgement (its definition says so), never a machine's."""
    if not trial.reviewed:
        return {"coding": [{"system": EMPTY, "code": "withheld"}], "text": "The criteria were not reviewed by a person"}
    if not trial.recruiting and not to.candidates_when_not_recruiting:
        return {"coding": [{"system": EMPTY, "code": "closed"}], "text": "The trial is not recruiting"}
    return {"text": NOBODY}
