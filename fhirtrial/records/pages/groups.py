"""Arms, interventions and outcomes of a page, in the shapes that mirrors print: lists, pairs, and glued tables.

A glued table is one whose cell borders were lost in copying ("Basiliximab groupSteroids1. …"): a border is where a
small letter or bracket meets a capital or a digit.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fhirtrial.records.codes import code_of
from fhirtrial.records.fields import Arm, Intervention, Outcome

_TYPED = re.compile(r"^([A-Z][A-Za-z ]{3,25}):\s*(\S.*)$")
_ARM_HEAD = re.compile(r"^(?:group|arm)s?\W*interventions?\W*(?:description)?$", re.IGNORECASE)
_OUTCOME_HEAD = re.compile(
    r"^(?:name|measure|outcome)\W*(?:time(?: ?frame)?)\W*(?:method|description)?$", re.IGNORECASE
)
_BORDER = re.compile(r"(?<=[a-z)\]])(?=[A-Z0-9])")
_TIME_END = re.compile(r"(\d+)\s*(?:week|month|day|year|hour)s?$", re.IGNORECASE)
_TIME_FRAME = re.compile(r"^[\[(]?\s*time\s*frame\s*:?\s*(.+?)[\])]?$", re.IGNORECASE)
_INLINE_FRAME = re.compile(r"^(.+?)\s*[\[(]\s*time\s*frame\s*:\s*(.+?)[\])]\s*$", re.IGNORECASE)
_SENTENCE_WORDS = 5


@dataclass(frozen=True)
class Outcomes:
    """`before` are the lines that came ahead of the first outcome and belong to none."""

    outcomes: tuple[Outcome, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def read_interventions(lines: Sequence[str]) -> tuple[Intervention, ...]:
    """Lines of type and name ("Drug: X"), name and description pairs, or plain names."""
    pairs = pairs_of(lines)
    if pairs is not None:
        return tuple(Intervention(name=name, description=None if text == name else text) for name, text in pairs)
    return tuple(dict.fromkeys(_intervention(line) for line in lines))


def _intervention(line: str) -> Intervention:
    match = _TYPED.match(line)
    code = code_of("Intervention", "type", match[1]) if match else None
    return Intervention(name=match[2], type=code) if match and code else Intervention(name=line)


def pairs_of(lines: Sequence[str]) -> tuple[tuple[str, str], ...] | None:
    """(name, description) pairs, where every second line describes the one before it or repeats it."""
    if len(lines) < 2 or len(lines) % 2:
        return None
    pairs = tuple(zip(lines[::2], lines[1::2], strict=True))
    if all(text == name or len(text.split()) >= _SENTENCE_WORDS for name, text in pairs) and not any(
        _TYPED.match(name) and code_of("Intervention", "type", name.split(":")[0]) for name, _ in pairs
    ):
        return pairs
    return None


def read_arms(lines: Sequence[str], interventions: Sequence[Intervention]) -> tuple[Arm, ...]:
    """The arms of an arm block: a glued table, pairs with the interventions' own pairs between them, or plain pairs."""
    if lines and _ARM_HEAD.match(lines[0]):
        return _arms_of_table(lines[1:])
    known = {(i.name, i.description or i.name) for i in interventions}
    pairs = pairs_of(lines)
    if pairs is None:
        return tuple(Arm(label=line) for line in dict.fromkeys(lines))
    arms: list[Arm] = []
    for name, text in pairs:
        if arms and (name, text) in known:
            arms[-1] = arms[-1].model_copy(update={"intervention_names": (*arms[-1].intervention_names, name)})
        else:
            arms.append(Arm(label=name, description=None if text == name else text))
    return tuple(arms)


def _arms_of_table(rows: Sequence[str]) -> tuple[Arm, ...]:
    """One arm per label; a row that repeats a label adds its intervention."""
    arms: dict[str, Arm] = {}
    for row in rows:
        cells = [c for c in re.split(r"\t", row) if c] if "\t" in row else _cells(row)
        label, names, text = cells[0].strip(), cells[1:2], cells[2] if len(cells) > 2 else None
        known = arms.get(label) or Arm(label=label, description=text)
        added = tuple(n for n in names if n not in known.intervention_names)
        arms[label] = known.model_copy(update={"intervention_names": (*known.intervention_names, *added)})
    return tuple(arms.values())


def _cells(row: str) -> list[str]:
    """At most three cells: the text after the second border is one."""
    borders = [m.start() for m in _BORDER.finditer(row)][:2]
    cuts = [0, *borders, len(row)]
    return [row[a:b] for a, b in itertools.pairwise(cuts)]


def read_outcomes(blocks: Sequence[Sequence[str]]) -> list[Outcomes]:
    """Each block's outcomes; glued tables are read together, since their time frames explain each other."""
    tables = [lines for lines in blocks if lines and _OUTCOME_HEAD.match(lines[0])]
    frames = _common_frames([line for lines in tables for line in lines[1:]])
    return [
        _outcomes_of_table(lines[1:], frames) if lines and _OUTCOME_HEAD.match(lines[0]) else _outcomes_of_lines(lines)
        for lines in blocks
    ]


def _common_frames(rows: Sequence[str]) -> list[str]:
    """Time frames that rows end in, commonest first, then longest: "KL-652 week" among "… 52 week" ends in 52."""
    counts: Counter[str] = Counter()
    for row in rows:
        match = _TIME_END.search(row)
        if match:
            counts.update(row[i:] for i in range(match.start(1), match.end(1)) if row[i] != "0")
    return sorted(counts, key=lambda frame: (-counts[frame], -len(frame), frame))


def _outcomes_of_table(rows: Sequence[str], frames: Sequence[str]) -> Outcomes:
    outcomes: list[Outcome] = []
    before: list[str] = []
    for row in rows:
        frame = next((f for f in frames if row.endswith(f) and len(row) > len(f)), None)
        if frame is not None:
            outcomes.append(Outcome(measure=row.removesuffix(frame).strip(), time_frame=frame))
        elif outcomes:
            told = "\n".join(filter(None, (outcomes[-1].description, row)))
            outcomes[-1] = outcomes[-1].model_copy(update={"description": told})
        else:
            before.append(row)
    return Outcomes(tuple(outcomes), tuple(before))


def _outcomes_of_lines(lines: Sequence[str]) -> Outcomes:
    """Outcomes closed by their "Time frame:" lines, or with the time frame in brackets behind the measure."""
    plain = [line for line in lines if not re.fullmatch(r"\d{1,2}\.?", line)]
    if any(_INLINE_FRAME.match(line) for line in plain):
        return _outcomes_with_brackets(plain)
    outcomes: list[Outcome] = []
    before: list[str] = []
    waiting: list[str] = []
    for line in plain:
        frame = _TIME_FRAME.match(line)
        if frame is None or not waiting:
            waiting.append(line)
            continue
        size = 2 if len(waiting) > 1 and waiting[-1].endswith(".") and not waiting[-2].endswith(".") else 1
        own = waiting[-size:] if not outcomes else waiting
        before += waiting[: -len(own)] if not outcomes else []
        outcomes.append(Outcome(measure=own[0], description="\n".join(own[1:]) or None, time_frame=frame[1]))
        waiting = []
    if not outcomes:
        return Outcomes((), tuple(waiting))
    return Outcomes(tuple(outcomes), tuple(before), tuple(waiting))


def _outcomes_with_brackets(lines: Sequence[str]) -> Outcomes:
    outcomes: list[Outcome] = []
    before: list[str] = []
    for line in lines:
        match = _INLINE_FRAME.match(line)
        if match:
            outcomes.append(Outcome(measure=re.sub(r"^\d{1,2}\.\s+", "", match[1]), time_frame=match[2]))
        elif outcomes:
            told = "\n".join(filter(None, (outcomes[-1].description, line)))
            outcomes[-1] = outcomes[-1].model_copy(update={"description": told})
        else:
            before.append(line)
    return Outcomes(tuple(outcomes), tuple(before))


def unlabelled_arms(lines: Sequence[str]) -> tuple[Arm, ...]:
    """Whole sentences that stand where arms do; each is named by its words up to the first bracket or comma."""
    return tuple(Arm(label=re.split(r"\s*[(,.;:]", line)[0].strip() or line, description=line) for line in lines)
