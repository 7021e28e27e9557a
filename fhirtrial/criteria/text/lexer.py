"""Text → lexemes: all lexers' findings laid side by side, none overlapping, every character in one lexeme or a space.

Time comes first, then names, comparisons and cues; what none of them claims is a word, a connector or punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fhirtrial.criteria.text.cues import FILLING, WORDS, find_cues
from fhirtrial.criteria.text.lexemes import Kind, Lexeme, Named, Rank, Term
from fhirtrial.criteria.text.names import Names, find_names
from fhirtrial.criteria.text.numbers import roman
from fhirtrial.criteria.text.quantities import find_quantities
from fhirtrial.criteria.text.terms import GENERIC, domain_of
from fhirtrial.criteria.text.times import find_times
from fhirtrial.criteria.text.typos import Typo, find_typos
from fhirtrial.criteria.tree import Op

_TOKEN = re.compile(r">=|<=|[^\W_]+(?:['.][^\W_]+)*|\n|[^\w\s]|_")
_CONNECTORS: dict[str, Kind] = {
    "and": "and",
    "&": "and",
    "plus": "and",
    "or": "or",
    "and/or": "and/or",
    ",": "comma",
    ";": "semicolon",
    "(": "open",
    "[": "open",
    "{": "open",
    ")": "close",
    "]": "close",
    "}": "close",
    "（": "open",
    "）": "close",
    "，": "comma",
    "；": "semicolon",
    "、": "comma",
    "。": "stop",
}
_AND_OR = re.compile(r"\band\s*/\s*or\b|\bor\s*/\s*and\b|,?\s*\bor\s+and\b", re.IGNORECASE)
_ROMAN = r"(?:III|II|IV|I|VI|V)"
_RANK = re.compile(
    rf"(?:(?P<op>>=|<=|>|<|at\s+least|greater\s+than(?:\s+or\s+equal\s+to)?|less\s+than)\s*)?"
    rf"(?:(?:functional|performance)\s+)?(?P<word>class(?:es|ification)?|grades?|stages?)?\s*(?<![\w-])"
    rf"(?P<a>{_ROMAN}|(?<=\s)[0-5](?![\d.]|\s*(?:-|to|and|or)\s*\d\d|\s*(?:years?|months?|weeks?|days?|%)))(?![\w])"
    rf"(?:\s*,\s*(?:{_ROMAN}|[0-5])(?![\w.]))*"
    rf"(?:\s*,?\s*(?P<to>-|to|or|and|/|,|through)\s*(?:class\s+|grade\s+|stage\s+)?(?P<b>{_ROMAN}|[0-5])(?!\w|\.\d))?"
    r"(?:\s*(?P<post>(?:or|and)\s+(?:higher|greater|more|above|worse|less|lower|better|below|fewer)))?",
)
_OF_SCALE = re.compile(r"[\s:=(-]*(?:(?:of|is|score|scores|status|scale|class|grade)\b[\s:=(-]*)*", re.IGNORECASE)
_ONE_RANK = re.compile(rf"{_ROMAN}|[0-5]")
_SIGN: dict[str, Op] = {
    ">=": ">=",
    "<=": "<=",
    ">": ">",
    "<": "<",
    "at least": ">=",
    "greater than": ">",
    "less than": "<",
}
# "Age of 18 years" and "a minimum of 18 years" say no length of time, as "treatment of 6 months" does.
_OF = re.compile(r"\b(?:ages?|minimum|maximum|excess|range)\s+of\b", re.IGNORECASE)
# Cues that stand before any name of a concept: what they say is not that the concept is there.
_FIRST = frozenset({"allergy", "intolerance", "contraception", "consent", "compliance"})
_LISTS = frozenset({"kofthese", "anyofthese", "allofthese"})
_LONGEST_TERM = 5
# Longer than any number or word; what reads it as one only loses time.
_ENDLESS = re.compile(r"\d{16,}|(?<!\w)\w{64,}")
_BLANKED = re.compile(r"\S")


def lex(text: str, names: Names, context: str = "") -> tuple[Lexeme, ...]:
    """The text's lexemes in order."""
    taken = bytearray(len(text))
    readable = _ENDLESS.sub(lambda m: "\x01" * len(m.group()), text)
    # The text with what is read already blanked, so that no number is read twice.
    left = list(readable)
    found: list[Lexeme] = []

    def claim(lexemes: Iterable[Lexeme]) -> None:
        for lexeme in lexemes:
            start, end = lexeme.start, lexeme.end
            if taken.find(1, start, end) < 0:
                taken[start:end] = b"\1" * (end - start)
                left[start:end] = _BLANKED.sub("\x01", readable[start:end])
                found.append(lexeme)

    typos = find_typos(readable)
    claim(_run_ons(typos))
    claim(find_times(_OF.sub(lambda m: f"{m.group()[:-2]}  ", readable)))
    claim(_scopes(readable))
    claim(sorted(find_cues(readable, _FIRST), key=lambda c: (-(c.end - c.start), c.start)))
    claim(_mistyped(typos, names))
    claim(find_names("".join(left), names, context))
    scales = {x.end for x in found if isinstance(x.value, Named) and names.kinds[x.value.concepts[0]] == "score"}
    claim(_ranks("".join(left), scales))
    claim(find_quantities("".join(left)))
    claim(Lexeme("and/or", m.start(), m.end(), "and/or") for m in _AND_OR.finditer(readable))
    # Read again where names stand now: a cue that reached into a name is still there without it.
    rest = sorted(find_cues("".join(left)), key=lambda c: (-(c.end - c.start), c.start))
    claim(c for c in rest if c.value != "kofthese")
    claim(_rest(text, taken))
    return _slashed(tuple(_terms(sorted(found, key=lambda x: x.start))))


def _slashed(lexemes: tuple[Lexeme, ...]) -> tuple[Lexeme, ...]:
    """A slash joins names ("ALT/AST"); between other words it is a part of their spelling ("EULAR/ACR")."""
    named = ("concept", "term", "cue", "compare")
    return tuple(
        Lexeme("other", x.start, x.end, x.text)
        if x.kind == "or"
        and x.text == "/"
        and not (0 < n < len(lexemes) - 1 and lexemes[n - 1].kind in named and lexemes[n + 1].kind in named)
        else x
        for n, x in enumerate(lexemes)
    )


def _run_ons(typos: Iterable[Typo]) -> Iterator[Lexeme]:
    """As in "chronic hepatitis Active tuberculosis": a sentence ends before the capital."""
    return (Lexeme("stop", t.start - 1, t.start, " ") for t in typos if t.code == "run_on" and t.start)


def _mistyped(typos: Iterable[Typo], names: Names) -> Iterator[Lexeme]:
    """As in "Creatine" with a unit that only creatinine is measured in; the item is flagged as mistyped by `typos`."""
    for typo in typos:
        if typo.text.endswith("reads like creatinine"):
            meant = next(find_names("creatinine", names), None)
            if meant is not None:
                yield Lexeme("concept", typo.start, typo.start + len("creatine"), "creatinine", meant.value)


def _scopes(text: str) -> Iterator[Lexeme]:
    """As in "At least two of the following" before its number is read as a comparison."""
    found = (c for c in find_cues(text, _LISTS) if c.text.strip() != "")
    return iter(sorted(found, key=lambda c: (-(c.end - c.start), c.start)))


def _ranks(text: str, scales: set[int]) -> Iterator[Lexeme]:
    """Classes and grades; without the word "class" only right after a scale's name, or in Roman numerals with more."""
    for match in _RANK.finditer(text):
        first, second = match["a"], match["b"]
        near = (x for x in range(max(0, match.start() - 23), match.start() + 1) if x in scales)
        scaled = any(_OF_SCALE.fullmatch(text, x, match.start()) for x in near)
        if not match["word"] and not scaled and (first.isdigit() or not (match["op"] or second)):
            continue
        low, high = _rank(first), _rank(second) if second else None
        listed = [
            _rank(x) for x in _ONE_RANK.findall(text, match.start("a"), match.end("b") if second else match.end())
        ]
        if match["to"] not in {None, "-", "to", "through"} and listed != list(
            range(low or 0, (low or 0) + len(listed))
        ):
            continue
        if low is None:
            continue
        said = " ".join((match["op"] or "").lower().split())
        post = (match["post"] or "").lower()
        each: tuple[tuple[Op, int, str], ...]
        if said:
            each = ((_SIGN.get(said, ">="), low, first),)
        elif post:
            each = ((("<=" if re.search("less|low|better|fewer", post) else ">="), low, first),)
        elif high is not None and match["to"] in {"-", "to", "through"} | {"or", "and", "/", ","} and high > low:
            each = ((">=", low, first), ("<=", high, second))
        elif high is None and len(listed) > 1:
            # "0, 1": every class from the first to the last, or a set that no comparison says.
            if listed != list(range(low, low + len(listed))):
                continue
            written = _ONE_RANK.findall(text, match.start("a"), match.end())
            each = ((">=", low, first), ("<=", low + len(listed) - 1, written[-1]))
        elif high is None:
            each = (("=", low, first),)
        else:
            continue
        start = match.start() + len(match.group()) - len(match.group().lstrip())
        yield Lexeme("compare", start, match.end(), text[start : match.end()].lower(), Rank(each))


def _rank(written: str) -> int | None:
    return int(written) if written.isdigit() else roman(written)


def _rest(text: str, taken: bytearray) -> Iterator[Lexeme]:
    shouting = sum(c.isupper() for c in text) > sum(c.islower() for c in text)
    for match in _TOKEN.finditer(text):
        if taken.find(1, match.start(), match.end()) >= 0:
            for place in range(match.start(), match.end()):
                if not taken[place] and not text[place].isspace():
                    yield Lexeme("other", place, place + 1, text[place])
            continue
        low = match.group().lower()
        kind: Kind
        if low == "no" and text[match.end() : match.end() + 1].isspace():
            # "no previous", of which "previous history of" took the second word.
            yield Lexeme("cue", match.start(), match.end(), low, "negation")
            continue
        if low in _CONNECTORS:
            kind = _CONNECTORS[low]
        elif low == "\n":
            kind = "stop"
        elif low in {".", "!", "?"}:
            kind = "stop" if _ends_sentence(text, match.start()) else "other"
        elif low == ":":
            kind = "other"
        elif low == "/":
            kind = "or"
        elif match.group()[0].isalnum():
            kind = "word"
        else:
            kind = "other"
        if low in WORDS["capitals"] and match.group().isupper() and not shouting:
            low = match.group()
        yield Lexeme(kind, match.start(), match.end(), low)


def _ends_sentence(text: str, place: int) -> bool:
    after = text[place + 1 : place + 3]
    return not after.strip() or (
        after[0].isspace() and (after[1:].isupper() or after[1:].isdigit() or after[1:] in "*-•")
    )


def _terms(lexemes: list[Lexeme]) -> Iterator[Lexeme]:
    """Runs of words that end in a telling head become terms; the words before it are its modifiers."""
    run: list[Lexeme] = []
    for lexeme in lexemes:
        if lexeme.kind == "word" and (not run or lexeme.start - run[-1].end <= 1):
            run.append(lexeme)
            continue
        if lexeme.kind == "other" and lexeme.text == "-" and run and lexeme.start == run[-1].end:
            run.append(lexeme)
            continue
        yield from _split(run)
        run = []
        if lexeme.kind == "word":
            run = [lexeme]
        else:
            yield lexeme
    yield from _split(run)


def _split(run: list[Lexeme]) -> Iterator[Lexeme]:
    last = 0
    place = 0
    while place < len(run):
        word = run[place]
        domain = domain_of(word.text) if word.kind == "word" else None
        following = run[place + 1] if place + 1 < len(run) else None
        if domain is not None and following is not None and domain_of(following.text) and following.text not in GENERIC:
            place += 1
            continue
        if domain is None:
            place += 1
            continue
        begin = place
        while (
            begin > last
            and place - begin < _LONGEST_TERM
            and (run[begin - 1].kind == "other" or run[begin - 1].text not in FILLING)
        ):
            begin -= 1
        while begin < place and run[begin].kind == "other":
            begin += 1
        if begin == place and word.text in GENERIC:
            place += 1
            continue
        yield from run[last:begin]
        text = " ".join(w.text for w in run[begin : place + 1])
        yield Lexeme("term", run[begin].start, word.end, text, Term(domain))
        last = place + 1
        place += 1
    yield from run[last:]
