"""The words of a window → the window: the same seven forms that `english.window_text` writes."""

from __future__ import annotations

import re
from typing import get_args

from fhirtrial.criteria.reading.line import Line
from fhirtrial.criteria.tree import Anchor, Offset, Window
from fhirtrial.criteria.wording import ANCHORS, plain

_NOW = Offset(value=0, unit="d")
_WORDS = {anchor: ANCHORS.get(anchor, plain(anchor)) for anchor in get_args(Anchor)}


def read_window(line: Line) -> Window:
    if line.take("at any time, also after "):
        return _window(_anchor(line), None, None)
    if line.take("any time up to "):
        end, anchor = _moment(line)
        return _window(anchor, None, end)
    if line.take("on the day of "):
        return _window(_anchor(line), _NOW, _NOW)
    if line.take("within "):
        length = line.length()
        side = line.match(r" (before|after) ") or line.fail('"before" or "after" an anchor')
        anchor = _anchor(line)
        if side[1] == "before":
            return _window(anchor, length.model_copy(update={"value": -length.value}), _NOW)
        return _window(anchor, _NOW, length)
    if not line.take("from "):
        line.fail('a window, such as "within 24 weeks before screening"')
    start, anchor = _moment(line)
    if line.take(" on"):
        return _window(anchor, start, None)
    place = line.at
    if not line.take(" to "):
        line.fail('"on", or "to" and another time')
    end, other = _moment(line)
    if other != anchor:
        line.fail(f"both times counted from {_WORDS[anchor]}", place)
    return _window(anchor, start, end)


def _window(anchor: str, start: Offset | None, end: Offset | None) -> Window:
    return Window.model_validate({"anchor": anchor, "start": start, "end": end})


def _anchor(line: Line) -> str:
    return line.one_of(_WORDS, "an anchor")


def _moment(line: Line) -> tuple[Offset, str]:
    if not re.match(r"-?\d", line.rest):
        return _NOW, _anchor(line)
    length = line.length()
    side = line.match(r" (before|after) ") or line.fail('"before" or "after" an anchor')
    value = -length.value if side[1] == "before" else length.value
    return length.model_copy(update={"value": value}), _anchor(line)
