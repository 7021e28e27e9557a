"""A registry page as plain text → TrialRecord: values under labels, values known by their shape, and the rest noted.

What a page does not say stays empty; a value that was recognised by shape or place has a note, and so has a line that
belongs to no field. Nothing outside the eligibility section becomes a criterion.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from fhirtrial.errors import RecordError
from fhirtrial.records.eligibility import read_eligibility
from fhirtrial.records.fields import Design, Eligibility
from fhirtrial.records.hints import find_hints
from fhirtrial.records.pages.blocks import Block, blocks_of
from fhirtrial.records.pages.groups import read_arms, read_interventions, read_outcomes, unlabelled_arms
from fhirtrial.records.pages.readers import NCT, READERS, Page, put_badges
from fhirtrial.records.pages.values import (
    Badges,
)
from fhirtrial.records.record import SCHEMA_VERSION, RecordNote, Source, TrialRecord, document_id

_PROSE_WORDS = 20
_OUTCOME_SLOTS = {
    "primary_outcomes": "primary_outcomes",
    "secondary_outcomes": "secondary_outcomes",
    "other_outcomes": "other_outcomes",
    "outcomes": "unranked_outcomes",
    "": "unranked_outcomes",
}
# What any text seems to have.
_ANY_DOCUMENT = frozenset({"brief_title", "brief_summary", "detailed_description", "references", "conditions"})
# Read with other blocks, below, or cut.
_READ_TOGETHER = frozenset({*_OUTCOME_SLOTS, "arms", "interventions", "criteria", "eligibility", "furniture"})


def record_from_page(text: str, name: str, where: str) -> TrialRecord:
    """The record of one page; RecordError when nothing on it looks like a trial."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    blocks = blocks_of(text)
    page = Page()
    head = [line for block in blocks if block.slot == "" for line in block.lines] if blocks else []
    first = blocks[0].lines if blocks and blocks[0].slot == "" else ()
    for block in blocks:
        if block.slot in READERS:
            READERS[block.slot](page, block)
        elif block.slot not in _READ_TOGETHER:
            page.loose.extend(block.lines)
    sections = _last_of_each_kind(blocks)
    for block in blocks:
        if block.slot == "eligibility" and block not in sections:
            page.loose.extend(block.lines)
    _read_groups(page, blocks)
    _read_head(page, first)
    _read_loose(page, [*head[len(first) :], *page.loose])
    number = _registry_id(page, blocks)
    eligibility_text = "\n\n".join(text[b.start : b.end] for b in sections) or None
    if not (page.values.keys() - _ANY_DOCUMENT or page.design or page.eligibility or number or eligibility_text):
        raise RecordError(where, "no field of a trial was recognised", "give a registry page or an API v2 study")
    fields = Eligibility(**page.eligibility)
    parts = read_eligibility(eligibility_text, fields)
    values = {k: v for k, v in page.values.items() if k != "nct_id"} | ({"nct_id": number} if number else {})
    return TrialRecord(
        schema_version=SCHEMA_VERSION,
        id=number or document_id(_opening(values, text)),
        source=Source(format="page", name=name, hash=hashlib.sha256(text.encode()).hexdigest()),
        **values,
        design=Design(**page.design),
        eligibility=fields,
        eligibility_text=eligibility_text,
        eligibility_headings=parts.headings,
        eligibility_notes=parts.asides,
        criteria=parts.criteria,
        defects=parts.defects,
        hints=find_hints(
            {k: values[k] for k in ("brief_summary", "detailed_description") if k in values}, parts.defects
        ),
        notes=(*page.notes, *parts.notes),
    )


def _opening(values: Mapping[str, Any], text: str) -> str:
    """What names a document without a registry id: its title, else its summary's first paragraph, else its text."""
    words = values.get("official_title") or values.get("brief_title") or values.get("brief_summary") or text
    return str(words).strip().split("\n", 1)[0]


def _last_of_each_kind(blocks: tuple[Block, ...]) -> list[Block]:
    """A description may quote criteria; the eligibility section comes after it. Without headings it is one block."""
    last = {block.kind: block for block in blocks if block.kind is not None}
    if not last:
        return [b for b in blocks if b.slot == "eligibility" and b.lines][-1:]
    return sorted(last.values(), key=lambda b: b.start)


def _registry_id(page: Page, blocks: tuple[Block, ...]) -> str | None:
    if "nct_id" in page.values:
        return str(page.values["nct_id"])
    kept = [line for block in blocks if block.slot not in {"furniture", "references"} for line in block.lines]
    numbers = list(dict.fromkeys(n for line in kept for n in NCT.findall(line)))
    first = blocks[0].lines if blocks and blocks[0].slot == "" else ()
    heading = next((m.group() for line in first if (m := NCT.search(line))), None)
    if heading is None and len(numbers) != 1:
        return None
    found = heading or numbers[0]
    page.unlabelled("nct_id", f"{found} is the page's only registry id, or stands in its head")
    return found


def _read_head(page: Page, lines: tuple[str, ...]) -> None:
    """The lines before the first label: a title, badges, and sometimes the summary itself."""
    badges = Badges()
    prose: list[str] = []
    titles: list[str] = []
    for line in lines:
        if badges.read(line):
            page.unlabelled("", line)
        elif len(line.split()) >= _PROSE_WORDS and line.endswith("."):
            prose.append(line)
        else:
            titles.append(line)
    put_badges(page, badges)
    _put_title(page, titles)
    for name, text in zip(("brief_summary", "detailed_description"), (prose[:1], prose[1:]), strict=True):
        if text and name not in page.values:
            page.put(name, "\n".join(text))
            page.unlabelled(name, "the page opens with it, without a heading")


def _put_title(page: Page, lines: list[str]) -> None:
    """The first line of more than two words, without the site's name and the registry id that mirrors add."""
    cleaned = [re.sub(r"\s*\(NCT\d{8}\)", "", re.sub(r"\s+[|–—]\s+[^|–—]*$", "", line)).strip() for line in lines]
    title = next((line for line in cleaned if len(line.split()) > 2), None)
    if "brief_title" not in page.values and "official_title" not in page.values:
        if title is None:
            page.notes.append(RecordNote(code="missing-title", path="brief_title", text="the page shows no title"))
        page.put("brief_title", title)
    for line in dict.fromkeys(cleaned):
        if line and line != title:
            page.notes.append(RecordNote(code="unplaced", path="", text=line))


def _read_loose(page: Page, lines: list[str]) -> None:
    """Lines under no label of their own: badges, outcomes with their time frames, and arms ahead of outcomes."""
    badges = Badges()
    left = []
    for line in lines:
        if badges.read(line):
            page.unlabelled("", line)
        else:
            left.append(line)
    put_badges(page, badges)
    read = read_outcomes([left])[0]
    if read.outcomes and not any(slot in page.values for slot in _OUTCOME_SLOTS.values()):
        page.put("unranked_outcomes", read.outcomes)
        page.unlabelled("unranked_outcomes", "the page does not say which outcomes are primary")
        if len(read.before) > 1 and "arms" not in page.values and all(line.endswith(".") for line in read.before):
            page.put("arms", unlabelled_arms(read.before))
            page.unlabelled("arms", "sentences without a heading, ahead of the outcomes")
            left = list(read.after)
        else:
            left = [*read.before, *read.after]
    page.notes += [RecordNote(code="unplaced", path="", text=line) for line in left]


def _read_groups(page: Page, blocks: tuple[Block, ...]) -> None:
    named = [line for b in blocks if b.slot == "interventions" for line in b.lines]
    interventions = read_interventions(named)
    page.put("interventions", interventions)
    page.put("arms", read_arms([line for b in blocks if b.slot == "arms" for line in b.lines], interventions))
    slots = [b for b in blocks if b.slot in _OUTCOME_SLOTS and b.slot and b.lines]
    for block, read in zip(slots, read_outcomes([b.lines for b in slots]), strict=True):
        page.put(_OUTCOME_SLOTS[block.slot], read.outcomes)
        page.loose += [*read.before, *read.after]
        if block.slot == "outcomes" and read.outcomes:
            page.unlabelled("unranked_outcomes", "the page does not say which outcomes are primary")
