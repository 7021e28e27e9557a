"""JSON values → fields of the record's classes, by the classes' own types; what does not fit becomes a note."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from fhirtrial.records.codes import CODES
from fhirtrial.records.record import RecordNote

NoteCode = Literal["unknown-code", "wrong-type", "unknown-field"]
# Names of the API that are not the class's own in camel case.
_RENAMED: Mapping[tuple[str, str], str] = {
    ("Agency", "class"): "agency_class",
    ("Agency", "fullName"): "name",
    ("ExpandedAccess", "nctId"): "nct_id",
    ("Oversight", "isUsExport"): "is_us_export",
}
# Objects whose fields stand one level higher in the record.
_SPREAD = frozenset({("Design", "maskingInfo")})
_YES_NO = {"yes": True, "true": True, "y": True, "no": False, "false": False, "n": False}


def snake(name: str) -> str:
    """The API's camelCase as a field name.

    >>> snake("nPtrsToThisExpAccNctId"), snake("fdaaa801Violation")
    ('n_ptrs_to_this_exp_acc_nct_id', 'fdaaa801_violation')
    """
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


@dataclass
class Conversion:
    """Collects the notes of one document."""

    notes: list[RecordNote] = field(default_factory=list)

    def note(self, code: NoteCode, path: str, text: str) -> None:
        self.notes.append(RecordNote(code=code, path=path, text=text))

    def fields(
        self,
        owner: type[BaseModel],
        content: Mapping[str, Any],
        path: str,
        *,
        names: Mapping[str, str] | None = None,
        only: bool = False,
    ) -> dict[str, Any]:
        """The owner's fields that `content` fills; with `only`, no other keys than those of `names` are known."""
        values: dict[str, Any] = {}
        for key, value in content.items():
            at = f"{path}.{key}"
            if (owner.__name__, key) in _SPREAD and isinstance(value, dict):
                values |= self.fields(owner, value, at)
                continue
            renamed = (names or {}).get(key) or _RENAMED.get((owner.__name__, key))
            name = renamed or ("" if only else snake(key))
            if name not in owner.model_fields:
                self.note("unknown-field", at, "not a field of API v2, left out")
                continue
            converted = self.value(owner.model_fields[name].annotation, value, at)
            if converted is not None and converted != ():
                values[name] = converted
                self._check_code(owner.__name__, name, converted, at)
        return values

    def model_of(self, owner: type[BaseModel], name: str, content: object, path: str) -> Any:
        return self.value(owner.model_fields[name].annotation, content, path)

    def value(self, annotation: Any, value: object, path: str) -> Any:
        """`value` as the annotated type, or None with a note."""
        wanted = _without_none(annotation)
        if value is None:
            return None
        if get_origin(wanted) is tuple:
            return self._tuple(get_args(wanted)[0], value, path)
        if isinstance(wanted, type) and issubclass(wanted, BaseModel):
            return self._model(wanted, value, path)
        if wanted is bool:
            return self.flag(value, path)
        if wanted in (int, float):
            return self._number(wanted, value, path)
        return self.text(value, path)

    def text(self, value: object, path: str) -> str | None:
        if value is None:
            return None
        if isinstance(value, str):
            return value if value.strip() else None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self.note("wrong-type", path, "a number, carried as text")
            return str(value)
        self._left_out(value, path, "text")
        return None

    def flag(self, value: object, path: str) -> bool | None:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in _YES_NO:
            self.note("wrong-type", path, f"the text {value!r}, carried as true or false")
            return _YES_NO[value.strip().lower()]
        self._left_out(value, path, "true or false")
        return None

    def _number(self, wanted: Any, value: object, path: str) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and (wanted is float or value == int(value)):
            return wanted(value)
        if isinstance(value, str) and re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value):
            number = float(value)
            if wanted is float or number == int(number):
                self.note("wrong-type", path, "a number written as text, carried as a number")
                return wanted(number)
        self._left_out(value, path, "a number")
        return None

    def _tuple(self, inner: Any, value: object, path: str) -> tuple[Any, ...] | None:
        if not isinstance(value, list):
            if isinstance(value, str if inner is str else dict):
                self.note("wrong-type", path, "one value where a list is expected, carried as a list of one")
                value = [value]
            else:
                self._left_out(value, path, "a list")
                return None
        converted = (self.value(inner, each, f"{path}[{place}]") for place, each in enumerate(value))
        return tuple(each for each in converted if each is not None)

    def _model(self, wanted: type[BaseModel], value: object, path: str) -> BaseModel | None:
        if not isinstance(value, dict):
            self._left_out(value, path, "an object")
            return None
        values = self.fields(wanted, value, path)
        if not values:
            return None
        try:
            return wanted(**values)
        except ValidationError as error:
            lacking = ", ".join(str(e["loc"][0]) for e in error.errors(include_url=False))
            self.note("wrong-type", path, f"left out, without a usable {lacking}")
            return None

    def _left_out(self, value: object, path: str, expected: str) -> None:
        self.note("wrong-type", path, f"{type(value).__name__} where {expected} is expected, left out")

    def _check_code(self, owner: str, name: str, value: object, path: str) -> None:
        known = CODES.get((owner, name))
        if known is None:
            return
        for code in value if isinstance(value, tuple) else (value,):
            if code not in known:
                self.note("unknown-code", path, f"{str(code)[:80]!r} is not a code of API v2, carried as it is")


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        return next(a for a in get_args(annotation) if a is not type(None))
    return annotation
