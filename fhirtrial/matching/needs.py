"""What would settle an unknown atom, in words a coordinator can act on: data to get or a question to answer.

It never proposes starting, stopping or delaying a therapy.
"""

from __future__ import annotations

from fhirtrial.criteria.english import english
from fhirtrial.matching.plan import Asked
from fhirtrial.matching.result import Need
from fhirtrial.matching.view import View


def need(question: Asked, view: View, reasons: tuple[str, ...]) -> Need:
    words = english(question.atom, lambda name: view.concept(name).label)
    text = f"answer: {words}" if question.link_id else words
    return Need(f"{text} [{', '.join(reasons)}]" if reasons else text, question.atom, question.link_id)
