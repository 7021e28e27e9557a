"""Which entries are let in, under which identity, and how those of one identity become one."""

from __future__ import annotations

from typing import Any

import pytest
from client.samples import SYSTEM, bundle, conditional_put, create, guarded, put, refer, uuid

from fhirtrial.client.entries import DEEPEST, PLACEHOLDER, Entry, read_bundle, read_entry, with_full_url


def request(method: str, url: str, resource: dict[str, Any] | None = None, **more: str) -> dict[str, Any]:
    return {
        "resource": resource or {"resourceType": "List", "id": "a"},
        "request": {"method": method, "url": url, **more},
    }


@pytest.mark.parametrize(
    ("entry", "identity"),
    [
        (put("List", "a-1.b"), "List/a-1.b"),
        (guarded("List", "a", "3"), "List/a"),
        (create("List", "a"), f"List?identifier={SYSTEM}|a"),
        (conditional_put("List", "a"), f"List?identifier={SYSTEM}|a"),
        (request("POST", "List", ifNoneExist="status=current&code=a%7Cb"), "List?code=a|b&status=current"),
    ],
)
def test_identity(entry: dict[str, Any], identity: str) -> None:
    found = read_entry(entry, "here")
    assert isinstance(found, Entry)
    assert (found.identity, found.resource_type) == (identity, "List")


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(request("POST", "List"), id="a create without a condition"),
        pytest.param(request("POST", "List", ifNoneExist=""), id="an empty condition"),
        pytest.param(request("POST", "List", ifNoneExist="&"), id="a condition of nothing"),
        pytest.param(request("PUT", "List?"), id="an update of anything"),
        pytest.param(request("DELETE", "List/a"), id="delete"),
        pytest.param(request("GET", "List/a"), id="read"),
        pytest.param(request("PUT", "List/b"), id="another id than the resource"),
        pytest.param(request("PUT", "Group/a"), id="another type than the resource"),
        pytest.param(request("POST", "Group", ifNoneExist="a=b"), id="another type in a create"),
        pytest.param(request("PUT", "https://elsewhere.org/List/a"), id="another server"),
        pytest.param(request("PUT", "List/a/_history/1"), id="a version"),
        pytest.param(request("PUT", "List/a", {"id": "a"}), id="no resourceType"),
        pytest.param({"resource": {"resourceType": "List"}}, id="no request"),
        pytest.param({"request": {"method": "PUT", "url": "List/a"}}, id="no resource"),
        pytest.param({**put("List", "a"), "fullUrl": 7}, id="fullUrl a number"),
        pytest.param("entry", id="no object"),
    ],
)
def test_refused(entry: Any) -> None:
    entries, refusals = read_bundle(bundle(entry, put("Group", "fine")))
    assert [one.identity for one in entries] == ["Group/fine"]
    assert [one.identity for one in refusals] == ["Bundle.entry[0]"]
    assert refusals[0].body == entry


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {"resourceType": "Patient"},
        {"resourceType": "Bundle", "type": "batch"},
        {**bundle(), "entry": {"a": 1}},
    ],
)
def test_not_a_transaction(content: Any) -> None:
    entries, refusals = read_bundle(content)
    assert entries == []
    assert refusals[0].code == "structure"


def test_too_deep_is_refused_without_falling_over() -> None:
    deep: dict[str, Any] = {}
    for _ in range(50_000):
        deep = {"a": deep}
    _, refusals = read_bundle(bundle(put("List", "a", extension=deep)))
    assert f"deeper than {DEEPEST}" in refusals[0].reason


def test_the_same_twice_is_once() -> None:
    entries, _ = read_bundle(bundle(put("List", "a"), create("Group", "g"), put("List", "a"), create("Group", "g")))
    assert [one.identity for one in entries] == ["List/a", f"Group?identifier={SYSTEM}|g"]


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (put("List", "a", title="old"), put("List", "a", title="new"), "new"),
        (create("List", "a", title="old"), create("List", "a", title="new"), "old"),
        (create("List", "a", title="old"), conditional_put("List", "a", title="new"), "new"),
        (conditional_put("List", "a", title="old"), create("List", "a", title="new"), "old"),
    ],
)
def test_of_two_contents_the_one_stays_that_a_server_would_hold(
    first: dict[str, Any], second: dict[str, Any], kept: str
) -> None:
    entries, _ = read_bundle(bundle(first, second))
    assert [one.body["resource"]["title"] for one in entries] == [kept]


def test_references_follow_a_merged_entry() -> None:
    entries, refusals = read_bundle(
        bundle(
            create("Group", "g", "1"),
            create("Group", "g", "2"),
            put("List", "a", subject=refer(uuid("2")), text={"div": f"<a href='{uuid('2')}'>g</a>"}),
        )
    )
    assert refusals == []
    assert entries[0].full_url == uuid("1")
    assert entries[0].aliases == (uuid("2"),)
    assert entries[1].body["resource"]["subject"] == refer(uuid("1"))
    assert uuid("1") in entries[1].body["resource"]["text"]["div"]


def test_a_placeholder_for_a_known_id_becomes_the_id() -> None:
    given = bundle({**put("Group", "g"), "fullUrl": uuid("1")}, put("List", "a", subject=refer(uuid("1"))))
    entries, _ = read_bundle(given)
    assert entries[1].body["resource"]["subject"] == refer("Group/g")
    assert given["entry"][1]["resource"]["subject"] == refer(uuid("1"))


def test_a_placeholder_that_nobody_carries_is_refused_and_so_is_what_depends_on_it() -> None:
    entries, refusals = read_bundle(
        bundle(
            put("List", "fine", identifier=[{"system": "urn:oid:1.2.3", "value": "x"}]),
            create("Group", "g", "1", subject=refer(uuid("9"))),
            put("List", "b", subject=refer(uuid("1"))),
        )
    )
    assert [one.identity for one in entries] == ["List/fine"]
    assert {one.code for one in refusals} == {"not-found"}
    assert len(refusals) == 2


def test_each_entry_gets_a_full_url_of_its_own() -> None:
    entries, _ = read_bundle(bundle(put("List", "a"), create("Group", "g"), create("Group", "h", "1")))
    made = [with_full_url(entry, "https://a.org/fhir") for entry in entries]
    assert [entry.full_url for entry in made] == [entry.body["fullUrl"] for entry in made]
    assert (made[0].full_url, made[2].full_url) == ("https://a.org/fhir/List/a", uuid("1"))
    assert PLACEHOLDER.fullmatch(made[1].full_url or "")
    assert made == [with_full_url(entry, "https://elsewhere.org") for entry in made]
    assert "fullUrl" not in entries[0].body
