"""`.txt` and `.md`, with YAML front matter or without."""

from __future__ import annotations

import re

from index import about
from index.errors import UnreadableError
from index.formats.decode import decode, parse_yaml
from index.formats.draft import Draft
from index.settings import IndexSettings

_FENCED = re.compile(r"---[ \t]*\n(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY_LINE = re.compile(r"^([^\W\d_][\w -]*):[ \t]+(\S.*)$", re.MULTILINE)


def read_text(data: bytes, name: str, settings: IndexSettings, problems: list[str]) -> list[Draft]:
    text = decode(data, name, problems)
    draft = Draft(text)
    if match := _FENCED.match(text):
        try:
            loaded = parse_yaml(match["yaml"])
        except UnreadableError as error:
            loaded = dict(_KEY_LINE.findall(match["yaml"]))  # what can be saved of it
            if loaded:
                problems.append(f"Front matter: {error}")
        if isinstance(loaded, dict):  # otherwise two rulers with text between them
            draft.own, draft.body = about.fields_from(loaded), match.end()
    if not text[draft.body :].strip():
        raise UnreadableError("The file holds no text.", "Remove it, or fill it.")
    return [draft]
