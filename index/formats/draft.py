"""What a format makes of a file, and what the settings are asked about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from index.settings import IndexSettings


@dataclass(slots=True)
class Draft:
    """An article before its metadata are settled (fields as `index.about.FIELDS`).

    own: what the article says of itself in front matter; carried: what the format says; body: where the text begins,
    behind the front matter; number: which of the file's articles it is, where a file holds many.
    """

    text: str
    body: int = 0
    own: dict[str, str] = field(default_factory=dict)
    carried: dict[str, str] = field(default_factory=dict)
    number: int | None = None


@runtime_checkable
class Format(Protocol):
    """A kind of file. Door `dossier.formats`: a factory without arguments, found as an installed entry point or named in
    `index.formats`; it may take over the endings of our own."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The endings of its files, lower case: `(".odt",)`."""

    def read(self, data: bytes, name: str, settings: IndexSettings, problems: list[str], /) -> list[Draft]:
        """A file's articles. problems: add a sentence for each part that could not be read.

        Raises UnreadableError when nothing can be read; whatever else it raises is told as a damaged file.
        """
