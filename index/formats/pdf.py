"""PDF with text in it."""

from __future__ import annotations

import io
import re

from index.errors import UnreadableError
from index.formats.decode import storable
from index.formats.draft import Draft
from index.formats.properties import from_properties
from index.settings import IndexSettings


def read_pdf(data: bytes, name: str, settings: IndexSettings, problems: list[str]) -> list[Draft]:
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableError("The PDF is locked with a password.", "Save a copy without one.")
    pages = [storable(page.extract_text() or "").strip() for page in reader.pages]
    empty = sum(not page for page in pages)
    if empty == len(pages):
        raise UnreadableError(
            "The PDF holds no text: it is a scan, or pictures.",
            "Run text recognition on it, with ocrmypdf for one.",
        )
    if empty:
        problems.append(f"{empty} of {len(pages)} pages hold no text (scanned, or pictures).")
    text = _unwrapped("\n".join(filter(None, pages)))
    return [
        Draft(
            text,
            carried=from_properties(
                reader.metadata and reader.metadata.title, reader.metadata and reader.metadata.author
            ),
        )
    ]


def _unwrapped(text: str) -> str:
    """Lines broken by the page's width joined again, and words broken at a hyphen; short lines end a
    paragraph.
    """
    lines = [line.strip() for line in text.splitlines()]
    lengths = sorted(len(line) for line in lines if line)
    full = 0.75 * lengths[len(lengths) * 9 // 10] if lengths else 0
    joined = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if re.search(r"[^\W\d_]-$", line) and following[:1].islower():
            joined += line[:-1]
        elif len(line) >= full and following:
            joined += line + " "
        else:
            joined += line + "\n"
    return re.sub(r"\n{3,}", "\n\n", joined).strip("\n")
