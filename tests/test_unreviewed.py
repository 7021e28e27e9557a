"""Trees that nobody reviewed: they match, they say so wherever they are shown, and they never propose anybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import small_trial
from small_trial import bundle

import fhirtrial
from fhirtrial.console import explanation
from fhirtrial.matching.result import Match
from fhirtrial.records.record import TrialRecord
from fhirtrial.samples import DEMO_DATE

CONFORMANCE = {"Library", "PlanDefinition", "Questionnaire", "Measure"}


def as_read(folder: Path, eligibility: dict[str, Any] | None = None) -> TrialRecord:
    """The small trial with the parser's trees."""
    study = json.loads(json.dumps(small_trial.STUDY))
    study["protocolSection"]["eligibilityModule"] |= eligibility or {}
    (folder / "study.json").write_text(json.dumps(study))
    return fhirtrial.read_trials(folder / "study.json").records[0]


def matched(record: TrialRecord) -> Match:
    (match,) = fhirtrial.match(fhirtrial.load_trials([record]), bundle(), on=DEMO_DATE)
    return match


def published(record: TrialRecord) -> dict[str, set[tuple[str, bool | None]]]:
    found: dict[str, set[tuple[str, bool | None]]] = {}
    for entry in fhirtrial.map_trial(record)["entry"]:
        one = entry["resource"]
        if one["resourceType"] in CONFORMANCE:
            found.setdefault(one["resourceType"], set()).add((one["status"], one["experimental"]))
    return found


def written(match: Match) -> list[str]:
    return sorted(e["resource"]["resourceType"] for b in fhirtrial.report([match]) for e in b["entry"])


def test_an_unreviewed_trial_matches_and_says_so(tmp_path: Path) -> None:
    record = as_read(tmp_path)
    match = matched(record)
    assert [(r.criterion.id, r.truth.label) for r in match.criteria] == [
        ("inc-1", "yes"),
        ("exc-1", "no"),
        ("age", "yes"),
    ]
    assert (match.verdict.label, match.to_json("evidence")["reviewed"]) == ("eligible", False)
    assert any("not reviewed" in str(part) for part in explanation(match))


def test_it_proposes_nobody_and_its_artifacts_are_drafts(tmp_path: Path) -> None:
    record = as_read(tmp_path)
    assert published(record) == {kind: {("draft", True)} for kind in CONFORMANCE}
    assert "GuidanceResponse" in written(matched(record))
    assert "ResearchSubject" not in written(matched(record))


def test_the_same_trial_reviewed_proposes(tmp_path: Path) -> None:
    record = small_trial.record(tmp_path)
    assert published(record) == {kind: {("active", False)} for kind in CONFORMANCE}
    assert "ResearchSubject" in written(matched(record))


def test_one_unread_item_is_enough(tmp_path: Path) -> None:
    record = small_trial.record(tmp_path)
    first, *rest = record.criteria
    record = record.model_copy(update={"criteria": (first.model_copy(update={"review": None}), *rest)})
    assert not matched(record).trial.reviewed
    assert "ResearchSubject" not in written(matched(record))


def test_a_trial_without_items_that_nobody_signed_is_not_reviewed(tmp_path: Path) -> None:
    """There is nothing left to review, and nobody has said so."""
    record = as_read(tmp_path, {"eligibilityCriteria": "Inclusion Criteria:\n\nNil\n\nExclusion Criteria:\n\nNil"})
    assert [c.id for c in record.criteria] == ["age"]
    assert matched(record).verdict.label == "eligible"
    assert "ResearchSubject" not in written(matched(record))
    assert set.union(*published(record).values()) == {("draft", True)}
