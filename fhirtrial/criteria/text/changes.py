"""Changes of a measurement: "decrease in FVC of more than 10 % within 6 months", "a rise of creatinine >= 0.3 mg/dL".

A level ("increase in creatinine to > 2 mg/dL") is no change; one from the study's own baseline needs a person.
"""

from __future__ import annotations

from fhirtrial.criteria.text.atoms import chosen
from fhirtrial.criteria.text.found import Job, Link
from fhirtrial.criteria.text.leftover import graded, leftover, unclear
from fhirtrial.criteria.text.lexemes import Bounds, Lexeme, Timed
from fhirtrial.criteria.text.phrase import Phrase
from fhirtrial.criteria.text.values import MEASURED, fits
from fhirtrial.criteria.tree import All, Change, Node

_DIRECTIONS = {
    **dict.fromkeys(("decrease", "decline", "drop", "fall", "reduction"), "decrease"),
    **dict.fromkeys(("increase", "rise"), "increase"),
}
_LEVEL = frozenset({"to", "up", "above", "over", "below", "beyond"})


def changed(job: Job, phrase: Phrase, cues: dict[str, Lexeme]) -> Node | None:
    """The change that a phrase asks for; None where it asks for none."""
    lexemes = phrase.lexemes
    at = next((n for n, x in enumerate(lexemes) if _direction(x) is not None), None)
    if at is None or at + 1 >= len(lexemes) or {"negation", "suspected", "experiencer"} & cues.keys():
        return None
    word = lexemes[at]
    values = [x for x in lexemes if x.kind == "compare" and isinstance(x.value, Bounds)]
    names = [x for x in lexemes if x.kind == "concept" and x is not word]
    direction = _direction(word)
    if len(values) != 1 or len(names) != 1 or direction is None or (name := chosen(job, names[0], *MEASURED)) is None:
        return None
    between = {x.text for x in lexemes if word.end <= x.start < names[0].start}
    if names[0].start < word.start or not between & {"in", "of"}:
        return None
    bounds, value = values[0].value, values[0]
    assert isinstance(bounds, Bounds)  # noqa: S101 - chosen for it above
    bound = bounds.each[0]
    before = {x.text for x in lexemes if word.end <= x.start < value.start}
    if before & _LEVEL or value.text.split()[0] in _LEVEL or len(bounds.each) != 1 or bound.of != "absolute":
        return None
    concept = job.terminology.concept(name)
    points = name.endswith("percent-predicted") or concept.unit == "%"
    if bound.lost or bound.op not in {">", ">="} or bound.unit is None or bound.predicted:
        return None
    if bound.unit != "%" and not fits(concept, bound.unit):
        return None
    window = next((x for x in lexemes if x.kind == "window"), None) or phrase.window
    timed = window.value.window if window and isinstance(window.value, Timed) and window.value.anchored else None
    node = Change.model_validate(
        {
            "concept": name,
            "direction": direction,
            "op": bound.op,
            "amount": bound.value,
            "unit": bound.unit,
            "relative": bound.unit == "%" and not points,
            "window": timed,
        }
    )
    used = {word, names[0], value, *([window] if window and timed else [])}
    job.encode(*used)
    job.values.append(Link((names[0].start, names[0].end), (value.start, value.end)))
    if bound.unit == "%" and points:
        # Of a percentage, ten percent may be a tenth of it or ten points.
        return unclear(job, phrase, node, "ambiguous_scope")
    told = graded(job, phrase, node, leftover(job, phrase, used, names[0]))
    if any("baseline" in x.text for x in lexemes):
        return All(nodes=(told, job.residue("needs_baseline_pair", *phrase.span)))
    return told


def _direction(lexeme: Lexeme) -> str | None:
    return _DIRECTIONS.get(lexeme.text) if lexeme.kind in {"word", "concept", "cue", "term"} else None
