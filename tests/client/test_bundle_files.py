"""Bundles from files of every form; what cannot be read is named, and the rest goes on."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest
from client.samples import bundle, put

from fhirtrial.client import read_bundle_file
from fhirtrial.errors import InputError

A, B, C = (bundle(put("List", name)) for name in "abc")


def lines(*bundles: object) -> bytes:
    return b"".join(orjson.dumps(one) + b"\n" for one in bundles)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("one.json", orjson.dumps(A, option=orjson.OPT_INDENT_2), [A]),
        ("many.ndjson", lines(A, B), [A, B]),
        ("blank.ndjson", b"\n" + lines(A) + b"\n\n" + orjson.dumps(B), [A, B]),
        ("one.json.gz", gzip.compress(orjson.dumps(A)), [A]),
        ("many.NDJSON.GZ", gzip.compress(lines(A, B)), [A, B]),
        ("none.ndjson", b"", []),
    ],
)
def test_forms(tmp_path: Path, name: str, content: bytes, expected: list[object]) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert list(read_bundle_file(file)) == expected


def test_a_folder_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "2.ndjson").write_bytes(lines(B, C))
    (tmp_path / "1.bundle.json").write_bytes(orjson.dumps(A))
    (tmp_path / "notes.txt").write_text("no Bundle")
    (tmp_path / "NCT1").mkdir()
    (tmp_path / "NCT1" / "Group-x.json").write_text("{}")
    assert list(read_bundle_file(tmp_path)) == [A, B, C]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", b"", "not JSON"),
        ("a.json", b'{"resourceType": "Bundle"', "not JSON (line 1"),
        ("a.json", b"[]", "no resource instead of a transaction Bundle"),
        ("a.json", b'{"resourceType": "Patient", "name": "Doe"}', "Patient instead of a transaction Bundle"),
        ("a.json", b'{"resourceType": "Bundle", "type": "searchset"}', "Bundle of type searchset instead"),
        ("a.json", b'{"resourceType": "Jane Doe 1970"}', "no resource instead"),
        ("a.ndjson", lines(A)[:-9] + b"\n" + lines(B), "a.ndjson:1: not JSON"),
        ("a.json.gz", b"not gzip", "cannot be read (BadGzipFile)"),
        ("a.json.gz", gzip.compress(orjson.dumps(A))[:-20], "cannot be read (EOFError)"),
        ("a.json", b"[" * 100_000, "not JSON"),
    ],
)
def test_bad_files_are_named_and_the_rest_goes_on(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "z.json").write_bytes(orjson.dumps(C))
    errors: list[InputError] = []
    found = list(read_bundle_file(tmp_path, errors.append))
    assert found[-1] == C
    assert [says in str(error) for error in errors] == [True]
    assert "Doe" not in str(errors[0])
    with pytest.raises(InputError):
        list(read_bundle_file(tmp_path / name))


def test_no_file_and_an_empty_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        list(read_bundle_file(tmp_path / "none.json"))
    with pytest.raises(InputError, match=r"no \.json"):
        list(read_bundle_file(tmp_path))


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz", "a.json", "a.json.gz"])
def test_a_bundle_above_the_limit_is_passed_over(tmp_path: Path, name: str) -> None:
    big = bundle(put("List", "big", title="x" * 5000))
    content = lines(A, big, B) if ".ndjson" in name else orjson.dumps(big)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    errors: list[InputError] = []
    found = list(read_bundle_file(tmp_path / name, errors.append, largest=1000))
    assert found == ([A, B] if ".ndjson" in name else [])
    assert len(errors) == 1
    assert "above the limit" in str(errors[0])
