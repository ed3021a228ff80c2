"""What Dossier knows of each language: one TOML file a language, read once into a frozen `Language`.

`pack(code)` is asked with the language of the text at hand. A language without a file gets a pack that claims
nothing: no word of it is known, and what CLDR knows of it (`index/languages/cldr.py`) is all there is.

In a file, the words of a list are parted by commas. `*` stands for any letters, `#` for a figure that must
follow. `"none"` says that the language has no such words. `en.toml` explains every list.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from importlib import resources
from typing import Any, get_type_hints

NONE = "none"
_SAME = {"nb": "no", "nn": "no", "yue": "zh", "wuu": "zh", "ary": "ar", "arz": "ar"}
_MARKS = {"*": r"\w*", "#": r"(?=[$€£]?\d)", "'": "['’]"}


@dataclass(frozen=True)
class Words:
    """A list of words and phrases, for finding them whole. listed: as the file has them."""

    listed: tuple[str, ...] = ()

    @cached_property
    def either(self) -> str:
        """All of them as one alternative of a regular expression, the longest first; it matches nothing for none."""
        return "|".join(map(_expression, sorted(self.listed, key=len, reverse=True))) or "(?!)"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The words anywhere in a text, in any case."""
        return re.compile(rf"(?<![\w-])(?:{self.either})", re.I)

    @cached_property
    def beginning(self) -> re.Pattern[str]:
        """The words where a text begins, in any case."""
        return re.compile(rf"\W*(?:{self.either})", re.I)

    def __bool__(self) -> bool:
        return bool(self.listed)

    def __contains__(self, word: str) -> bool:
        """Whether a word or phrase as a whole is one of them, in any case."""
        return self.pattern.fullmatch(word) is not None

    def within(self, text: str) -> bool:
        return self.pattern.search(text) is not None

    def __add__(self, other: Words) -> Words:
        return Words(self.listed + other.listed)


def _expression(phrase: str) -> str:
    """One phrase of a list; blanks in it match blanks of any kind."""
    pieces = [
        _MARKS.get(p, r"\s+" if p.isspace() else re.escape(p)) for p in re.split(r"(\s+|[*#'])", phrase)
    ]
    end = r"(?!\w)" if phrase[-1].isalnum() or phrase[-1] in "*." else ""
    return "".join(pieces) + end


# One class a section of the file, one field a list; what each means is told in `en.toml`.


@dataclass(frozen=True)
class Spelling:
    compounds: bool = False
    capital_nouns: bool = False
    capital_peoples: bool = False
    genitive: Words = Words()
    peoples: Words = Words()
    openers: Words = Words()


@dataclass(frozen=True)
class ArticleWords:
    title: Words = Words()
    publisher: Words = Words()
    author: Words = Words()
    published: Words = Words()
    language: Words = Words()
    genre: Words = Words()
    section: Words = Words()
    opinion: Words = Words()
    report: Words = Words()
    outlets: Words = Words()
    by: Words = Words()
    published_on: Words = Words()
    credits: Words = Words()
    author_is: Words = Words()
    views: Words = Words()
    not_shared: Words = Words()
    whose: Words = Words()


@dataclass(frozen=True)
class Numbers:
    hundred: Words = Words()
    thousand: Words = Words()
    million: Words = Words()
    milliard: Words = Words()
    trillion: Words = Words()
    half: Words = Words()
    third: Words = Words()
    quarter: Words = Words()
    fifth: Words = Words()
    tenth: Words = Words()
    of: Words = Words()
    first: Words = Words()
    about: Words = Words()
    ordinals: Words = Words()


@dataclass(frozen=True)
class Dates:
    doubtful: Words = Words()
    today: Words = Words()
    so_far: Words = Words()
    last_year: Words = Words()
    this_year: Words = Words()
    next_year: Words = Words()
    last_month: Words = Words()
    this_month: Words = Words()
    year_after: Words = Words()
    year_before: Words = Words()
    latest: Words = Words()


@dataclass(frozen=True)
class Questions:
    reason: Words = Words()
    duration: Words = Words()
    share: Words = Words()
    amount: Words = Words()
    count: Words = Words()
    date: Words = Words()
    place: Words = Words()
    person: Words = Words()
    anything: Words = Words()
    words: Words = Words()
    both: Words = Words()
    follow_up: Words = Words()
    pointers: Words = Words()

    @cached_property
    def kinds(self) -> dict[str, Words]:
        """What is asked for → the words that ask for it, those first that win over others."""
        names = ("reason", "duration", "share", "amount", "count", "date", "place", "person")
        return {name: getattr(self, name) for name in names}

    @cached_property
    def asking(self) -> frozenset[str]:
        """The single words that ask and carry no topic, in lower case."""
        lists = (self.reason, self.date, self.place, self.person, self.anything, self.words)
        return frozenset(one.lower() for words in lists for one in words.listed if " " not in one)


@dataclass(frozen=True)
class Speech:
    saying: Words = Words()
    has: Words = Words()
    according_to: Words = Words()
    the: Words = Words()
    ends_name: Words = Words()
    he_she: Words = Words()


@dataclass(frozen=True)
class Denial:
    words: Words = Words()
    together: Words = Words()
    again: Words = Words()


@dataclass(frozen=True)
class Claims:
    expected: Words = Words()
    cause: Words = Words()
    purpose: Words = Words()
    universal: Words = Words()
    joins: Words = Words()


@dataclass(frozen=True)
class Orders:
    ignore: Words = Words()
    ignored: Words = Words()
    reveal: Words = Words()
    secret: Words = Words()
    models: Words = Words()
    must: Words = Words()
    answer: Words = Words()
    as_a_model: Words = Words()
    address: Words = Words()
    when_asked: Words = Words()


@dataclass(frozen=True)
class Language:
    """A pack. spelled: number -> words. units, money, rates, names, peoples: unit, ISO 4217 or ISO 3166 code -> words. opposites: name -> both sides.

    says: what Dossier itself says in the language; empty where it has no pack.
    """

    code: str
    spelling: Spelling = Spelling()
    article: ArticleWords = ArticleWords()
    numbers: Numbers = Numbers()
    spelled: Mapping[str, Words] = field(default_factory=dict)
    units: Mapping[str, Words] = field(default_factory=dict)
    money: Mapping[str, Words] = field(default_factory=dict)
    rates: Mapping[str, Words] = field(default_factory=dict)
    dates: Dates = Dates()
    countries: Mapping[str, Words] = field(default_factory=dict)
    peoples: Mapping[str, Words] = field(default_factory=dict)
    question: Questions = Questions()
    speech: Speech = Speech()
    denial: Denial = Denial()
    claims: Claims = Claims()
    opposites: Mapping[str, tuple[Words, Words]] = field(default_factory=dict)
    orders: Orders = Orders()
    says: Mapping[str, str] = field(default_factory=dict)


def normalise(code: str) -> str | None:
    """`sv-SE`, `SV`, `nb_NO` → `sv`, `sv`, `no`; None where it is no two-letter code."""
    base = re.split("[-_]", code.strip(), maxsplit=1)[0].lower()
    return _SAME.get(base, base if re.fullmatch("[a-z]{2}", base) else None)


@cache
def codes() -> tuple[str, ...]:
    """The languages that have a pack."""
    names = (file.name for file in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@cache
def pack(code: str) -> Language:
    """The pack of a language by any form of its code; one that claims nothing where it has no file.

    Raises ValueError where its file lacks a list or holds one that no code asks for.
    """
    known = normalise(code) or code
    if known != code:
        return pack(known)
    if code not in codes():
        return Language(code)
    return parse(code, (resources.files(__name__) / f"{code}.toml").read_text(encoding="utf-8"))


def parse(code: str, text: str) -> Language:
    """A pack out of its file's text. Raises ValueError naming the first list that lacks or is not known."""
    told = tomllib.loads(text)
    types = get_type_hints(Language)
    made = {
        name: _made(types[name], value, f"{code}.toml: {name}")
        for name, value in told.items()
        if name in types
    }
    _same_names(f"{code}.toml", set(told), set(types) - {"code"})
    return Language(code, **made)


def _made(kind: Any, value: Any, where: str) -> Any:
    """A field of the declared type out of what TOML has for it."""
    if kind in (bool, str):
        if not isinstance(value, kind):
            raise ValueError(f"{where} is no {kind.__name__}.")
        return value
    if kind is Words:
        return _words(value, where)
    if value == NONE:
        return {} if not hasattr(kind, "__dataclass_fields__") else kind()
    if not isinstance(value, dict):
        raise ValueError(f'{where} is neither a table nor "none".')
    if hasattr(kind, "__dataclass_fields__"):
        types = get_type_hints(kind)
        _same_names(where, set(value), {f.name for f in fields(kind)})
        return kind(**{name: _made(types[name], one, f"{where}.{name}") for name, one in value.items()})
    of = kind.__args__[1]
    if of in (str, Words):
        return {name: _made(of, one, f"{where}.{name}") for name, one in value.items()}
    return {name: tuple(_words(side, f"{where}.{name}") for side in one) for name, one in value.items()}


def _words(value: Any, where: str) -> Words:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'{where} is no list of words, nor "none".')
    if value == NONE:
        return Words()
    return Words(tuple(" ".join(one.split()) for one in value.split(",") if one.strip()))


def _same_names(where: str, told: set[str], asked: set[str]) -> None:
    if lacking := sorted(asked - told):
        raise ValueError(f'{where} lacks {lacking[0]}; where the language has none, say "none".')
    if unknown := sorted(told - asked):
        raise ValueError(f"{where} has {unknown[0]}, which nothing asks for.")
