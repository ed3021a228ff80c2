"""What a text does that turns a sentence's meaning: how often it denies, which side of two opposites it is on."""

from __future__ import annotations

import re
from functools import cache

from index.languages import pack


def denials(text: str, language: str) -> int:
    """How often a text denies. Words that deny together ("ne ... pas", "no ... ningún") count once in a clause, and
    "nor" only where nothing was denied before it."""
    known = pack(language).denial
    count = len(known.words.pattern.findall(text))
    count += sum(known.together.within(clause) for clause in clauses(text, language))
    return count or int(known.again.within(text))


def clauses(text: str, language: str) -> list[str]:
    """A text cut at its commas, dashes and stops and before the words that begin another clause."""
    return _border(language).split(text)


@cache
def _border(language: str) -> re.Pattern[str]:
    return re.compile(rf"[,;:.!?–—]\s|\s-\s|\s(?:{pack(language).claims.joins.either})\s", re.I)


def sides(text: str, language: str) -> dict[str, set[int]]:
    """Which sides of each pair of opposites a text is on: {"rise/fall": {0}}."""
    found = {
        name: {i for i, words in enumerate(both) if words.within(text)}
        for name, both in pack(language).opposites.items()
    }
    return {name: on for name, on in found.items() if on}
