"""A local model's suggestions for what is left to a person: shown in the sheet if they bear every check, else not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import small_trial
from desk import Desk
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fhirtrial.client.proposer import LocalModel
from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.english import english
from fhirtrial.criteria.reading.english import reading
from fhirtrial.criteria.text.proposals import proposals
from fhirtrial.criteria.tree import Node, NotComputable
from fhirtrial.criteria.wording import Names
from fhirtrial.errors import ConfigError
from fhirtrial.records.read import read_trials
from fhirtrial.terminology import load

WORDS = "Serum creatinine no better than 2 mg/dL, or a raised pressure, these 6 months"
OPEN = Criterion(id="exc-1", kind="exclusion", text=WORDS, tree=NotComputable(text=WORDS, reason="not_encoded"))


def said(*pairs: tuple[str, str]) -> str:
    return json.dumps([{"quote": quote, "says": says} for quote, says in pairs])


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (said(("Serum creatinine no better than 2 mg/dL", "Creatinine (latest) >= 2 mg/dL")), 1),
        ("Sure! " + said(("a raised pressure", "diagnosis of Hypertension (active)")) + " Anything else?", 1),
        ("", 0),
        ("no idea", 0),
        ("[" * 5000, 0),
        ("[]" * 20000, 0),
        ('{"quote": "a raised pressure"}', 0),
        ('[{"quote": "a raised pressure", "says": "diagnosis of Hypertension (active)", "sure": true}]', 0),
        ('[{"quote": 7, "says": []}]', 0),
        (said(("", "diagnosis of Hypertension (active)")), 0),
        # words that the criterion does not have
        (said(("blood pressure", "diagnosis of Hypertension (active)")), 0),
        # not the controlled English, no such concept, no such unit
        (said(("a raised pressure", "hypertension please")), 0),
        (said(("a raised pressure", "diagnosis of Raised Pressure (active)")), 0),
        # a number that nobody said, a number that was dropped, a name that was dropped
        (said(("Serum creatinine no better than 2 mg/dL", "Creatinine (latest) >= 3 mg/dL")), 0),
        (said(("Serum creatinine no better than 2 mg/dL", "diagnosis of Hypertension (active)")), 0),
        (said(("Serum creatinine no better than 2 mg/dL, or a raised pressure, these 6 months",
               "Creatinine (latest) >= 2 mg/dL")), 0),
        # a question handed back is no encoding
        (said(("a raised pressure", 'not encoded (judgement): "a raised pressure"')), 0),
    ],
)  # fmt: skip
def test_checks(answer: str, kept: int) -> None:
    assert len(proposals(OPEN, load(), lambda _: answer)) == kept


def test_what_is_kept_is_read_back_as_shown() -> None:
    (one,) = proposals(OPEN, load(), lambda _: said(("a raised  pressure", "diagnosis of Hypertension (active)")))
    assert one.quote == "a raised pressure"
    assert english(one.tree, Names.of(load()).label) == "diagnosis of Hypertension (active)"


def test_the_question_shows_the_language_as_it_is() -> None:
    asked: list[str] = []

    def note(question: str) -> str:
        asked.append(question)
        return ""

    proposals(OPEN, load(), note)
    example = asked[0].split("\n\n")[1]
    assert reading(example, Names.of(load())).node is not None


def test_nothing_is_asked_where_nothing_is_open() -> None:
    def never(_: str) -> str:
        raise AssertionError

    assert proposals(OPEN.model_copy(update={"tree": proposals_tree()}), load(), never) == ()


def proposals_tree() -> Node:
    (one,) = proposals(OPEN, load(), lambda _: said(("a raised pressure", "diagnosis of Hypertension (active)")))
    return one.tree


@pytest.fixture
def record(cli: Desk, tmp_path: Path) -> Path:
    """A record whose first exclusion nobody could encode."""
    study = json.loads(small_trial.study_file(tmp_path).read_bytes())
    study["protocolSection"]["eligibilityModule"]["eligibilityCriteria"] = f"Exclusion Criteria:\n\n* {WORDS}"
    (tmp_path / "study.json").write_text(json.dumps(study), encoding="utf-8")
    assert cli("read", tmp_path / "study.json", "-o", tmp_path / "records").code == 0
    return tmp_path / "records"


def answering(server: HTTPServer, words: Callable[[str], object]) -> str:
    """An endpoint that makes its words of the question; returns its address."""

    def handle(request: Request) -> Response:
        question = request.get_json()["messages"][0]["content"]
        return Response(json.dumps(words(question)), content_type="application/json")

    server.expect_request("/v1/chat/completions", method="POST").respond_with_handler(handle)
    return server.url_for("/v1")


def sheet(cli: Desk, record: Path, out: Path, *more: str) -> str:
    said = cli("review", record, "-o", out, *more)
    assert said.code == 0, said.err
    (path,) = out.glob("*.review.yaml")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "garbage",
    [
        {"choices": []},
        {"choices": [{"message": {"content": "<script>"}}]},
        {"choices": [{"message": {"content": None}}]},
        {"error": "x"},
        [],
    ],
)
def test_garbage_changes_nothing(
    cli: Desk, record: Path, tmp_path: Path, httpserver: HTTPServer, garbage: object
) -> None:
    url = answering(httpserver, lambda _: garbage)
    assert sheet(cli, record, tmp_path / "a") == sheet(cli, record, tmp_path / "b", "--proposer", url)


def test_a_proposal_is_a_comment_and_never_runs(
    cli: Desk, record: Path, tmp_path: Path, httpserver: HTTPServer
) -> None:
    before = {p.name: p.read_bytes() for p in record.iterdir()}
    content = said(("a raised pressure", "diagnosis of Hypertension (active)"))
    url = answering(httpserver, lambda _: {"choices": [{"message": {"content": content}}]})
    text = sheet(cli, record, tmp_path / "a", "--proposer", url, "--model", "m")
    assert '# proposed by a model, checked by nobody, for "a raised pressure":' in text
    assert "#   diagnosis of Hypertension (active)" in text
    assert {p.name: p.read_bytes() for p in record.iterdir()} == before
    who = ("--from", tmp_path / "a" / "NCT00000001.review.yaml", "--reviewer", "A", "--date", "2026-11-22")
    (tmp_path / "a" / "NCT00000001.review.yaml").write_text(text.replace("reviewed: false", "reviewed: true"))
    assert cli("review", record, *who, "-o", tmp_path / "reviewed").code == 0
    trees = [c.tree for c in read_trials(tmp_path / "reviewed").records[0].criteria]
    assert trees == [c.tree for c in read_trials(record).records[0].criteria]


def test_a_server_that_is_not_there_is_one_problem(cli: Desk, record: Path, tmp_path: Path) -> None:
    told = cli("review", record, "-o", tmp_path / "a", "--proposer", "http://127.0.0.1:9/v1")
    assert told.code == 1
    assert "the sheet is written without proposals" in told.err
    assert (tmp_path / "a" / "NCT00000001.review.yaml").exists()


def test_only_this_machine_is_asked() -> None:
    with pytest.raises(ConfigError, match="is not this machine"):
        LocalModel("https://models.example.org/v1", "m")
