"""RelatedArtifacts of R4 as R5 has them: no url of their own but their document's, and more exact types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fhirtrial.plugins import Resource

# A publication that the sponsor cites, and one that the registry found because it names the trial. That a RESULT
# cites the trial is likely but not said: it stays a citation.
CITATION: Mapping[str, str] = {"BACKGROUND": "cites", "DERIVED": "cited-by"}


def r5(artifacts: Iterable[Resource]) -> list[Resource]:
    return [converted for artifact in artifacts for converted in _in_r5(artifact)]


def _in_r5(artifact: Resource) -> Iterator[Resource]:
    kind = artifact["type"]
    rest = {key: value for key, value in artifact.items() if key != "url"}
    if kind == "citation":
        rest["type"] = CITATION.get(artifact.get("label", ""), kind)
    if "url" not in artifact:
        yield rest
    elif "document" not in artifact:
        yield {**rest, "document": {"url": artifact["url"]}}
    else:
        # An Attachment's url leads to the bytes in its data; the page that these were taken from is another document.
        yield rest
        yield {"type": kind, "document": {"url": artifact["url"]}}
