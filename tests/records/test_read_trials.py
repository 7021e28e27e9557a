"""Reading files and folders: each bad document is one clear failure, and the rest goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhirtrial.criteria.criterion import Review, text_hash
from fhirtrial.criteria.tree import NotComputable, Residue
from fhirtrial.errors import ConfigError, RecordError
from fhirtrial.records.read import read_trials
from fhirtrial.records.record import record_from_bytes, record_schema, record_to_bytes

SOURCES = Path(__file__).parent / "data" / "sources"


def study(number: int) -> dict[str, Any]:
    return {"protocolSection": {"identificationModule": {"nctId": f"NCT{number:08d}", "briefTitle": "T"}}}


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.json", b"{", "no JSON"),
        ("a.json", b"", "empty"),
        ("a.txt", b" \n ", "empty"),
        ("a.json", b"[]", "no studies"),
        ("a.json", b"[1]", "a JSON int, not a study"),
        ("a.json", b'"x"', "a JSON str, not a study"),
        ("a.json", b"null", "a JSON NoneType, not a study"),
        ("a.json", b'{"resourceType": "Bundle"}', "a FHIR Bundle, not a study"),
        ("a.json", b'{"protocolSection": 1}', "protocolSection is no object"),
        ("a.json", b'{"protocolSection": {}}', "no NCT id and no title"),
        ("a.json", b'{"studies": []}', "no studies"),
        ("a.json", b'{"hello": 1}', "without a protocolSection"),
        ("a.json", b'{"schema_version": "9"}', "schema version '9'"),
        ("a.json", b'{"schema_version": "1"}', "Field required"),
        ("a.json", b'{"a":' * 5000 + b"1" + b"}" * 5000, "no JSON"),
        ("a.txt", b"Dear Sir,\nplease send the goods tomorrow morning.\n", "no field of a trial"),
        ("a.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("a.txt", b"Study Type\x00INTERVENTIONAL", "not text"),
    ],
)
def test_a_bad_document_is_one_failure(name: str, content: bytes, found: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.json").write_text(json.dumps(study(1)), encoding="utf-8")
    result = read_trials(tmp_path)
    assert [r.id for r in result.records] == ["NCT00000001"]
    (failure,) = result.failures
    assert failure.where == name
    assert found in failure.got
    assert failure.todo
    assert str(tmp_path) not in str(failure)


def test_a_deeply_nested_study_is_one_failure(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"a": deep}
    source = study(1)
    source["protocolSection"]["identificationModule"]["deep"] = deep
    (tmp_path / "a.json").write_text(json.dumps(source), encoding="utf-8")
    (failure,) = read_trials(tmp_path).failures
    assert failure.got == "nested deeper than any study"


def test_a_deeply_nested_tree_is_one_failure(tmp_path: Path) -> None:
    deep: dict[str, Any] = {"kind": "sex", "value": "male"}
    for _ in range(400):
        deep = {"kind": "not", "node": deep}
    content = json.loads(record_to_bytes(read_trials(SOURCES / "study.json").records[0]))
    content["criteria"][0]["tree"] = deep
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8")
    (failure,) = read_trials(tmp_path).failures
    assert failure.path.startswith("criteria.0.tree")


def test_a_file_above_the_limit_is_not_opened(tmp_path: Path) -> None:
    big = tmp_path / "big.json"
    with big.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    (failure,) = read_trials(big).failures
    assert failure.got == "314,572,800 bytes, more than 67,108,864"
    assert read_trials(SOURCES / "study.json", max_bytes=10).failures[0].got.endswith("more than 10")


def test_a_bad_study_on_a_page_is_named_by_its_place(tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(json.dumps({"studies": [study(1), {"x": 1}, study(2)]}), encoding="utf-8")
    result = read_trials(tmp_path / "page.json")
    assert [r.id for r in result.records] == ["NCT00000001", "NCT00000002"]
    assert [f.path for f in result.failures] == ["studies[1]"]


def test_a_study_alone_and_on_a_page_is_the_same_record_but_for_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(study(1)), encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps([study(1)]), encoding="utf-8")
    alone, listed = (read_trials(tmp_path / name).records[0] for name in ("a.json", "b.json"))
    assert alone.source.hash == listed.source.hash


def test_the_same_trial_twice_is_read_once(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(study(1)), encoding="utf-8")
    result = read_trials(tmp_path)
    assert [r.source.name for r in result.records] == ["a.json"]
    assert [(f.where, f.got) for f in result.failures] == [("b.json", "NCT00000001 was already read from a.json")]


def test_an_empty_folder_is_a_failure_and_a_missing_one_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("x", encoding="utf-8")
    assert [f.got for f in read_trials(tmp_path).failures] == ["no .json or .txt file"]
    with pytest.raises(ConfigError):
        read_trials(tmp_path / "missing")


def test_normalized_records_read_back_as_they_are(tmp_path: Path) -> None:
    read = read_trials(SOURCES).records
    for record in read:
        (tmp_path / f"{record.id}.json").write_bytes(record_to_bytes(record))
    again = read_trials(tmp_path)
    assert again.failures == ()
    assert {r.id: r for r in again.records} == {r.id: r for r in read}


def test_a_normalized_record_is_not_parsed_again(tmp_path: Path) -> None:
    (read,) = read_trials(SOURCES / "study.json").records
    unread = NotComputable(text=read.criteria[0].text, reason="not_encoded")
    kept = read.model_copy(
        update={"criteria": (read.criteria[0].model_copy(update={"tree": unread}), *read.criteria[1:])}
    )
    (tmp_path / "a.json").write_bytes(record_to_bytes(kept))
    assert read_trials(tmp_path).records == (kept,)


def test_a_reviewed_tree_wins_and_the_rest_is_parsed() -> None:
    (read,) = read_trials(SOURCES / "study.json").records
    item = read.criteria[0]
    review = Review(reviewer="A", date="2026-01-01", text_hash=text_hash(item.text))
    own = Residue(text="whatever the reviewer says", reason="judgement")
    signed = item.model_copy(update={"tree": own, "review": review, "notes": (), "defects": ()})
    known = read.model_copy(update={"criteria": (signed, *read.criteria[1:])})
    (again,) = read_trials(SOURCES / "study.json", reviewed=[known]).records
    assert again.criteria[0].tree == own
    assert again.criteria[1:] == read.criteria[1:]
    assert [n for n in again.notes if n.code == "review-dropped"] == []


def test_a_broken_record_names_the_path() -> None:
    content = json.loads(record_to_bytes(read_trials(SOURCES / "study.json").records[0]))
    content["criteria"][0]["tree"]["kind"] = "surprise"
    with pytest.raises(RecordError) as caught:
        record_from_bytes(json.dumps(content).encode(), "r.json")
    assert caught.value.where == "r.json at criteria.0.tree"


def test_two_criteria_with_one_id_are_refused() -> None:
    content = json.loads(record_to_bytes(read_trials(SOURCES / "study.json").records[0]))
    content["criteria"].append(content["criteria"][0])
    with pytest.raises(RecordError, match="found twice: inc-1"):
        record_from_bytes(json.dumps(content).encode(), "r.json")


def test_the_schema_knows_every_field_and_refuses_others() -> None:
    schema = record_schema()
    assert schema["additionalProperties"] is False
    assert {"id", "schema_version", "source"} == set(schema["required"])
    assert {"criteria", "eligibility_text", "why_stopped"} <= set(schema["properties"])
