"""Finding concepts by name: the longest run of words that is some concept's label or synonym, in one pass.

Names of written concepts are laid out at once, those of derived ones (many more) when their first word is met.

Words are compared folded (case, accents, plural s, British spelling), abbreviations letter by letter. A name that
several concepts share keeps them all; one that is too short to be sure of without its long form is marked doubtful.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from fhirtrial.criteria.text.lexemes import Lexeme, Named
from fhirtrial.terminology import Concept, Terminology
from fhirtrial.terminology.derived import Names as Further
from fhirtrial.terminology.names import is_abbreviation

_WORD = re.compile(r"[^\W_]+(?:'[sS](?![^\W_]))?|%")
_LONGEST = 10
# Characters in which a short name's long form is looked for: a document, not an attack.
_CONTEXT = 100_000
# Words after a name that add nothing to it, by the kind of the name.
_LEVELS = frozenset(
    [
        "level",
        "levels",
        "value",
        "values",
        "concentration",
        "concentrations",
        "count",
        "counts",
        "result",
        "results",
        "titer",
        "titre",
    ]
)
_GENERIC: Mapping[str, frozenset[str]] = {
    "condition": frozenset(["infection", "infections", "disease", "diseases", "disorder", "disorders", "syndrome"]),
    "lab": _LEVELS,
    "vital": _LEVELS,
    "score": frozenset(["score", "scores", "scale", "class", "grade"]),
    "medication": frozenset(["therapy", "treatment", "treatments", "use", "usage", "tablets", "preparations"]),
    "procedure": frozenset(["procedure", "procedures", "therapy", "treatment"]),
    "imaging": frozenset(["scan", "scans", "image", "images", "imaging", "examination"]),
}
_OF_PREDICTED = re.compile(r"\s*(?:%|percent|per cent)\s*(?:of\s+)?(?:pred(?:icted)?)?$", re.IGNORECASE)
_BRITISH = (
    ("haem", "hem"),
    ("aemi", "emi"),
    ("oede", "ede"),
    ("oeso", "eso"),
    ("paed", "ped"),
    ("gynaec", "gynec"),
    ("anaes", "anes"),
    ("orrhoea", "orrhea"),
    ("tumour", "tumor"),
    ("leuco", "leuko"),
    ("isation", "ization"),
    ("ised", "ized"),
    ("fibre", "fiber"),
    ("litre", "liter"),
    ("ischaem", "ischem"),
    ("caec", "cec"),
    ("faec", "fec"),
    ("foet", "fet"),
    ("sulph", "sulf"),
    ("oestr", "estr"),
    ("coeliac", "celiac"),
)
_UNPLURAL = re.compile(r"(?<=[a-z]{3})(?<!s)(?<!u)(?<!i)s$")
_KEPT_S = frozenset({"aids", "pancreas", "rabies", "herpes", "scabies", "caries", "diabetes", "ascites", "lens"})
# Which kind a shared name means when nothing else tells: "calcium < 2" is a lab, "calcium" given is a drug.
_KINDS = ("condition", "lab", "vital", "score", "medication", "procedure", "vaccine", "allergen", "imaging")


# Prefixes that are written with a hyphen or without.
_PREFIXES = frozenset(
    [
        "anti", "auto", "bio", "broncho", "cardio", "cerebro", "chemo", "cyto", "electro", "endo", "gastro", "hemo",
        "hepato", "hyper", "hypo", "immuno", "micro", "myo", "neuro", "para", "peri", "pre", "radio", "thrombo", "vaso",
    ]
)  # fmt: skip
# Nouns behind an organ that say of it what "disease" and "disorder" say: "cardiac problems" are heart disease.
_ALIKE: dict[str, tuple[str, ...]] = dict.fromkeys(
    [
        "problem",
        "comorbidity",
        "morbidity",
        "pathology",
        "illness",
        "ailment",
        "trouble",
        "condition",
        "disorder",
        "disease",
    ],
    ("disease", "disorder"),
)


@dataclass(slots=True)
class _Step:
    """A place in the trie of folded words; `exact` wants the words in these very letters."""

    further: dict[str, _Step] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    exact: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """All names of a terminology, ready for finding."""

    root: _Step
    kinds: Mapping[str, str]
    long_names: dict[str, tuple[str, ...]]
    unread: dict[str, list[tuple[str, Further]]]
    closest: Mapping[str, str]


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """One word as it is compared: "Haemorrhages" and "hemorrhage" are one."""
    low = word.lower().removesuffix("'s")
    if not low.isascii():
        low = "".join(c for c in unicodedata.normalize("NFKD", low) if not unicodedata.combining(c))
    for british, american in _BRITISH:
        low = low.replace(british, american)
    if low in _KEPT_S:
        return low
    if low.endswith("ies") and len(low) > 5:
        return low[:-3] + "y"
    return _UNPLURAL.sub("", low)


@lru_cache(maxsize=8)
def names_of(terminology: Terminology) -> Names:
    root = _Step()
    found: dict[tuple[tuple[str, ...], str], list[tuple[int, str]]] = {}
    long_names: dict[str, tuple[str, ...]] = {}
    written = terminology.written
    for concept in written.values():
        own = dict.fromkeys((concept.label, *concept.synonyms, concept.name.replace("-", " ")))
        if concept.name.endswith("percent-predicted"):
            # The analyte itself; its value says whether it is counted in percent of predicted.
            own |= dict.fromkeys(_OF_PREDICTED.sub("", name) for name in tuple(own) if _OF_PREDICTED.search(name))
        # A narrower name asks for less than the concept: it is another concept's, or nobody's.
        less = {_key(name) for name in concept.narrower}
        for rank, name in enumerate(own):
            bare = re.sub(r"\s*\([^)]*\)\s*$", "", name) if rank == 0 else name
            if ", " in bare or (key := _key(bare)) is None or key in less:
                continue
            found.setdefault(key, []).append((_preference(concept, rank), concept.name))
        long_names[concept.name] = tuple(n.lower() for n in own if len(n) > 6)
    for key, owners in found.items():
        _lay(root, key, tuple(dict.fromkeys(name for _, name in sorted(owners))))
    kinds = {c.name: c.kind for c in written.values()}
    unread: dict[str, list[tuple[str, Further]]] = {}
    for entry in terminology.further_names():
        if entry.concept not in kinds:
            kinds[entry.concept] = entry.kind
        for name in entry.names:
            if first := _WORD.match(name):
                unread.setdefault(fold(first.group()), []).append((name, entry))
    closest: dict[str, str] = {}
    classes = [c for c in written.values() if c.kind == "condition" and c.members]
    for concept in sorted(classes, key=lambda c: (-len(c.members), c.name)):
        closest.update(dict.fromkeys(concept.members, concept.name))
    return Names(root, kinds, long_names, unread, closest)


def _key(name: str) -> tuple[tuple[str, ...], str] | None:
    words = _WORD.findall(name)
    if not words or len(words) > _LONGEST:
        return None
    return tuple(fold(w) for w in words), " ".join(words) if _is_exact(name) else ""


def _lay(root: _Step, key: tuple[tuple[str, ...], str], owners: tuple[str, ...], *, after: bool = False) -> None:
    words, letters = key
    step = root
    for word in words:
        step = step.further.setdefault(word, _Step())
    if letters:
        step.exact[letters] = step.exact.get(letters) or owners if after else owners
    elif not (after and step.names):
        step.names = owners


def _lay_unread(names: Names, first: str) -> None:
    """Lays out the names of derived concepts that begin with a word, once, wherever no written one has the name."""
    for name, entry in names.unread.get(first, ()):
        if (key := _key(name)) is not None:
            _lay(names.root, key, (entry.concept,), after=True)
        if not entry.further:
            names.long_names[entry.concept] = tuple(n.lower() for n in entry.names if len(n) > 6)
    names.unread.pop(first, None)


def find_names(text: str, names: Names, context: str = "") -> Iterator[Lexeme]:
    """The longest names in the text, left to right, none inside another; `context` is what else the document says."""
    words = [(m.start(), m.end(), m.group()) for m in _WORD.finditer(text)]
    place = 0
    while place < len(words):
        if (first := fold(words[place][2])) in names.unread:
            _lay_unread(names, first)
        last, owners = _longest(text, words, place, names.root)
        if not owners and first in _PREFIXES and (joined := _one_word(text, words, place)):
            if joined in names.unread:
                _lay_unread(names, joined)
            whole = (words[place][0], words[place + 1][1], joined)
            last, owners = _longest(text, [*words[:place], whole, *words[place + 2 :]], place, names.root)
            last += 1
        if owners:
            start, end = words[place][0], words[last][1]
            end, last = _absorbed(words, last, end, text, names.kinds[owners[0]])
            short = last == place and end - start <= 2 and not any(c.isdigit() for c in text[start:end])
            doubtful = short and names.kinds[owners[0]] == "condition" and not _explained(owners, names, text, context)
            yield Lexeme("concept", start, end, text[start:end].lower(), Named(owners, doubtful))
            place = last + 1
        else:
            place += 1


def _absorbed(words: list[tuple[int, int, str]], last: int, end: int, text: str, kind: str) -> tuple[int, int]:
    """The end of a name with the generic word after it: "tuberculosis infection", "creatinine level"."""
    while (
        last + 1 < len(words)
        and words[last + 1][2].lower() in _GENERIC.get(kind, ())
        and text[end : words[last + 1][0]] == " "
    ):
        last += 1
        end = words[last][1]
    return end, last


def _longest(text: str, words: list[tuple[int, int, str]], place: int, step: _Step) -> tuple[int, tuple[str, ...]]:
    best: tuple[int, tuple[str, ...]] = (place, ())
    at = place - 1
    while (at := at + 1) < min(place + _LONGEST, len(words)):
        if at > place and not _joined(text, words[at - 1][1], words[at][0]):
            break
        folded = fold(words[at][2])
        following = step.further.get(folded)
        if following is None and folded in _PREFIXES and at + 1 < len(words):
            following = step.further.get(_one_word(text, words, at))
            at += following is not None
        if following is None and at > place:
            following = next((step.further[w] for w in _ALIKE.get(folded, ()) if w in step.further), None)
        if following is None:
            break
        step = following
        if step.exact:
            letters = " ".join(w[2].removesuffix("'s") for w in words[place : at + 1])
            exact = step.exact.get(letters) or step.exact.get(letters.removesuffix("s"))
            if exact:
                best = (at, exact)
                continue
        if step.names:
            best = (at, step.names)
    return best


def _one_word(text: str, words: list[tuple[int, int, str]], place: int) -> str:
    """As in "anti-coagulation": a prefix and the word behind its hyphen, written as one; "" without a hyphen."""
    if place + 1 == len(words) or text[words[place][1] : words[place + 1][0]] != "-":
        return ""
    return fold(words[place][2] + words[place + 1][2])


def _joined(text: str, end: int, start: int) -> bool:
    """Whether only a typographic gap stands between two words: "anti-Jo 1", "Sjögren/…"."""
    gap = text[end:start]
    return len(gap) <= 2 and all(c in " -/." or c.isspace() for c in gap) and "\n" not in gap and gap != ". "


def _explained(owners: tuple[str, ...], names: Names, text: str, context: str) -> bool:
    said = f"{text} {context}"[:_CONTEXT].lower()
    # "PM" in a trial of myositis: a document that spells out the class speaks of its members.
    spelled = (n for owner in owners for n in (owner, names.closest.get(owner, "")))
    return any(long in said for name in spelled for long in names.long_names.get(name, ()))


def _is_exact(name: str) -> bool:
    return is_abbreviation(name) or (len(name) <= 5 and any(c.isupper() for c in name[1:]))


def _preference(concept: Concept, rank: int) -> int:
    own = 0 if rank == 0 else 1
    return own * 100_000 + _KINDS.index(concept.kind) * 10_000 + min(9_999, len(concept.codes) + len(concept.members))
