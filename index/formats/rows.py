"""`.jsonl` and `.csv`: many articles in one file."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import Any

from index import about
from index.errors import UnreadableError
from index.formats.decode import decode, one_line, storable
from index.formats.draft import Draft
from index.settings import IndexSettings

_TEXT_KEYS = (
    "text",
    "body",
    "content",
    "article",
    "article_text",
    "full_text",
    "fulltext",
    "maintext",
    "brödtext",
    "artikeltext",
    "innehåll",
    "inhalt",
    "texto",
    "texte",
    "contenido",
    "contenu",
    "tekst",
)


def read_jsonl(data: bytes, name: str, settings: IndexSettings, problems: list[str]) -> list[Draft]:
    drafts = []
    # not splitlines(): JSON may hold U+2028 as it is
    for number, line in enumerate(decode(data, name, problems).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append(f"Line {number} is not JSON: {one_line(error)}.")
            continue
        draft = _draft_of_row(row, number, f"Line {number}", problems)
        if draft is not None:
            drafts.append(draft)
    return _some(drafts, problems)


def read_csv(data: bytes, name: str, settings: IndexSettings, problems: list[str]) -> list[Draft]:
    text = decode(data, name, problems)
    csv.field_size_limit(sys.maxsize)  # an article is longer than the 128 kB that csv allows
    rows = csv.DictReader(io.StringIO(text, newline=""), dialect=dialect(text))
    names = [name.strip().lower() for name in rows.fieldnames or ()]
    if not set(names).intersection(_TEXT_KEYS):
        raise UnreadableError(
            f"No column holds the articles' text; the columns are {', '.join(names)[:200] or 'none'}.",
            "Name the column with the text `text`.",
        )
    drafts = []
    try:
        for number, row in enumerate(rows, start=1):
            where = f"Row {number} (line {rows.line_num})"
            if None in row or None in row.values():
                problems.append(f"{where} has not as many cells as the heading.")
                continue
            draft = _draft_of_row(row, number, where, problems)
            if draft is not None:
                drafts.append(draft)
    except csv.Error as error:
        problems.append(f"Line {rows.line_num} and what follows could not be read: {error}.")
    return _some(drafts, problems)


def dialect(text: str) -> type[csv.Dialect]:
    """Comma, semicolon (as Excel writes in half of Europe) or tab: whichever the heading has most of."""
    heading = text.lstrip("\n").partition("\n")[0]

    class Dialect(csv.excel):
        delimiter = max(",;\t", key=heading.count)

    return Dialect


def _draft_of_row(row: Any, number: int, where: str, problems: list[str]) -> Draft | None:
    if not isinstance(row, dict):
        problems.append(f"{where} is no object with fields.")
        return None
    named = {str(key).strip().lower(): value for key, value in row.items()}
    text = next(
        (value for key in _TEXT_KEYS if isinstance(value := named.get(key), str) and value.strip()), None
    )
    if text is None:
        problems.append(f"{where} has no text.")
        return None
    text = storable(text).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    fields = {key: storable(value) for key, value in about.fields_from(named).items()}
    return Draft(text, own=fields, number=number)


def _some(drafts: list[Draft], problems: list[str]) -> list[Draft]:
    if not drafts:
        first = f" {problems[0]}" if problems else ""
        raise UnreadableError(f"No article could be read from the file.{first}", "Each needs a field `text`.")
    return drafts
