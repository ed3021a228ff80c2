"""Terms for the word index, the same for passages and for questions.

A word becomes its Snowball stem tagged with the language (`sv_tull`): "fast" in Swedish is not "fast" in
English. What survives across languages carries no tag: names (`x_celac`), figures by value (`n_9.2e+09`),
years (`n_2021`), countries by code (`t_cl`). Long Swedish, German, Dutch and Finnish compounds are also
found by their beginning, which the search asks for as a prefix. A term holds nothing that the word index
would split at.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from index.countries import territories
from index.figures import figures
from index.languages import cldr, pack

if TYPE_CHECKING:
    import Stemmer

SHARED = ("x_", "n_", "t_")  # what names, figures and countries begin with
_WORD = re.compile(r"\w+(?:[’'.]\w+)*")
_LISTS = {"no": "nb"}  # what simplemma calls them
_SPLITS = re.compile(r"[^\w.+-]")


def terms(text: str, language: str) -> list[str]:
    """Every term of `text`, repeated as often as it occurs, for BM25."""
    found = []
    for match in _WORD.finditer(text):
        word = match.group()
        if word[0].isdigit():
            continue  # by value, below
        found.append(f"{language}_{stem(word, language)}")
        if word[0].isupper():
            found.append(f"x_{_whole(fold(_bare(word)))}")
    return found + shared_terms(text, language)


def shared_terms(text: str, language: str) -> list[str]:
    """The terms that mean the same in every language, but for names: figures, years, countries."""
    countries = [f"t_{code.lower()}" for code in territories(text, language)]
    return [f"n_{figure.value:g}" for figure in figures(text, language)] + sorted(countries)


@cache
def _stemmer(language: str) -> Stemmer.Stemmer | None:
    import Stemmer

    name = _name(language)
    return Stemmer.Stemmer(name) if name in Stemmer.algorithms() else None


def _name(language: str) -> str:
    """What Snowball and NLTK call a language: its English name."""
    return (cldr.name(language) or language).lower()


@lru_cache(maxsize=100_000)
def stem(word: str, language: str) -> str:
    """Snowball stem of a word, lower case without diacritics; the word itself where Snowball lacks the
    language.
    """
    bare = _bare(word).lower()
    stemmer = _stemmer(language)
    return _whole(fold(stemmer.stemWord(bare) if stemmer else bare))


@cache
def stop_words(language: str) -> frozenset[str]:
    """The words that carry no topic, in lower case, from NLTK's list; empty where it has none."""
    from index.split import shipped

    path = shipped("nltk_cache/corpora/stopwords") / _name(language)
    return frozenset(path.read_text(encoding="utf-8").split() if path.is_file() else ())


@cache
def stop_stems(language: str) -> frozenset[str]:
    return frozenset(stem(word, language) for word in stop_words(language))


def _whole(term: str) -> str:
    """Without apostrophes and what folding makes of ligatures and letterlike signs: blanks, capitals."""
    return _SPLITS.sub("", term.lower())


@lru_cache(maxsize=50_000)
def in_dictionary(word: str, language: str) -> bool:
    """Whether a word, or the last part of a compound (Windparkbetreiber), is in simplemma's list for the language; such a
    word is translated, where a name ("Cortizo") is not. True where simplemma has no list."""
    from simplemma import is_known

    code, spelling = _LISTS.get(language, language), pack(language).spelling

    def known(part: str) -> bool:
        # low_memory: the lists as they are shipped, 15 MB for German where a dict of them takes 150
        return is_known(part.lower(), lang=code, low_memory=True) or (
            spelling.capital_nouns and is_known(part.capitalize(), lang=code, low_memory=True)
        )

    try:
        return known(word) or (spelling.compounds and any(known(word[i:]) for i in range(3, len(word) - 3)))
    except ValueError:
        return True


def _bare(word: str) -> str:
    return re.sub(r"[’']\w{0,2}$", "", word)


def fold(word: str) -> str:
    """Lower case without diacritics, for comparing names across languages: Genève -> geneve."""
    plain = unicodedata.normalize("NFKD", word.lower())
    return (
        "".join(c for c in plain if not unicodedata.combining(c))
        .replace("ß", "ss")
        .replace("ø", "o")
        .replace("æ", "ae")
        .replace("ł", "l")
    )
