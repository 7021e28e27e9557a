"""Cutting: nothing lost, no tie cut, what is mentioned goes first; and halves that find the bad entry."""

from __future__ import annotations

from typing import Any

import pytest
from client.samples import bundle, create, put, refer, uuid
from hypothesis import given
from hypothesis import strategies as st

from fhirtrial.client.entries import Entry, read_bundle
from fhirtrial.client.graph import components, knots, links
from fhirtrial.client.transactions import Bisection, Transaction, cut


def entries_of(*raw: dict[str, Any]) -> list[Entry]:
    entries, refusals = read_bundle(bundle(*raw))
    assert refusals == []
    return entries


def names(transactions: list[Transaction]) -> list[list[str]]:
    return [[entry.identity.rpartition("|")[2].rpartition("/")[2] for entry in one.entries] for one in transactions]


def test_ties_hold_and_small_groups_share_a_transaction() -> None:
    entries = entries_of(
        create("Group", "g1", "1"),
        create("Group", "g2", "2"),
        put("List", "l1", subject=refer(uuid("1"))),
        put("List", "l2", subject=refer(uuid("2"))),
        put("List", "alone"),
    )
    assert names(cut(entries, 3)) == [["g1", "l1"], ["g2", "l2", "alone"]]
    assert names(cut(entries, 1)) == [["g1", "l1"], ["g2", "l2"], ["alone"]]
    assert names(cut(entries, 9)) == [["g1", "g2", "l1", "l2", "alone"]]


def test_what_all_refer_to_goes_first_when_not_all_fit() -> None:
    lists = [put("List", f"l{n}", source=refer("Device/d"), subject=refer("Group?code=a")) for n in range(4)]
    entries = entries_of(
        *lists, put("Device", "d"), {**create("Group", "g"), "request": {"method": "PUT", "url": "Group?code=a"}}
    )
    cuts = names(cut(entries, 3))
    assert set(cuts[0]) >= {"d", "Group?code=a"}
    assert sorted(name for one in cuts for name in one) == ["Group?code=a", "d", "l0", "l1", "l2", "l3"]
    assert max(map(len, cuts)) == 3


def test_a_circle_larger_than_the_limit_stays_whole() -> None:
    entries = entries_of(*(put("List", f"l{n}", subject=refer(f"List/l{(n + 1) % 5}")) for n in range(5)))
    assert [len(one.entries) for one in cut(entries, 2)] == [5]


def test_a_reference_to_a_version_or_a_full_url_counts() -> None:
    entries = entries_of(
        {**put("Group", "g"), "fullUrl": "https://a.org/fhir/Group/g"},
        put("List", "a", subject=refer("https://a.org/fhir/Group/g")),
        put("List", "b", subject=refer("Group/g/_history/3")),
        put("List", "c", subject=refer("Group/other")),
    )
    assert links(entries).mentions == (frozenset(), frozenset({0}), frozenset({0}), frozenset())


def test_the_id_depends_on_content_alone() -> None:
    one, same, other = (cut(entries_of(put("List", "a", title=title)), 9)[0] for title in "xxy")
    assert one.id == same.id != other.id


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Entries that refer to each other at random: by placeholder to creates, by id to puts."""
    kinds = draw(st.lists(st.booleans(), min_size=1, max_size=14))
    entries = []
    for number, tied in enumerate(kinds):
        targets = draw(st.lists(st.integers(0, len(kinds) - 1), max_size=2))
        refs = [refer(uuid(str(target)) if kinds[target] else f"List/{target}") for target in targets]
        entries.append(
            create("Group", str(number), str(number), member=refs) if tied else put("List", str(number), entry=refs)
        )
    return entries


@given(graphs(), st.integers(1, 6))
def test_cutting_keeps_every_entry_every_tie_and_the_order(raw: list[dict[str, Any]], most: int) -> None:
    entries = entries_of(*raw)
    transactions = cut(entries, most)
    place = {entry.identity: number for number, one in enumerate(transactions) for entry in one.entries}
    assert sum(len(one.entries) for one in transactions) == len(entries) == len(place)
    found = links(entries)
    for number, entry in enumerate(entries):
        for tied in found.ties[number]:
            assert place[entries[tied].identity] == place[entry.identity]
        for mentioned in found.mentions[number]:
            assert place[entries[mentioned].identity] <= place[entry.identity]
    for one in transactions:
        again = cut(read_bundle(one.bundle)[0], most)
        assert [each.id for each in again] == [one.id]
        if len(one.entries) > most:
            group = links(one.entries)
            assert len(components(group.both)) == 1
    assert [one.id for one in cut(entries, most)] == [one.id for one in transactions]


@given(graphs())
def test_a_part_holds_all_it_is_tied_to_and_its_own_come_after(raw: list[dict[str, Any]]) -> None:
    bisection = Bisection(Transaction(tuple(entries_of(*raw))))
    done: set[str] = set()
    for name in range(len(bisection.knots)):
        part = bisection.part([name])
        refs = links(part.entries)
        known = {entry.full_url for entry in part.entries}
        for entry in part.entries:
            assert all(
                ref["reference"] in known
                for ref in entry.body["resource"].get("member", ())
                if "urn" in ref["reference"]
            )
        own = {entry.identity for entry in bisection.entries_of([name])}
        assert {entry.identity for entry in part.entries} <= done | own
        assert len(refs.ties) == len(part.entries)
        done |= own
    assert len(done) == len(raw)


@given(st.lists(st.frozensets(st.integers(0, 9), max_size=3), min_size=10, max_size=10))
def test_knots_against_reachability(needs: list[frozenset[int]]) -> None:
    reach = [{place} for place in range(10)]
    for _ in range(10):
        reach = [set().union(*(reach[other] for other in (place, *needs[place]))) for place in range(10)]
    found = knots(needs)
    order = {place: number for number, knot in enumerate(found) for place in knot}
    assert sorted(order) == list(range(10))
    for one in range(10):
        for two in range(10):
            assert (order[one] == order[two]) == (two in reach[one] and one in reach[two])
            assert order[two] <= order[one] or two not in reach[one]


@pytest.mark.parametrize("length", [5000])
def test_a_long_chain_does_not_exhaust_the_stack(length: int) -> None:
    needs = [frozenset({place + 1}) if place + 1 < length else frozenset[int]() for place in range(length)]
    assert len(knots(needs)) == length
    assert len(components(needs)) == 1
