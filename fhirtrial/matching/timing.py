"""Whether a fact's time falls into a window: yes, no, or unknown (undated) where its dates straddle an edge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhirtrial.matching.calendar import Span
from fhirtrial.matching.grades import Graded, Ints, graded
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CEIL, FLOOR, Course

_UNDATED = int(Reason.UNDATED)
GOES_ON = np.isin(np.arange(len(Course)), (Course.NOW, Course.RECURRENT))
"""By Course: what is known to go on."""


def began(view: View, span: Span, rows: Ints) -> Graded:
    """It began inside the window."""
    return _inside(view, span, rows, view.at("start_high", rows))


def measured(view: View, span: Span, rows: Ints) -> Graded:
    """All the time that a result speaks of lies inside the window."""
    return _inside(view, span, rows, np.maximum(view.at("start_high", rows), view.at("end_high", rows)))


def _inside(view: View, span: Span, rows: Ints, high: NDArray[Any]) -> Graded:
    """From the day it began to the day `high` it lies inside the window."""
    span = span.of(view.at("patient", rows))
    low = view.at("start_low", rows)
    inside = (low >= span.first_latest) & (high <= span.last_earliest)
    outside = (high < span.first_earliest) | (low > span.last_latest)
    return graded(inside, outside, _UNDATED)


def overlapped(view: View, span: Span, rows: Ints) -> Graded:
    """It was going on at some time of the window."""
    span = span.of(view.at("patient", rows))
    start_low, start_high = view.at("start_low", rows), view.at("start_high", rows)
    end_low, end_high = view.at("end_low", rows), view.at("end_high", rows)
    inside = (start_high <= span.last_earliest) & (end_low >= span.first_latest)
    outside = (start_low > span.last_latest) | (end_high < span.first_earliest)
    return graded(inside, outside, _UNDATED)


def lasting(view: View, span: Span, rows: Ints) -> Graded:
    """As `overlapped`; an active status alone, without any date, holds in every window that ends at the index date."""
    found = overlapped(view, span, rows)
    current = dateless(view, rows)
    if not current.any():
        return found
    current &= span.of(view.at("patient", rows)).last_earliest >= view.today
    return Graded(np.maximum(found.grade, current.view(np.int8) << 2), found.why)


def dateless(view: View, rows: Ints) -> NDArray[np.bool_]:
    """An active status alone, without any date."""
    undated = (view.at("start_low", rows) == FLOOR) & (view.at("start_high", rows) == CEIL)
    alone: NDArray[np.bool_] = undated & (view.at("course", rows) == Course.NOW)
    return alone
