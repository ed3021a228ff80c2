"""What PDF and DOCX say of themselves."""

from __future__ import annotations

import re
from typing import Any

from index import about
from index.formats.decode import storable


def from_properties(title: Any, author: Any) -> dict[str, str]:
    """Of a document's properties, those that are no leftovers of the program that made it."""
    raw = {}
    if isinstance(title, str) and not re.search(
        r"^(?:Microsoft|untitled|Document\d*$)|\.\w{2,4}$", title.strip(), re.I
    ):
        raw["title"] = storable(title)
    if isinstance(author, str) and about.is_personal_name(author.strip()):
        raw["author"] = storable(author)
    return about.fields_from(raw)
