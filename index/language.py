"""Which language an article or a question is in, by py3langid (a naive Bayes model over byte n-grams).

Codes are ISO 639-1; both written forms of Norwegian are `no`; `und` where there is nothing to go by.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

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
_UNLIKELY = math.log(0.002)
_SAMPLE = 2000  # characters that settle the matter; an article is rarely in two languages
_SAME = {"nb": "no", "nn": "no", "yue": "zh", "wuu": "zh", "ary": "ar", "arz": "ar"}
_NOT_PROSE = re.compile(r"https?://\S+|\S+@\S+|[\d_]+")

# What the model, made for longer texts, cannot weigh: a question is short and opens with one of few words.
_QUESTION_WORDS = {
    "da": "hvad hvem hvornår hvorfor hvordan hvor hvilke hvilken hvilket mange meget hvis er det og blev",
    "de": "was wer wann warum wie wo welche welcher welches viele wen wem ist der die das und wurde hat",
    "en": "what who when why how where which whose whom did does is was were the of and many much has",
    "es": "qué quién quiénes cuándo cómo dónde cuál cuáles cuánto cuántos cuántas el los las del y fue ha",
    "fi": "mikä mitä kuka milloin miksi miten missä mitkä montako paljonko kuinka ketkä on oli ja mihin",
    "fr": "que quoi qui quand pourquoi comment où quel quelle quels quelles combien est les des du et été",
    "it": "che cosa chi quando perché come dove quale quali quanto quanti quante è il gli della del e stato",
    "nl": "wat wie wanneer waarom hoe waar welke welk hoeveel is de het en werd heeft van",
    "no": "hva hvem når hvorfor hvordan hvor hvilke hvilken hvilket mange mye er det og ble",
    "pt": "que quem quando porquê como onde qual quais quanto quantos quantas é o os das dos e foi não",
    "sv": "vad vem vilka vilken vilket när varför hur var vart många mycket är och det blev sade hade året",
}


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


def normalise(code: str) -> str | None:
    """`sv-SE`, `SV`, `nb_NO` → `sv`, `sv`, `no`; None where it is no two-letter code."""
    match = re.fullmatch(r"([A-Za-z]{2})(?:[-_].*)?", code.strip())
    return _SAME.get(match[1].lower(), match[1].lower()) if match else None


def _likeliest(text: str, prior: Mapping[str, float]) -> str | None:
    """The best language; None for a text without letters.

    A short text is weighed with the prior and its function words; the weights were fitted on 82 questions
    in eleven languages.
    """
    scores = _scores(text)
    if not scores or len(text) >= _LONG:
        return next(iter(scores), None)
    tokens = re.findall(r"[^\W\d_]+", text.lower())

    asking = _question_words()

    def posterior(code: str) -> float:
        if code not in asking and code not in prior:
            return 0.5 * scores[code] + _UNLIKELY
        floor = 0.02 if code in asking else 0.002
        seen = sum(token in asking[code] for token in tokens) if code in asking else 0
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
        code = _SAME.get(label, label)
        if code in _COMMON or (long and len(code) == 2):
            scores.setdefault(code, float(score))
    return scores


@functools.cache
def _identifier() -> LanguageIdentifier:
    from py3langid import langid  # loads its model only when first asked

    return langid._get_identifier()


@functools.cache
def _question_words() -> dict[str, frozenset[str]]:
    return {code: frozenset(words.split()) for code, words in _QUESTION_WORDS.items()}
