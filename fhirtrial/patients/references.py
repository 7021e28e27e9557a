"""Which resource a Reference means, by FHIR's rules for resolving references inside a Bundle; dangling ones are None.

https://hl7.org/fhir/R4/bundle.html#references: an absolute URL or URN is compared with fullUrl; a relative one is read
against the base of the entry that holds it. Where entries have no fullUrl, as in bulk exports, type and id decide.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from urllib.parse import parse_qs, unquote

import msgspec

from fhirtrial.patients.elements import Reference, Resource
from fhirtrial.patients.medication_resources import Medication, Substance
from fhirtrial.patients.resources import AnyResource, Patient, ResearchStudy
from fhirtrial.terminology.systems import canonical

_DECODER = msgspec.json.Decoder(AnyResource)


class References:
    """The resources of one document by every name that a Reference may use."""

    def __init__(self, items: Iterable[tuple[str, Resource]], shared: References | None = None) -> None:
        self._items = list(items)
        self._shared = shared

    @cached_property
    def _by_url(self) -> dict[str, Resource]:
        return {url: resource for url, resource in reversed(self._items) if url}  # the first of several stays

    @cached_property
    def _by_id(self) -> dict[str, Resource]:
        return {f"{type(one).__name__}/{one.id}": one for _, one in reversed(self._items) if one.id}

    @cached_property
    def _elsewhere(self) -> frozenset[str]:
        """Names of resources that have a URL of their own."""
        return frozenset(f"{type(one).__name__}/{one.id}" for url, one in self._items if url.startswith("http"))

    @cached_property
    def _patients(self) -> dict[tuple[str, str], Resource]:
        return {
            (canonical(identifier.system), identifier.value): one
            for _, one in reversed(self._items)
            if isinstance(one, Patient)
            for identifier in reversed(one.identifier)
        }

    def find(self, reference: Reference | None, holder: Resource | None = None, url: str = "") -> Resource | None:
        """The resource meant by `reference` where it stands: inside `holder`, whose fullUrl is `url`."""
        if reference is None:
            return None
        found = self._find(reference, holder, url)
        return self._shared.find(reference, holder, url) if found is None and self._shared is not None else found

    def _find(self, reference: Reference, holder: Resource | None, url: str) -> Resource | None:
        target = reference.reference.split("/_history/")[0]
        if target.startswith("#"):
            return _contained(holder, target[1:])
        if not target:
            return self._logical(reference)
        if "?" in target:
            return self._conditional(target)
        if ":" in target.split("/")[0]:
            return self._absolute(target)
        return self._relative(target, url)

    def _relative(self, target: str, url: str) -> Resource | None:
        if url.startswith("http") and url.count("/") > 3:
            found = self._by_url.get(f"{url.rsplit('/', 2)[0]}/{target}")
            if found is not None:
                return found
        return self._by_id.get(target)

    def _absolute(self, target: str) -> Resource | None:
        found = self._by_url.get(target)
        if found is None and target.startswith("http"):
            name = "/".join(target.split("/")[-2:])
            if name not in self._elsewhere:  # an entry with another URL is another server's resource
                found = self._by_id.get(name)
        return found

    def _logical(self, reference: Reference) -> Resource | None:
        identifier = reference.identifier
        if identifier is None or not identifier.value or reference.type not in ("", "Patient"):
            return None
        return self._patients.get((canonical(identifier.system), identifier.value))

    def _conditional(self, target: str) -> Resource | None:
        kind, _, query = target.partition("?")
        values = parse_qs(query).get("identifier", [])
        if kind != "Patient" or len(values) != 1 or values[0].endswith("|"):
            return None
        system, _, value = unquote(values[0]).rpartition("|")
        return self._patients.get((canonical(system), value))


def _contained(holder: Resource | None, name: str) -> Resource | None:
    """The contained resource of that id; one that cannot be decoded is as good as missing."""
    for raw in holder.contained if holder is not None else ():
        try:
            resource = _DECODER.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if resource.id.lstrip("#") == name:
            return resource
    return None


def is_other(subject: Reference) -> bool:
    """Whether the subject is something else than a patient: a group, a device, a place."""
    parts = subject.reference.split("/")
    kind = subject.type or (parts[-2] if len(parts) > 1 else "")
    return bool(kind) and kind[0].isupper() and kind != "Patient"


SHARED = (Medication, Substance, ResearchStudy)
"""Types that no patient owns: in a bulk export they stand beside everybody's resources."""
