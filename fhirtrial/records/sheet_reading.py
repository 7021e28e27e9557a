"""An edited review sheet → the record with the reviewed trees, or every reason why not, each with its line.

Nothing is taken of a sheet with a mistake. A tree is taken only where the reviewer wrote `reviewed: true`, and a sheet
that changed a tree without saying so is a mistake, as is one that lost a criterion or changed the source's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import yaml

from fhirtrial.criteria.check import check
from fhirtrial.criteria.criterion import Criterion, Note, Review, text_hash
from fhirtrial.criteria.lower import atoms
from fhirtrial.criteria.reading.english import reading
from fhirtrial.criteria.tree import Measurement, Node, Reason
from fhirtrial.criteria.wording import Names
from fhirtrial.errors import Problem
from fhirtrial.records.record import TrialRecord
from fhirtrial.records.sheet import reviewable
from fhirtrial.terminology import Terminology, units

_AGAIN = "write the sheet anew (fhirtrial review RECORD -o DIR)"
_KEYS = ("id", "kind", "reviewed", "text", "tree", "notes")


@dataclass(frozen=True)
class Stamp:
    """Who reviewed, and on which day."""

    reviewer: str
    date: str


@dataclass(frozen=True)
class SheetResult:
    """The record with its reviews, or the problems of the sheet; `stamped` are the criteria newly reviewed."""

    record: TrialRecord | None
    problems: tuple[Problem, ...]
    stamped: tuple[str, ...] = ()


def read_sheet(
    content: bytes, where: str, records: Sequence[TrialRecord], terminology: Terminology, stamp: Stamp
) -> SheetResult:
    """The sheet's trial among `records`, with the trees that the sheet's reviewer has read; no argument is changed."""
    sheet = _Sheet(where, terminology, stamp, Names.of(terminology))
    root = sheet.root(content)
    record = sheet.record(root, records) if root is not None else None
    criteria = sheet.criteria(root, record) if root is not None and record is not None else {}
    if record is None or sheet.problems:
        return SheetResult(None, tuple(sheet.problems))
    merged = tuple(criteria.get(c.id, c) for c in record.criteria)
    stamped = tuple(c.id for c, old in zip(merged, record.criteria, strict=True) if c.review and c.review != old.review)
    return SheetResult(record.model_copy(update={"criteria": merged}), (), stamped)


@dataclass
class _Sheet:
    where: str
    terminology: Terminology
    stamp: Stamp
    names: Names
    problems: list[Problem] = field(default_factory=list)

    def say(self, place: yaml.Node | int, about: str, got: str, todo: str) -> None:
        line = place if isinstance(place, int) else place.start_mark.line + 1
        self.problems.append(Problem(self.where, f"line {line}" + (f", {about}" if about else ""), got, todo))

    def root(self, content: bytes) -> dict[str, yaml.Node] | None:
        try:
            node = yaml.compose(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            self.say(content[: error.start].count(b"\n") + 1, "", "not UTF-8 text", "save the sheet as UTF-8")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            said = " ".join(p for p in (error.context, error.problem) if p)
            todo = "indent with spaces, as the other criteria are"
            self.say(mark.line + 1 if mark else 1, "", f"no YAML ({said})", todo)
        except yaml.YAMLError as error:
            self.say(1, "", f"no YAML ({' '.join(str(error).split())})", "save the sheet as plain text")
        except RecursionError:
            self.say(1, "", "lists nested too deeply", _AGAIN)
        else:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, "", ("trial", "criteria"))
            self.say(node if node is not None else 1, "", "no review sheet", _AGAIN)
        return None

    def mapping(self, node: yaml.MappingNode, about: str, known: Sequence[str]) -> dict[str, yaml.Node]:
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name in found:
                self.say(key, about, f'"{name}" a second time', "keep one of the two")
            elif name not in known:
                self.say(key, about, f'"{name}"', f"expected one of {', '.join(known)}")
            found[name] = value
        return found

    def scalar(self, node: yaml.Node | None, about: str, what: str) -> str | None:
        """The text of a value; None, with a problem said, where it is no text."""
        if isinstance(node, yaml.ScalarNode) and node.value.strip():
            return str(node.value)
        if node is not None:
            self.say(node, about, f"{what} is no text", _AGAIN)
        return None

    def record(self, root: dict[str, yaml.Node], records: Sequence[TrialRecord]) -> TrialRecord | None:
        trial = self.scalar(root.get("trial"), "", "the trial")
        if trial is None:
            if "trial" not in root:
                self.say(1, "", "no trial is named", _AGAIN)
            return None
        found = next((r for r in records if r.id == trial.strip()), None)
        if found is None:
            known = ", ".join(r.id for r in records[:5]) or "no record"
            self.say(root["trial"], "", f"a review of {trial.strip()}", f"give its record; here is {known}")
        return found

    def criteria(self, root: dict[str, yaml.Node], record: TrialRecord) -> dict[str, Criterion]:
        node = root.get("criteria")
        items = node.value if isinstance(node, yaml.SequenceNode) else []
        if not isinstance(node, yaml.SequenceNode):
            self.say(node if node is not None else 1, "", "no list of criteria", _AGAIN)
            return {}
        expected = {c.id: c for c in reviewable(record)}
        seen: dict[str, Criterion | None] = {}
        for item in items:
            if not isinstance(item, yaml.MappingNode):
                self.say(item, "", "no criterion", 'begin each with "- id:" and indent what belongs to it')
                continue
            own = self.mapping(item, _id_of(item), _KEYS)
            name = (self.scalar(own.get("id"), "", "the id") or "").strip()
            if "id" not in own:
                self.say(item, "", "a criterion without id", "put its id back")
            elif name in seen:
                self.say(own["id"], name, "the same criterion a second time", "keep one of the two")
            elif name and name not in expected:
                known = ", ".join(expected)
                self.say(own["id"], name, f"no criterion of {record.id}", f"give one of {known}")
            elif name:
                seen[name] = _Item(self, expected[name], own, item).read()
        for name in expected.keys() - seen.keys():
            self.say(node, name, "is missing from the sheet", f"put it back, or {_AGAIN}")
        return {name: criterion for name, criterion in seen.items() if criterion is not None}


@dataclass(frozen=True)
class _Item:
    """One criterion of the sheet against the record's."""

    sheet: _Sheet
    known: Criterion
    own: dict[str, yaml.Node]
    node: yaml.MappingNode

    def read(self) -> Criterion | None:
        before = len(self.sheet.problems)
        for key in ("kind", "reviewed", "text", "tree"):
            if key not in self.own:
                self.say(self.node, f'"{key}" is missing', _AGAIN)
        self._unchanged()
        reviewed = self._reviewed()
        tree = self._tree()
        notes = self._notes()
        if len(self.sheet.problems) > before or tree is None:
            return None
        edited = self.known.model_copy(update={"tree": tree, "notes": notes})
        same = (tree, notes) == (self.known.tree, self.known.notes)
        if not reviewed and not same:
            self.say(self.own["reviewed"], "changed, but not reviewed", 'write "reviewed: true", or undo the change')
            return None
        if not reviewed:
            return edited.model_copy(update={"review": None})
        for what, todo in self._flaws(edited):
            self.say(self.own["tree"], what, todo)
        if same and self.known.review is not None:
            return edited
        # a record that tells an item in words of its own keeps the hash of the source's
        of = self.known.review.text_hash if self.known.review else text_hash(self.known.text)
        review = Review(reviewer=self.sheet.stamp.reviewer, date=self.sheet.stamp.date, text_hash=of)
        return edited.model_copy(update={"review": review})

    def say(self, place: yaml.Node | int, got: str, todo: str) -> None:
        self.sheet.say(place, self.known.id, got, todo)

    def text(self, key: str) -> str | None:
        return self.sheet.scalar(self.own.get(key), self.known.id, f'"{key}"')

    def _unchanged(self) -> None:
        kind, text = self.text("kind"), self.text("text")
        if kind is not None and kind.strip() != self.known.kind:
            self.say(self.own["kind"], f'kind "{kind.strip()}"', f'the record says "{self.known.kind}"; put it back')
        if text is not None and text_hash(text) != text_hash(self.known.text):
            at = _first_difference(text.split(), self.known.text.split())
            self.say(self.own["text"], f"not the record's words ({at})", f"put the text back, or {_AGAIN}")

    def _reviewed(self) -> bool:
        said = self.text("reviewed")
        answer = {"true": True, "yes": True, "false": False, "no": False}.get((said or "").strip().lower())
        if said is not None and answer is None:
            self.say(self.own["reviewed"], f'reviewed "{said.strip()}"', "write true or false")
        return bool(answer)

    def _tree(self) -> Node | None:
        words, node = self.text("tree"), self.own.get("tree")
        if words is None or not isinstance(node, yaml.ScalarNode):
            return None
        found = reading(words, self.sheet.names)
        # in a block each line of the words is a line of the sheet; in any other style the whole stands in one place
        block = node.style == "|"
        first = node.start_mark.line + (2 if block else 1)
        for mistake in found.mistakes:
            at = first + mistake.line - 1 if block else first
            self.say(at, f"tree: {mistake.got}", f"expected {mistake.expected}")
        return found.node

    def _notes(self) -> tuple[Note, ...]:
        node = self.own.get("notes")
        if node is None or (isinstance(node, yaml.ScalarNode) and node.value in {"", "null", "~"}):
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self.say(node, "notes are no list", 'write each as "- text: ..."')
            return ()
        return tuple(note for item in node.value for note in self._note(item))

    def _note(self, item: yaml.Node) -> Iterator[Note]:
        own: dict[str, Any] = {}
        if isinstance(item, yaml.MappingNode):
            own = self.sheet.mapping(item, self.known.id, ("text", "reason"))
        text = self.sheet.scalar(own.get("text"), self.known.id, "the note")
        reason = self.sheet.scalar(own.get("reason"), self.known.id, "the reason")
        if text is None:
            self.say(item, "a note without text", 'write each as "- text: ..."')
        elif reason is not None and reason not in get_args(Reason):
            self.say(own["reason"], f'reason "{reason}"', f"expected one of {', '.join(get_args(Reason))}")
        else:
            fresh = Note.model_validate({"text": text, "reason": reason})
            old = (n for n in self.known.notes if n.model_copy(update={"span": None}) == fresh)
            yield next(old, fresh)

    def _flaws(self, edited: Criterion) -> Iterator[tuple[str, str]]:
        """What cannot be right in the tree itself; what stands between two criteria is for `check` to tell."""
        alone = _Alone(self.known.id, (edited,))
        for found in check(alone, self.sheet.terminology):
            if found.level == "error":
                yield found.what, found.todo
        for atom in atoms(edited.tree):
            if isinstance(atom, Measurement) and atom.unit and atom.over is None and atom.of == "absolute":
                concept = self.sheet.terminology.concept(atom.concept)
                told = units.known(atom.unit) and concept.unit
                if told and units.convert(1.0, atom.unit, told, concept.molar_mass) is None:
                    yield f'unit "{atom.unit}"', f'{concept.label} is measured in units such as "{told}"'


@dataclass(frozen=True)
class _Alone:
    """One criterion as a record of its own."""

    id: str
    criteria: tuple[Criterion, ...]
    defects: tuple[Any, ...] = ()
    notes: tuple[Any, ...] = ()


def _id_of(item: yaml.MappingNode) -> str:
    return next((str(v.value) for k, v in item.value if k.value == "id" and isinstance(v, yaml.ScalarNode)), "")


def _first_difference(words: Sequence[str], known: Sequence[str]) -> str:
    at = next((i for i, (a, b) in enumerate(zip(words, known, strict=False)) if a != b), min(len(words), len(known)))
    got, had = " ".join(words[at : at + 3]), " ".join(known[at : at + 3])
    return f'"{got}" where it had "{had}"'
