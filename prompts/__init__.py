"""Prompt templates: one file `NAME.md` each in this folder, read by name.

A placeholder is written `$name` or `${name}`, a dollar sign `$$`. Braces mean nothing, and what is filled in
is not looked at again, so article text may hold either.
"""

from __future__ import annotations

from collections.abc import Set
from importlib.resources import files
from pathlib import Path
from string import Template

from index.errors import SettingsError


def load(name: str, placeholders: Set[str], folder: Path | None = None) -> Template:
    """The prompt `name`, which must hold exactly these placeholders; fill it with `.substitute(...)`.

    folder: where a file of the same name is taken instead of ours.

    Raises SettingsError naming the file, and the placeholder that is missing, unknown or malformed.
    """
    file = f"{name}.md"
    own = folder / file if folder is not None else None
    source = own if own is not None and own.is_file() else files(__package__) / file
    try:
        template = Template(source.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The prompt {source} cannot be read: {error}.", "Give a text file in UTF-8."
        ) from error
    if not template.is_valid():
        raise SettingsError(
            f"The prompt {source} has a `$` that begins no placeholder.", "Write a dollar sign as `$$`."
        )
    found = set(template.get_identifiers())
    if missing := placeholders - found:
        raise SettingsError(
            f"The prompt {source} lacks {_named(missing)}.", "Put it where its text is to stand."
        )
    if unknown := found - placeholders:
        raise SettingsError(
            f"The prompt {source} asks for {_named(unknown)}, which nothing fills.",
            f"Known here: {_named(placeholders)}.",
        )
    return template


def _named(names: Set[str]) -> str:
    return ", ".join(f"`${name}`" for name in sorted(names))
