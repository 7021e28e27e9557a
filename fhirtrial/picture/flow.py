"""Attrition → the flow of patients as CONSORT draws it: down the middle who is left, to the side who went and why.

Every number of the attrition is in the drawing's words, its parts' titles or its description; none is computed anew
but what rules out, the difference of two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fhirtrial.matching.attrition import Attrition, Step
from fhirtrial.picture.drawing import FAINT, INK, Box, Drawing, Line, Part, Words
from fhirtrial.picture.lettering import lines, rightward, width
from fhirtrial.picture.sentences import described, of_step

WIDTH, MARGIN = 900, 30
MIDDLE, BAR = 160, 260  # where the patients' line runs, and how wide its boxes and longest bar are
SIDE = 330  # where the side boxes begin
END = WIDTH - MARGIN
TEXT, SMALL, HEAD = 12, 10.5, 17
LINE = 15
PAGE = 1335
"""The height that printed on a page's width is the page's (A4 and Letter, margins and all)."""
DENSITIES = ((2, True), (2, False), (1, False))
"""Lines of a criterion's text, and whether its counts among all screened are added: the first that fits the page."""
OFTEN = 5
"""Criteria that are listed as unknown most often."""
RULED_OUT, LEFT = "#fbeee6", "#d3e4f3"
VERDICT_SIGNS = {  # colours that the colour-blind tell apart (Okabe and Ito, https://jfly.uni-koeln.de/color/)
    "eligible": ("✔", "#009e73", "every criterion is met,", "by what the records say"),
    "presumed-eligible": ("(✔)", "#56b4e9", "every criterion is met,", "some of them presumably"),
    "undetermined": ("?", "#e69f00", "no criterion rules out,", "some are unknown"),
}


@dataclass
class _Sheet:
    """The parts so far, and how far down they reach."""

    y: float = MARGIN
    parts: list[Part] = field(default_factory=list)

    def add(self, *shapes: Box | Words | Line, title: str = "") -> None:
        self.parts.append(Part(shapes, title))


def flow(attrition: Attrition) -> Drawing:
    sheet = _Sheet()
    for most, alone in DENSITIES:
        sheet = _sheet(attrition, most, alone)
        if sheet.y <= PAGE:
            break
    title = f"Screening for {_named(attrition)} on {attrition.on.isoformat()}"
    name = "attrition-" + re.sub(r"[^A-Za-z0-9-]+", "-", attrition.trial)
    return Drawing(name, WIDTH, round(sheet.y), title, described(attrition), tuple(sheet.parts))


def _sheet(of: Attrition, most: int, alone: bool) -> _Sheet:
    sheet = _Sheet()
    _head(sheet, of)
    _screened(sheet, of)
    for step in of.steps:
        if step.came != step.remained:
            _step(sheet, step, of, most, alone)
    _nobody(sheet, of)
    _verdicts(sheet, of)
    _unknown(sheet, of)
    _foot(sheet)
    return sheet


def _head(sheet: _Sheet, of: Attrition) -> None:
    room = WIDTH - 2 * MARGIN
    words = []
    for place, line in enumerate(lines(_named(of), room, HEAD, 3, bold=True)):
        sheet.y += 0 if place == 0 else HEAD * 1.3
        words.append(_aligned(MARGIN, END, sheet.y + HEAD, line, HEAD, bold=True))
    sheet.y += HEAD + LINE + 6
    day = Words(MARGIN, sheet.y, f"Screening on {of.on.isoformat()}", TEXT + 1, colour=FAINT)
    sheet.add(*words, day, title=_named(of))
    sheet.y += 20


def _screened(sheet: _Sheet, of: Attrition) -> None:
    top, height = sheet.y, 44
    _middle_box(sheet, top, height, "Patients screened", of.screened)
    aside = of.screened - of.judged
    reasons = ", ".join(f"{name.replace('-', ' ').replace(':', ' ')} {n:,}" for name, n in of.set_aside.items())
    about = lines(reasons or "nobody", END - SIDE - 24, TEXT, 3)
    tall = 30 + LINE * len(about)
    side = top + height + 10
    _line(sheet, top + height, side + tall + 12)
    sheet.add(
        Line(MIDDLE, side + tall / 2, SIDE, side + tall / 2, head=True),
        Box(SIDE, side, END - SIDE, tall),
        Words(SIDE + 12, side + 19, "Set aside before the criteria", TEXT, bold=True),
        Words(END - 12, side + 19, f"n = {aside:,}", TEXT, bold=True, align="right"),
        *(Words(SIDE + 12, side + 19 + LINE * (i + 1), line, TEXT, colour=FAINT) for i, line in enumerate(about)),
        title=f"Set aside before the criteria: {aside:,} ({reasons or 'nobody'})",
    )
    sheet.y = side + tall + 12
    _middle_box(sheet, sheet.y, height, "Came to the criteria", of.judged)
    sheet.y += height


def _step(sheet: _Sheet, step: Step, of: Attrition, most: int, alone: bool) -> None:
    """A bar as long as the share that came to the criterion, and the criterion beside it with those it rules out."""
    number = f"n = {step.came - step.remained:,}"
    left, right = SIDE + 82, END - 24 - width(number, TEXT, bold=True)
    about = lines(step.text, right - left, TEXT, most)
    gap = 7 if alone else 5 if most > 1 else 3
    tall = gap + 2 + LINE * (max(len(about), 1) + alone)
    top, base = sheet.y + gap, sheet.y + gap + gap / 2 + 13.5
    centre = top + tall / 2
    long = max(BAR * min(1.0, step.came / max(of.judged, 1)), 1)
    name = lines(step.criterion, left - SIDE - 18, TEXT, 1, bold=True)
    shapes: list[Box | Words | Line] = [
        Box(MIDDLE - long / 2, centre - 9, long, 18, fill=LEFT, edge=LEFT),
        Words(MIDDLE, centre + 4, f"{step.came:,}", TEXT, bold=True, align="middle"),
        Line(MIDDLE + max(long / 2, width(f"{step.came:,}", TEXT, bold=True) / 2 + 4), centre, SIDE, centre, head=True),
        Box(SIDE, top, END - SIDE, tall, fill=RULED_OUT, edge="#b34700"),
        *(Words(SIDE + 12, base, line, TEXT, bold=True) for line in name),
        *(_aligned(left, right, base + LINE * i, line, TEXT) for i, line in enumerate(about)),
        Words(END - 12, base, number, TEXT, bold=True, align="right"),
    ]
    if alone:
        shapes.append(Words(SIDE + 12, base + LINE, step.kind, SMALL, colour=FAINT))
        said = f"of all {of.screened:,} screened: {_alone(step)}"
        shapes.append(Words(left, base + LINE * max(len(about), 1), said, SMALL, colour=FAINT))
    _line(sheet, sheet.y, centre - 9)
    _line(sheet, centre + 9, top + tall)
    sheet.add(*shapes, title=of_step(step))
    sheet.y = top + tall


def _alone(step: Step) -> str:
    sure, presumed = ("yes", "presumed-yes") if step.kind == "exclusion" else ("no", "presumed-no")
    out = step.truths.get(sure, 0) + step.truths.get(presumed, 0)
    return f"rules out {out:,}, unknown for {step.truths.get('unknown', 0):,}"


def _nobody(sheet: _Sheet, of: Attrition) -> None:
    """One box for all criteria that rule out nobody who comes to them; each is a part with its own title."""
    steps = [s for s in of.steps if s.came == s.remained]
    if not of.steps:
        sheet.add(Words(SIDE + 12, sheet.y + 26, "The trial has no criteria.", TEXT, colour=FAINT))
        _line(sheet, sheet.y, sheet.y + 28)
        sheet.y += 28
    if not steps:
        return
    top, room = sheet.y + 10, END - SIDE - 24
    count = "1 criterion rules" if len(steps) == 1 else f"{len(steps)} criteria rule"
    parts: list[Part] = []
    x, y = SIDE + 12.0, top + 19 + LINE
    for place, step in enumerate(steps):
        word = lines(step.criterion, room, TEXT, 1)[0] + ("," if place < len(steps) - 1 else "")
        if x + width(word, TEXT) > END - 12:
            x, y = SIDE + 12, y + LINE
        parts.append(Part((Words(x, y, word, TEXT, colour=FAINT),), of_step(step)))
        x += width(f"{word} ", TEXT)
    tall = y + 11 - top
    sheet.add(
        Box(SIDE, top, END - SIDE, tall, dashed=True, edge=FAINT),
        Words(SIDE + 12, top + 19, f"{count} out nobody who came to {'it' if len(steps) == 1 else 'them'}", TEXT),
    )
    sheet.parts.extend(parts)
    _line(sheet, sheet.y, top + tall)
    sheet.y = top + tall


def _verdicts(sheet: _Sheet, of: Attrition) -> None:
    top, height = sheet.y + 16, 44
    _line(sheet, sheet.y, top)
    _middle_box(sheet, top, height, "Not ruled out", of.remained)
    sure, presumed = of.verdicts.get("ineligible", 0), of.verdicts.get("presumed-ineligible", 0)
    sheet.add(
        Box(SIDE, top, END - SIDE, height, fill=RULED_OUT, edge="#b34700"),
        Words(SIDE + 12, top + 19, "Ruled out by the criteria", TEXT, bold=True),
        Words(END - 12, top + 19, f"n = {of.judged - of.remained:,}", TEXT, bold=True, align="right"),
        Words(SIDE + 12, top + 19 + LINE, f"ineligible {sure:,}, presumed ineligible {presumed:,}", TEXT, colour=FAINT),
        title=f"Ruled out: ineligible {sure:,}, presumed ineligible {presumed:,}",
    )
    fork, boxes = top + height + 14, top + height + 30
    gap, tall = 30.0, 66.0
    wide = (WIDTH - 2 * MARGIN - 2 * gap) / 3
    middles = [MARGIN + wide / 2 + (wide + gap) * i for i in range(3)]
    _line(sheet, top + height, fork)
    sheet.add(Line(middles[0], fork, middles[-1], fork))
    for middle, (label, (sign, colour, *said)) in zip(middles, VERDICT_SIGNS.items(), strict=True):
        x, number = middle - wide / 2, of.verdicts.get(label, 0)
        name = label.replace("-", " ").capitalize()
        sheet.add(
            Line(middle, fork, middle, boxes, head=True),
            Box(x, boxes, wide, tall),
            Box(x, boxes, 6, tall, fill=colour, edge=colour),
            Words(x + 16, boxes + 21, f"{sign} {name}", TEXT + 1, bold=True),
            Words(x + wide - 10, boxes + 21, f"n = {number:,}", TEXT + 1, bold=True, align="right"),
            *(Words(x + 16, boxes + 40 + LINE * i, line, SMALL + 0.5, colour=FAINT) for i, line in enumerate(said)),
            title=f"{name}: {number:,}",
        )
    sheet.y = boxes + tall


def _unknown(sheet: _Sheet, of: Attrition) -> None:
    """What to look for or ask: the criteria that are unknown most often."""
    asked = sorted((s for s in of.steps if s.truths.get("unknown", 0)), key=lambda s: -s.truths["unknown"])[:OFTEN]
    if not asked or not of.verdicts.get("undetermined", 0):
        return
    top = sheet.y + 16
    tall = 30 + (LINE + 2) * len(asked)
    number = sum(1 for s in of.steps if s.truths.get("unknown", 0))
    some = "1 criterion is" if number == 1 else f"{number} criteria are"
    colour = VERDICT_SIGNS["undetermined"][1]
    sheet.add(
        Box(MARGIN, top, END - MARGIN, tall, edge=FAINT),
        Box(MARGIN, top, 6, tall, fill=colour, edge=colour),
        Words(MARGIN + 16, top + 19, f"Unknown most often, of all {of.screened:,} screened", TEXT, bold=True),
        Words(END - 12, top + 19, f"{some} unknown for somebody", SMALL, colour=FAINT, align="right"),
    )
    most = width(f"{asked[0].truths['unknown']:,}", TEXT, bold=True)
    for place, step in enumerate(asked):
        y, x = top + 19 + (LINE + 2) * (place + 1), MARGIN + 16 + most
        name = lines(step.criterion, 66, TEXT, 1, bold=True)
        sheet.add(
            Words(x, y, f"{step.truths['unknown']:,}", TEXT, bold=True, align="right"),
            *(Words(x + 14, y, word, TEXT, bold=True) for word in name),
            *(_aligned(x + 84, END - 12, y, line, TEXT) for line in lines(step.text, END - x - 96, TEXT, 1)),
            title=of_step(step),
        )
    sheet.y = top + tall


def _foot(sheet: _Sheet) -> None:
    said = (
        "Counted in the trial's order: who is ruled out by one criterion does not come to the next. "
        "An unknown rules nobody out; an exclusion rules out where it is true, or presumed to be."
    )
    sheet.y += 24
    for line in lines(said, WIDTH - 2 * MARGIN, SMALL, 3):
        sheet.add(Words(MARGIN, sheet.y, line, SMALL, colour=FAINT))
        sheet.y += 14
    sheet.y += MARGIN - 14


def _middle_box(sheet: _Sheet, top: float, height: float, what: str, number: int) -> None:
    sheet.add(
        Box(MIDDLE - BAR / 2, top, BAR, height),
        Words(MIDDLE, top + 19, what, TEXT + 1, bold=True, align="middle"),
        Words(MIDDLE, top + 19 + LINE + 1, f"n = {number:,}", TEXT + 1, align="middle"),
        title=f"{what}: {number:,}",
    )


def _line(sheet: _Sheet, top: float, bottom: float) -> None:
    sheet.add(Line(MIDDLE, top, MIDDLE, bottom))


def _aligned(left: float, right: float, y: float, text: str, size: float, *, bold: bool = False) -> Words:
    """A line that is read from the right stands at the right."""
    if rightward(text):
        return Words(right, y, text, size, bold, INK, "right")
    return Words(left, y, text, size, bold)


def _named(of: Attrition) -> str:
    return of.trial if of.title in ("", of.trial) else f"{of.trial}: {of.title}"
