"""Countries and regions named in a text, and the adjectives and peoples made from their names."""

from __future__ import annotations

import re
from functools import cache

from index.languages import Language, cldr, pack

_CAPITAL = r"[^\W\d_a-zß-öø-ÿ][\w’'.&-]*"
# runs of capitalised words, small words between them allowed ("Trinidad and Tobago")
_CAPITALISED = re.compile(rf"{_CAPITAL}(?:\s(?:[^\W\d_]{{1,3}} )?{_CAPITAL})*")


def territories(text: str, language: str) -> frozenset[str]:
    """ISO codes of the countries and regions named in `text` (names only, no adjectives: "Kina", "US")."""
    known = pack(language)
    found = set()
    for match in _CAPITALISED.finditer(text):
        words = match.group().split()
        at = 0
        while at < len(words):
            ends = range(min(len(words), at + 5), at, -1)
            code, at = next(
                ((c, j) for j in ends if (c := _named(" ".join(words[at:j]), known))), ("", at + 1)
            )
            found.add(code)
    return frozenset(found - {""})


def names_territory(text: str, language: str, code: str) -> bool:
    """Whether a country or region is named in `text`, or an adjective that looks made from its name is (Chinese,
    kinesisk, chilenos)."""
    peoples = pack(language).peoples.get(code)
    return bool(_naming(language, code).search(text)) or (peoples is not None and peoples.within(text))


def demonym(word: str, language: str) -> str | None:
    """The ISO code of the country that an adjective or a people's name is made from (Chinese, chilenska), if any."""
    known = pack(language)
    if code := next((code for code, words in known.peoples.items() if word in words), None):
        return code
    roots, endings, lower = _roots(language), known.spelling.peoples, word.lower()
    for i in range(len(lower), 2, -1):
        # three letters begin too many words: they need an adjective's ending behind them
        if (code := roots.get(lower[:i])) and ((not lower[i:] and i > 3) or _ends(lower[i:], endings.either)):
            return code
    return None


def _named(words: str, known: Language) -> str | None:
    bare = re.sub(r"[’']s$", "", words.strip(".,;:'’"))
    short, names = _names(known.code)
    if code := short.get(bare) or names.get(bare.lower()):
        return code
    for ending in known.spelling.genitive.listed:
        if bare.endswith(ending) and (code := names.get(bare.lower().removesuffix(ending))):
            return code
    return None


@cache
def _names(language: str) -> tuple[dict[str, str], dict[str, str]]:
    """Names of two letters as they are written ("US" is no "us"), and all others in lower case → code."""
    listed = [(n.strip("."), code) for code, words in pack(language).countries.items() for n in words.listed]
    short = {name: code for name, code in listed if len(name.replace(".", "")) == 2}
    longer = {name.lower(): code for name, code in listed if name not in short}
    return short, cldr.territories(language) | longer


def _ends(ending: str, endings: str) -> bool:
    return re.fullmatch(rf"\w{{0,3}}?(?:{endings})", ending) is not None


@cache
def _naming(language: str, code: str) -> re.Pattern[str]:
    known = pack(language)
    short, names = _names(language)
    genitive, people = known.spelling.genitive.either, known.spelling.peoples.either
    parts = [f"(?-i:{re.escape(name)})" for name, its in short.items() if its == code]
    for name in sorted(name for name, its in names.items() if its == code):
        parts.append(rf"{re.escape(name)}(?:{genitive})?")
        if root := _root(name):
            parts.append(rf"{re.escape(root)}\w{{0,3}}?(?:{people}){'?' if len(root) > 3 else ''}")
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts) or '(?!)'})(?!\w)", re.I)


@cache
def _roots(language: str) -> dict[str, str]:
    return {
        root: code for name, code in _names(language)[1].items() if len(code) == 2 and (root := _root(name))
    }


def _root(name: str) -> str | None:
    """What is left of a one-word name when its last letter, of a long one its last two, is taken off."""
    if len(name) < 4 or not re.fullmatch(r"\w+", name):
        return None
    return name[: -1 if len(name) < 6 else -2]
