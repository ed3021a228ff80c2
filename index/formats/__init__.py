"""File formats: a file each, and one more is added as `index/formats/` has them (or from outside, see `Format`)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from index import doors
from index.formats import html, mail, pdf, plain, rows, word
from index.formats.draft import Draft, Format
from index.settings import IndexSettings

__all__ = ["Draft", "Format", "formats"]


@dataclass(frozen=True, slots=True)
class _Own:
    suffixes: tuple[str, ...]
    read: Callable[[bytes, str, IndexSettings, list[str]], list[Draft]]


_OURS: tuple[Format, ...] = (
    _Own((".txt", ".md"), plain.read_text),
    _Own((".html", ".htm"), html.read_html),
    _Own((".pdf",), pdf.read_pdf),
    _Own((".docx",), word.read_docx),
    _Own((".eml",), mail.read_mail),
    _Own((".jsonl",), rows.read_jsonl),
    _Own((".csv",), rows.read_csv),
)


def formats(settings: IndexSettings) -> dict[str, Format]:
    """Ending -> the format that reads it: ours, those installed as entry points, those the settings name, the later one
    where two know an ending. Raises SettingsError for one that cannot be loaded."""
    return _formats(tuple(settings.formats))


@functools.cache
def _formats(more: tuple[str, ...]) -> dict[str, Format]:
    added = [
        doors.built("dossier.formats", name, Format) for name in (*doors.named("dossier.formats"), *more)
    ]
    return {suffix: one for one in (*_OURS, *added) for suffix in one.suffixes}
