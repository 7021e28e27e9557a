"""Whether a fact's time falls into a window: yes, no, or unknown (undated) where its dates straddle an edge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhirtrial.matching.calendar import Span
from fhirtrial.matching.grades import NO, UNKNOWN, YES, Bits, Grades, Ints
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CEIL, FLOOR, Course

Graded = tuple[Grades, Bits]


def began(view: View, rows: Ints, span: Span) -> Graded:
    """It began inside the window."""
    span = span.of(view.column("patient")[rows])
    low, high = view.column("start_low")[rows], view.column("start_high")[rows]
    inside = (low >= span.first_latest) & (high <= span.last_earliest)
    outside = (high < span.first_earliest) | (low > span.last_latest)
    return graded(inside, outside)


def measured(view: View, rows: Ints, span: Span) -> Graded:
    """All the time that a result speaks of lies inside the window."""
    span = span.of(view.column("patient")[rows])
    low = view.column("start_low")[rows]
    high = np.maximum(view.column("start_high")[rows], view.column("end_high")[rows])
    inside = (low >= span.first_latest) & (high <= span.last_earliest)
    outside = (high < span.first_earliest) | (low > span.last_latest)
    return graded(inside, outside)


def overlapped(view: View, rows: Ints, span: Span) -> Graded:
    """It was going on at some time of the window."""
    span = span.of(view.column("patient")[rows])
    start_low, start_high = view.column("start_low")[rows], view.column("start_high")[rows]
    end_low, end_high = view.column("end_low")[rows], view.column("end_high")[rows]
    inside = (start_high <= span.last_earliest) & (end_low >= span.first_latest)
    outside = (start_low > span.last_latest) | (end_high < span.first_earliest)
    return graded(inside, outside)


def lasting(view: View, rows: Ints, span: Span) -> Graded:
    """As `overlapped`; an active status alone, without any date, holds in every window that ends at the index date."""
    grade, reasons = overlapped(view, rows, span)
    low, high = view.column("start_low")[rows], view.column("start_high")[rows]
    current = (view.column("course")[rows] == Course.NOW) & (low == FLOOR) & (high == CEIL)
    current &= span.of(view.column("patient")[rows]).last_earliest >= view.today
    return np.where(current, YES, grade).astype(np.int8), np.where(current, 0, reasons).astype(np.uint32)


def graded(yes: NDArray[Any], no: NDArray[Any], why: int = Reason.UNDATED) -> Graded:
    """Grades from two exclusive tests; what is neither is unknown for `why`."""
    grade = np.where(yes, YES, np.where(no, NO, UNKNOWN)).astype(np.int8)
    return grade, np.where(grade == UNKNOWN, why, 0).astype(np.uint32)
