"""Pregnancy, lactation, child-bearing potential: conditions, tests and sex together; sensitive, rarely presumed.

Male without evidence of it is presumed-no (docs/truth.md); for anyone else only the record speaks. A pregnancy that
began more than 300 days ago is stale.
"""

from __future__ import annotations

import numpy as np

from fhirtrial.criteria.tree import Condition, Procedure, Reproductive, Result
from fhirtrial.matching import calendar
from fhirtrial.matching.atoms.conditions import condition
from fhirtrial.matching.atoms.events import procedure
from fhirtrial.matching.atoms.qualitative import result
from fhirtrial.matching.grades import NO, PRESUMED_NO, PRESUMED_YES, UNKNOWN, YES, Answer, Bits, joined
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import Family

FAMILIES = (Family.CONDITIONS, Family.OBSERVATIONS)
LONGEST = 300
"""Days after which a pregnancy on the problem list is no longer believed."""


def reproductive(atom: Reproductive, view: View) -> Answer:
    match atom.state:
        case "pregnant":
            return _male(view, _pregnant(view))
        case "lactating":
            return _male(view, _only_evidence(view, condition(Condition(concept="lactation", when="active"), view)))
        case _:
            return _potential(view)


def _pregnant(view: View) -> Answer:
    """A current pregnancy on the record; a test decides where the problem list is silent, and may contradict a no."""
    asked = Condition(concept="pregnancy", when="active")
    listed = _only_evidence(view, condition(asked, view, since=view.today - LONGEST))
    tested = result(Result(concept="hcg-pregnancy-test", result="positive"), view)
    truth = listed.truth
    settled = (truth == UNKNOWN) & ((tested.truth == NO) | (tested.truth == YES))
    against = (truth == NO) & (tested.truth == YES)
    return Answer(
        np.where(settled, tested.truth, np.where(against, UNKNOWN, truth)).astype(np.int8),
        lambda: np.where(against, Reason.CONFLICTING, listed.reasons),
        lambda: joined(listed.rows, tested.rows),
    )


def _only_evidence(view: View, answer: Answer) -> Answer:
    """Without the presumption of a problem list: a woman's list that is silent says nothing, nor do her results."""
    silent = answer.truth == PRESUMED_NO
    truth = np.where(silent, UNKNOWN, answer.truth).astype(np.int8)

    def why() -> Bits:
        lacking = view.uncoded_absence("reproductive", FAMILIES, calendar.at(view.on)).reasons
        return np.where(silent | (answer.reasons == Reason.ABSENT), lacking, answer.reasons)

    return Answer(truth, why, lambda: answer.rows)


def _male(view: View, answer: Answer) -> Answer:
    nothing = np.ones(view.patients, bool)
    nothing[answer.rows.patient[answer.rows.grade >= UNKNOWN]] = False
    male = (view.sexes == "male") & (answer.truth == UNKNOWN) & nothing & view.policy.presume_sensitive
    truth = np.where(male, PRESUMED_NO, answer.truth).astype(np.int8)
    return Answer(truth, lambda: answer.reasons, lambda: answer.rows)


def _potential(view: View) -> Answer:
    """A uterus removed or a menopause on record ends it; nothing on record proves it."""
    removed = procedure(Procedure(concept="hysterectomy"), view)
    ceased = condition(Condition(concept="menopause"), view)
    ended = (removed.truth >= PRESUMED_YES) | (ceased.truth >= PRESUMED_YES)
    firm = (removed.truth == YES) | (ceased.truth == YES)
    truth = np.where(firm, NO, np.where(ended, PRESUMED_NO, UNKNOWN)).astype(np.int8)
    rows = joined(removed.rows, ceased.rows)
    return _male(view, Answer(truth, lambda: Reason.NEEDS_HUMAN, lambda: rows))
