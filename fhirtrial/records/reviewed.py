"""Reviewed trees → records just read, joined by trial and criterion id; the document's own words always stay.

A review holds for the words that it was made against: `Review.text_hash` is the hash of the source item's text, even
where the reviewed record tells the item in words of its own. The tree and its review are joined when the hash is
that of the item as it reads now. When the words have changed, or the reviewed tree carries no review, the tree is
not taken: running an encoding of other words, even without its review, could give a definite truth for a sentence
that nobody encoded. The item has the tree of its words as the parser reads them, unreviewed, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from fhirtrial.criteria.criterion import Criterion, text_hash
from fhirtrial.records.record import RecordNote, TrialRecord


def join_reviewed(
    records: Iterable[TrialRecord],
    reviewed: Iterable[TrialRecord],
    encode: Callable[[TrialRecord], TrialRecord] | None = None,
) -> tuple[TrialRecord, ...]:
    """The records with the reviewed trees that fit them; no argument is changed.

    `encode` then gives trees to the items that no review fits: an item that a person has read keeps that person's
    notes and flags, and none of the parser's. A document without a registry id also finds its reviewed record when
    its title changed, by the reviews of its items: the one whose reviewed hashes it shares, if exactly one does.
    """
    known = {record.id: record for record in reviewed}
    return tuple(_joined(record, _find(record, known), encode or _as_it_is) for record in records)


def _as_it_is(record: TrialRecord) -> TrialRecord:
    return record


def _joined(
    record: TrialRecord, reviewed: TrialRecord | None, encode: Callable[[TrialRecord], TrialRecord]
) -> TrialRecord:
    if reviewed is None:
        return encode(record)
    encoded = encode(_join(record, reviewed))
    dropped = tuple(_dropped(encoded, reviewed))
    return encoded.model_copy(update={"notes": (*encoded.notes, *dropped)}) if dropped else encoded


def _find(record: TrialRecord, known: dict[str, TrialRecord]) -> TrialRecord | None:
    if record.id in known or record.nct_id is not None:
        return known.get(record.id)
    hashes = {(c.id, text_hash(c.text)) for c in record.criteria if c.span is not None}
    fitting = [
        other
        for other in known.values()
        if other.nct_id is None and any(c.review and (c.id, c.review.text_hash) in hashes for c in other.criteria)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _join(record: TrialRecord, reviewed: TrialRecord) -> TrialRecord:
    trees = {c.id: c for c in reviewed.criteria if c.kind != "defect"}
    notes: list[RecordNote] = []
    criteria = tuple(_join_item(c, trees.pop(c.id, None), notes) for c in record.criteria)
    for name, lost in trees.items():
        says = "reviewed, but the document has no such criterion now" if lost.review else "not in the document"
        notes.append(RecordNote(code="unmatched", path=name, text=says))
    return record.model_copy(update={"criteria": criteria, "notes": (*record.notes, *notes)})


def _join_item(item: Criterion, reviewed: Criterion | None, notes: list[RecordNote]) -> Criterion:
    if item.kind == "defect":
        return item
    if reviewed is None:
        if item.span is not None:
            notes.append(RecordNote(code="unmatched", path=item.id, text="no reviewed tree for this criterion"))
        return item
    if reviewed.review is None:
        return item
    if reviewed.kind != item.kind or reviewed.review.text_hash != text_hash(item.text):
        says = f"the text changed since {reviewed.review.date}; review it again"
        notes.append(RecordNote(code="text-changed", path=item.id, text=says))
        return item
    said = {n.text for n in item.notes}
    own = tuple(n.model_copy(update={"span": None}) for n in reviewed.notes if n.text not in said)
    reasons = tuple(r for r in reviewed.defects if r not in item.defects)
    return item.model_copy(
        update={
            "tree": reviewed.tree,
            "review": reviewed.review,
            "notes": (*item.notes, *own),
            "defects": (*item.defects, *reasons),
        }
    )


def _dropped(record: TrialRecord, reviewed: TrialRecord) -> Iterator[RecordNote]:
    """A tree that somebody wrote and nobody signed: told where it is not what the record has anyway."""
    unsigned = {c.id: c.tree for c in reviewed.criteria if c.kind != "defect" and c.review is None}
    for item in record.criteria:
        if item.id in unsigned and item.tree != unsigned[item.id]:
            yield RecordNote(code="review-dropped", path=item.id, text="its tree has no review and is not taken")
