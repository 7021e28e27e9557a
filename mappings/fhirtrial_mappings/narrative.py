"""The generated narrative of a resource (dom-6): a heading and short paragraphs, escaped; never more than the data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from fhirtrial.plugins import Resource

# Characters that XML 1.0 forbids, and with it xhtml.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def narrative(title: str, paragraphs: Iterable[str] = (), items: Iterable[str] = ()) -> Resource:
    """`items` become a list below the paragraphs."""
    parts = [f"<p><b>{_text(title)}</b></p>", *(f"<p>{_text(p)}</p>" for p in paragraphs if p.strip())]
    listed = "".join(f"<li>{_text(i)}</li>" for i in items if i.strip())
    if listed:
        parts.append(f"<ul>{listed}</ul>")
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{"".join(parts)}</div>'}


def _text(text: str) -> str:
    return escape(text if text.isprintable() else _FORBIDDEN.sub("", text), quote=False)
