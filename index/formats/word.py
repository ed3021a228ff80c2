"""DOCX."""

from __future__ import annotations

import io
import zipfile

from index.errors import UnreadableError
from index.formats.decode import storable
from index.formats.draft import Draft
from index.formats.properties import from_properties
from index.settings import IndexSettings


def read_docx(data: bytes, name: str, settings: IndexSettings, problems: list[str]) -> list[Draft]:
    import docx
    from docx.table import Table

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(part.file_size for part in archive.infolist()) > 20e6 * settings.max_file_mb:
            raise UnreadableError(
                "The document unpacks to far more than it should.", "Save it again as DOCX."
            )
    document = docx.Document(io.BytesIO(data))
    blocks: list[str] = []
    heading: str | None = None
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            blocks += [" | ".join(cell.text.strip() for cell in row.cells) for row in block.rows]
            continue
        style = (block.style.style_id if block.style is not None else "") or ""
        if heading is None and block.text.strip() and style in ("Title", "Heading1"):
            heading = block.text.strip()
        blocks.append(block.text)
    text = storable("\n\n".join(stripped for one in blocks if (stripped := one.strip())))
    if not text:
        raise UnreadableError(
            "The document holds no text.", "If it holds pictures of text, run text recognition."
        )
    properties = document.core_properties
    carried = from_properties(heading or properties.title, properties.author)
    return [Draft(text, carried=carried)]
