"""The nouns of the index: plain values, with no storage identity and no behaviour beyond their own fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

PublishedBasis = Literal["stated", "inferred", "unknown"]
Genre = Literal["report", "opinion", "unknown"]


@dataclass(frozen=True, slots=True)
class Article:
    """One article.

    id: stable over runs: made from `folder` and `source`.
    folder: the indexed folder, absolute; source: path relative to it, with forward slashes
        (an article out of a `.jsonl` or `.csv` is `file.jsonl#12`, counting from 1).
    text: what offsets count in (characters, i.e. code points); `body` is where the article proper starts,
        after any front matter: no passage starts before it.
    published: ISO date, of whole-day, month (`2018-01`) or year (`2018`) precision, or None.
    story: id shared by copies and rewrites of one wire story; an article alone has a story of its own.
    """

    id: str
    folder: str
    source: str
    text: str
    title: str | None = None
    publisher: str | None = None
    author: str | None = None
    published: str | None = None
    published_basis: PublishedBasis = "unknown"
    language: str = "und"
    genre: Genre = "unknown"
    story: str = ""
    body: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of whole sentences of one article. Always `text == article.text[start:end]`.

    sentences: (start, end) of each sentence, counted in the article; they lie inside [start, end) in order.
    """

    id: str
    article_id: str
    start: int
    end: int
    text: str
    language: str
    sentences: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search is limited to. Every given field must hold; an article lacking the field does not match.

    source: a glob over `Article.source` (fnmatch); language: ISO 639-1; after/before: inclusive days, compared
    with the span of days that `Article.published` covers (`2018-01` lies in any range that meets January 2018).
    """

    language: str | None = None
    source: str | None = None
    publisher: str | None = None
    genre: str | None = None
    after: date | None = None
    before: date | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, name) is not None for name in self.__slots__)


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be read, and why (one sentence, shown by `dossier status`)."""

    folder: str
    source: str
    reason: str


@dataclass(slots=True)
class IndexReport:
    """What a run of `dossier index` did, in articles unless said otherwise."""

    added: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    unread: list[Unread] = field(default_factory=list)
    passages: int = 0
    passages_embedded: int = 0
    tokens_embedded: int = 0
    seconds: float = 0.0
    seconds_embedding: float = 0.0
