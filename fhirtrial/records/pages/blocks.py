"""A page's lines → blocks, each under the label that opened it; the eligibility section keeps its exact text.

Inside a criteria list only a line that is wholly a label of another part ends it: words like "Age" or "Conditions"
head criteria there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fhirtrial.criteria.text.sections import SectionKind, heading_at, lines_of
from fhirtrial.records.pages.labels import FURNITURE, GUIDANCE, LABELS, folded
from fhirtrial.records.pages.values import is_age, is_sex, is_yes_no

_INSIDE_CRITERIA = frozenset(
    {
        "ages",
        "sex",
        "minimum_age",
        "maximum_age",
        "conditions",
        "interventions",
        "status",
        "phase",
        "healthy_volunteers",
    }
    | {"brief_summary", "eligibility", "study_population", "nct_id", "contacts", "purpose", "other_names", "outcomes"}
)
_TEXT_SLOTS = frozenset({"brief_summary", "detailed_description"})
_INLINE = re.compile(r"^([^:：]{2,60}?)\s*[:：]\s*(\S.*)$")


@dataclass(frozen=True)
class Block:
    """The lines under one label, "" before the first; their own text is text[start:end)."""

    slot: str
    lines: tuple[str, ...]
    kind: SectionKind | None = None
    start: int = 0
    end: int = 0


def blocks_of(text: str) -> tuple[Block, ...]:
    """The page's blocks in order; furniture is gone, and bare age, sex and yes/no lines behind a list have left it."""
    found: list[Block] = []
    slot, kind, start, end = "", None, 0, 0
    lines: list[str] = []

    def close() -> None:
        if slot or lines:
            found.append(Block(slot, tuple(lines), kind, start, end))

    for line in lines_of(text):
        content = text[line.start : line.end]
        heading = heading_at(text, line)
        opened = LABELS.get(folded(content))
        inline = _inline(content, slot) if kind is None and opened is None else None
        if heading is not None and (kind is not None or heading.main or slot not in _TEXT_SLOTS):
            if kind == heading.kind:
                lines.append(content)
                end = line.end
                continue
            close()
            slot, kind, start, end, lines = "criteria", heading.kind, line.start, line.end, [content]
        elif opened is not None and line.marker is None and not (kind is not None and opened in _INSIDE_CRITERIA):
            close()
            slot, kind, lines = opened, None, []
        elif inline is not None:
            close()
            found.append(Block(inline[0], (inline[1],), None, line.end - len(inline[1]), line.end))
            slot, lines = "", []
        elif FURNITURE.search(content) and line.marker is None:
            if kind is not None:
                close()
                slot, kind, lines = "", None, []
        elif not (kind is None and GUIDANCE.match(content)):
            start = start if lines else line.start
            lines.append(content)
            end = line.end
    close()
    return tuple(_without_tail(found, text))


def _inline(content: str, slot: str) -> tuple[str, str] | None:
    """A "Label: value" line; prose is not searched for them."""
    match = _INLINE.match(content) if slot not in _TEXT_SLOTS else None
    if match is None:
        return None
    opened = LABELS.get(folded(match[1]))
    return (opened, match[2]) if opened is not None and opened != "furniture" else None


def _without_tail(blocks: list[Block], text: str) -> list[Block]:
    """Structured values that a page prints behind its last list ("18 Years", "ALL", "No") get a block of their own."""
    found: list[Block] = []
    for block in blocks:
        kept = list(block.lines)
        while block.kind and len(kept) > 1 and (is_age(kept[-1]) or is_sex(kept[-1]) or is_yes_no(kept[-1])):
            kept.pop()
        tail = block.lines[len(kept) :]
        if not any(is_age(line) or is_sex(line) for line in tail):
            found.append(block)
            continue
        end = block.end
        for line in reversed(tail):
            end = text.rindex(line, block.start, end)
        end = block.start + len(text[block.start : end].rstrip())
        found += [Block(block.slot, tuple(kept), block.kind, block.start, end), Block("tail", tail)]
    return found
