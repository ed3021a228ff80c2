"""Which language an article or a question is in, by py3langid (a naive Bayes model over byte n-grams).

Codes are ISO 639-1; both written forms of Norwegian are `no`; `und` where there is nothing to go by.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from index.languages import codes, normalise, pack
from index.words import stop_words

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# Short texts come out as rare languages whose n-grams resemble a common one's ("Kina" as Central Bikol). News
# collections hold these; the others are considered only where a text is long enough to bear it out.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "ar bg bn bs ca cs cy da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn ko lt lv mk "
        "ml mn mr ms mt my ne nl no pa pl ps pt ro ru si sk sl sq sr sv sw ta te th tl tr uk ur uz vi zh",
    )
)
_LONG = 400  # characters from which a rare language is believed
_SAMPLE = 2000  # characters that settle the matter; an article is rarely in two languages
_NOT_PROSE = re.compile(r"https?://\S+|\S+@\S+|[\d_]+")


def detect(text: str) -> str:
    """The language of an article: ISO 639-1, or `und` for a text without letters."""
    return _likeliest(text, {}) or "und"


def detect_question(text: str, corpus: Mapping[str, int]) -> str:
    """The language of a question, which may be two words and a name.

    corpus: passages per language. Where the words leave it open, the corpus' languages (and English) are
    likelier, in proportion to how much of it they make up; where there are no words, it is the largest's.
    """
    counts: dict[str, int] = {}
    for code, count in corpus.items():
        if known := normalise(code):
            counts[known] = counts.get(known, 0) + count
    total = sum(counts.values()) or 1
    prior = {code: 0.1 + 0.7 * count / total for code, count in counts.items()}
    prior["en"] = prior.get("en", 0.0) + 0.2
    return _likeliest(text, prior) or max(sorted(counts), key=lambda code: counts[code], default="en")


def _likeliest(text: str, prior: Mapping[str, float]) -> str | None:
    """The best language; None for a text without letters.

    A short text is weighed with the prior and its function words; the weights were fitted on 82 questions
    in eleven languages.
    """
    scores = _scores(text)
    if not scores or len(text) >= _LONG:
        return next(iter(scores), None)
    tokens = re.findall(r"[^\W\d_]+", text.lower())

    def posterior(code: str) -> float:
        seen = sum(token in _function_words(code) for token in tokens)
        floor = 0.02 if seen or code in codes() else 0.002
        return 0.5 * scores[code] + 2.0 * seen + math.log(prior.get(code, 0.0) + floor)

    return max(scores, key=posterior)


def _scores(text: str) -> dict[str, float]:
    """Language → log-likelihood, best first; empty for a text without letters."""
    prose = _NOT_PROSE.sub(" ", text[:_SAMPLE])
    if not any(character.isalpha() for character in prose):
        return {}
    long = len(prose) >= _LONG
    scores: dict[str, float] = {}
    for label, score in _identifier().rank(prose):
        code = normalise(label) or label
        if code in _COMMON or (long and len(code) == 2):
            scores.setdefault(code, float(score))
    return scores


@functools.cache
def _identifier() -> LanguageIdentifier:
    from py3langid import langid  # loads its model only when first asked

    return langid._get_identifier()


@functools.cache
def _function_words(code: str) -> frozenset[str]:
    """What the model, made for longer texts, cannot weigh: a question is short and opens with one of few words."""
    return stop_words(code) | pack(code).question.asking
