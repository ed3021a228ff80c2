"""A sentence that has been read: what is in it, worked out once for all who ask (selecting, quoting, checking)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from typing import Literal

from index.countries import names_territory, territories
from index.dates import Moment, moments
from index.figures import Figure, figures
from index.languages import pack
from index.nouns import Article
from index.words import fold, stem, stop_stems
from rag.speaker import speaker

Kind = Literal["narration", "speech", "opinion"]


@dataclass(frozen=True)
class Sentence:
    """The words [start, end) of a text: one sentence, or several that stand together. What is in them is worked out when
    it is first asked for, and kept. opinion: whether the text is one.

    words: every word, folded. names: words with a capital that does not only open the sentence, as they stand. stems: of
    the words that carry a topic. countries: ISO codes, by name alone. speaker: who says it, as the text names them at
    first in full. kind: speech where somebody says it, else what the text is.
    """

    whole: str
    start: int
    end: int
    language: str
    opinion: bool = False

    @cached_property
    def text(self) -> str:
        return self.whole[self.start : self.end]

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        return figures(self.text, self.language)

    @cached_property
    def years(self) -> frozenset[int]:
        return frozenset(int(f.value) for f in self.figures if f.kind == "year")

    @cached_property
    def dates(self) -> tuple[Moment, ...]:
        return moments(self.text, self.language)

    @cached_property
    def words(self) -> frozenset[str]:
        return folded(self.text)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(re.findall(r"(?<=[\w,;:”\"’)–-]\s)[A-ZÀ-ÖØ-Þ][\w’'-]+", self.text))

    @cached_property
    def stems(self) -> frozenset[str]:
        words = re.findall(r"[^\W\d_][\w’'.-]*", self.text)
        return frozenset(stem(w, self.language) for w in words) - stop_stems(self.language)

    @cached_property
    def countries(self) -> frozenset[str]:
        return territories(self.text, self.language)

    @cached_property
    def speaker(self) -> str | None:
        return speaker(self.whole, self.start, self.end, self.language)

    @cached_property
    def kind(self) -> Kind:
        told = pack(self.language).speech
        if self.speaker or told.saying.within(self.text) or told.according_to.within(self.text):
            return "speech"
        return "opinion" if self.opinion else "narration"

    def names_country(self, code: str) -> bool:
        """By name, or by an adjective or people made from it (Chinese, chilenos)."""
        return code in self.countries or names_territory(self.text, self.language, code)

    def has_name(self, name: str) -> bool:
        return has_name(self.words, name)


@lru_cache(maxsize=2_000)
def read(whole: str, start: int, end: int, language: str, opinion: bool = False) -> Sentence:
    """The sentence whole[start:end], the same one to all who read it again."""
    return Sentence(whole, start, end, language, opinion)


def of_article(article: Article, start: int, end: int) -> Sentence:
    return read(article.text, start, end, article.language, article.genre == "opinion")


def alone(text: str, language: str) -> Sentence:
    """A text that stands in no article: a claim, a question's answer, a passage that was given."""
    return read(text, 0, len(text), language)


def folded(text: str) -> frozenset[str]:
    """The words of a text as names are compared: in lower case, without diacritics or whose they are."""
    return frozenset(fold(re.sub(r"[’']s?$", "", w)) for w in re.findall(r"[^\W\d_][\w’'-]*", text))


def has_name(words: frozenset[str], name: str) -> bool:
    """Whether a folded name is among folded words, in that or a neighbouring spelling (Genève, Geneva; Munoz, Muñoz)."""
    if name in words:
        return True
    if len(name) < 4:
        return False
    for word in words:
        if abs(len(word) - len(name)) <= 4 and word[:3] == name[:3]:
            if word.startswith(name) or (name.startswith(word) and len(word) >= 4):
                return True
            if SequenceMatcher(None, word, name).ratio() >= 0.8:
                return True
    return False
