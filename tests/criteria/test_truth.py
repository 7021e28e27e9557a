"""The algebra of truths is a chain with Not and AtLeast: its laws, and a count by hand as the second opinion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirtrial.criteria.truth import Truth, Verdict, at_least, negate, presume

truths = st.sampled_from(Truth)
several = st.lists(truths, min_size=1, max_size=7)


@st.composite
def counted(draw: st.DrawFn) -> tuple[int, list[Truth]]:
    xs = draw(several)
    return draw(st.integers(1, len(xs))), xs


@given(truths)
def test_not_twice_is_nothing(x: Truth) -> None:
    assert negate(negate(x)) == x


@given(truths, truths)
def test_not_turns_the_chain_around(x: Truth, y: Truth) -> None:
    assert (x < y) == (negate(x) > negate(y))


@given(counted())
def test_de_morgan(counts: tuple[int, list[Truth]]) -> None:
    """Not at least k is at least n-k+1 of the negations."""
    k, xs = counts
    assert negate(at_least(k, xs)) == at_least(len(xs) - k + 1, [negate(x) for x in xs])


@given(counted(), st.data())
def test_a_firmer_argument_never_weakens_the_whole(counts: tuple[int, list[Truth]], data: st.DataObject) -> None:
    k, xs = counts
    place = data.draw(st.integers(0, len(xs) - 1))
    raised = [*xs[:place], data.draw(st.sampled_from([t for t in Truth if t >= xs[place]])), *xs[place + 1 :]]
    assert at_least(k, raised) >= at_least(k, xs)


@given(counted())
def test_at_least_is_the_firmest_level_that_enough_reach(counts: tuple[int, list[Truth]]) -> None:
    k, xs = counts
    reached = [t for t in Truth if sum(x >= t for x in xs) >= k]
    assert at_least(k, xs) == max(reached)


@given(several)
def test_all_and_any_are_its_ends(xs: list[Truth]) -> None:
    assert (at_least(len(xs), xs), at_least(1, xs)) == (min(xs), max(xs))


@pytest.mark.parametrize("k", [0, -1, 3])
def test_a_count_that_cannot_be_is_no_truth(k: int) -> None:
    with pytest.raises(ValueError, match="at_least"):
        at_least(k, [Truth.YES, Truth.NO])


@pytest.mark.parametrize(
    ("x", "assumed"),
    [
        (Truth.NO, Truth.PRESUMED_NO),
        (Truth.PRESUMED_NO, Truth.PRESUMED_NO),
        (Truth.UNKNOWN, Truth.UNKNOWN),
        (Truth.PRESUMED_YES, Truth.PRESUMED_YES),
        (Truth.YES, Truth.PRESUMED_YES),
    ],
)
def test_an_assumption_takes_the_firmness(x: Truth, assumed: Truth) -> None:
    assert presume(x) == assumed


@given(truths)
def test_presuming_and_negating_commute(x: Truth) -> None:
    assert presume(negate(x)) == negate(presume(x))


@pytest.mark.parametrize("word", ["no", "presumed-no", "unknown", "presumed-yes", "yes"])
def test_truths_by_word(word: str) -> None:
    assert Truth.of(word).label == word


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("ineligible", Truth.NO),
        ("presumed-ineligible", Truth.PRESUMED_NO),
        ("undetermined", Truth.UNKNOWN),
        ("presumed-eligible", Truth.PRESUMED_YES),
        ("eligible", Truth.YES),
    ],
)
def test_a_verdict_is_the_level_of_its_truth(word: str, level: Truth) -> None:
    assert Verdict.of(word).label == word
    assert Verdict(level).label == word
