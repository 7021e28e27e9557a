"""What a method showed, what the record holds at all, and what relatives have."""

from __future__ import annotations

from fhirtrial.criteria.tree import DataAvailability, Finding, OtherExperiencer
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.phrases import NO_ANCHOR, assumed, conjunction, some
from fhirtrial.expressions.cql.families import family_list
from fhirtrial.expressions.cql.names import UNKNOWN, name
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.policy import load_policy


def finding(atom: Finding, terminology: Terminology) -> Piece:
    """A coded conclusion confirms; a report without it leaves the question open, and so does no report."""
    recency = windows.recent(load_policy().recency_days(terminology.concept(atom.modality)))
    span = recency if atom.window is None else windows.resolved(atom.window)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    began = f'"Began"(F.startLow, F.startHigh, {span.days})'
    placed = f'"Placed"(F.startLow, F.startHigh, F.lastDay, {span.days})'
    by, seen = name(atom.modality), name(atom.finding)
    reported = conjunction(f'"Is"(F.keys, F.words, {by})', f"\"Is\"(F.conclusion, '', {seen})", "F.standing", began)
    measured = conjunction("F.sure", f"\"Is\"(F.said, '', {seen})", placed)
    shown = (
        f'exists ("Reports" F\n      where {reported})\n    or exists (("Results of"({by})) F\n      where {measured})'
    )
    truth = f"if {shown} then true\n  else {UNKNOWN}"
    return Piece(
        assumed(f"({truth})", family_list(atom), holds=span.assumed),
        f'exists ("Reports" F where "Is"(F.keys, F.words, {by}) is true) or exists "Results of"({by})',
        parts=frozenset({"truth", "dates", "codes", "reports", "observations", "results"}),
        concepts=frozenset({atom.modality, atom.finding}),
    )


def data(atom: DataAvailability, terminology: Terminology) -> Piece:
    """Any result of the concept in the window; a fully loaded record without one has none."""
    if atom.concept is None:
        return Piece.unknown("only a person can answer it")
    recency = windows.recent(load_policy().recency_days(terminology.concept(atom.concept)))
    span = recency if atom.window is None else windows.resolved(atom.window)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    families = family_list(atom)
    by = name(atom.concept)
    measured = (
        f'(("Results of"({by})) F\n      where not F.empty or exists F.marks\n'
        f'      return all "Grade"(F.sure and "Placed"(F.startLow, F.startHigh, F.lastDay, {span.days})))'
    )
    reported = (
        f'("Reports" F\n      let named: "Is"(F.keys, F.words, {by})\n      where not (named is false)\n'
        f'      return all "Grade"(named and F.standing and "Began"(F.startLow, F.startHigh, {span.days})))'
    )
    absent = f'"Absent"({families}, {span.first}, List<String> {{ }}, List<String> {{ }})'
    truth = f'"Some"(\n    flatten {{\n    {measured},\n    {reported} }},\n    {absent})'
    return Piece(
        assumed(truth, families, holds=span.assumed),
        f'exists "Results of"({by}) or exists ("Reports" F where not ("Is"(F.keys, F.words, {by}) is false))',
        parts=frozenset({"truth", "dates", "codes", "observations", "results", "reports"}),
        concepts=frozenset({atom.concept}),
    )


def other(atom: OtherExperiencer) -> Piece:
    if atom.condition is None or atom.who != "family":
        return Piece.unknown("only a person can answer it")
    facts = f'"Relatives of"({name(atom.condition)})'
    return Piece(
        some(facts, "F.named and F.standing", UNKNOWN),
        f"exists {facts}",
        parts=frozenset({"truth", "dates", "codes", "relatives"}),
        concepts=frozenset({atom.condition}),
    )
