"""What a question asks for: its language, the kind of thing that answers it, its dates and names, its parts, and, from
the history, the words that make it stand alone.

A question in a language without a pack is found and answered all the same, only without knowing what it wants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from typing import Literal, cast

from index.countries import demonym, territories
from index.dates import Moment, moments
from index.errors import InputError
from index.figures import Figure, figures
from index.language import detect_question
from index.languages import pack
from index.words import fold, in_dictionary, stem, stop_stems, stop_words

Wanted = Literal["person", "date", "place", "amount", "count", "share", "duration", "reason", "anything"]
MAX_LENGTH = 4000

_EARLY = 12  # characters: question words that begin in the same dozen stand equally early


@dataclass(frozen=True, slots=True)
class Question:
    """text: what was asked; standalone: with what the history adds. terms: stems (tagged with the language's own
    Snowball) of the words that carry the topic. names: folded capitalised words; countries: ISO codes.
    years, months: asked for by number or relative to today. parts: two or more when several things are asked."""

    text: str
    standalone: str
    language: str
    wanted: Wanted
    terms: tuple[str, ...]
    names: tuple[str, ...]
    countries: frozenset[str]
    years: frozenset[int]
    moments: tuple[Moment, ...]
    figures: tuple[Figure, ...]
    latest: bool
    parts: tuple[str, ...] = field(default=())


def plain(text: str) -> str:
    """A question in one line, which is what is embedded of it when nothing came before.

    Raises InputError for an empty or overlong question.
    """
    asked = " ".join(text.split())
    if not re.search(r"\w", asked):
        raise InputError("The question is empty.", "Ask something, for example: Who signed the agreement?")
    if len(asked) > MAX_LENGTH:
        raise InputError(
            f"The question is {len(asked):,} characters long; at most {MAX_LENGTH:,} are read.", "Shorten it."
        )
    return asked.replace("\0", "�")


def understand(
    text: str,
    corpus: Mapping[str, int],
    *,
    history: Sequence[tuple[str, str]] = (),
    today: date | None = None,
    standalone: str | None = None,
) -> Question:
    """Read a question. corpus: language -> passages, to tell short questions' language; standalone: as a model made
    it, instead of carrying words over.

    Raises InputError for an empty or overlong question.
    """
    asked = plain(text)
    day = today or date.today()
    full = standalone or stand_alone(asked, [q for q, _ in history], corpus, day)
    language = detect_question(asked if len(asked.split()) > 2 else full, corpus)
    found = tuple(figures(full, language))
    years = {int(f.value) for f in found if f.kind == "year"} | _relative_years(full, language, day)
    return Question(
        text=asked,
        standalone=full,
        language=language,
        wanted=wanted(asked, language),
        terms=topic_terms(full, language),
        names=_people_and_things(full, language),
        countries=_countries(full, language),
        years=frozenset(years),
        moments=tuple(moments(full, language)) + _relative_months(full, language, day),
        figures=tuple(f for f in found if f.kind != "year"),
        latest=pack(language).dates.latest.within(full),
        parts=split_parts(full, language),
    )


def part(question: Question, text: str) -> Question:
    """One part of a two-part question, with the whole's names, dates and topic but its own kind of answer."""
    return replace(question, text=text, wanted=wanted(text, question.language), parts=())


def wanted(text: str, language: str) -> Wanted:
    """The kind of thing a question asks for, by its question words."""
    asked = _mended(text, language)
    # an asking word further in is no question word ("the day when"): the earliest wins, among equals the first kind
    found = [
        (match.start() // _EARLY, rank, kind)
        for rank, (kind, words) in enumerate(pack(language).question.kinds.items())
        if (match := words.pattern.search(asked))
    ]
    return cast(Wanted, min(found)[2]) if found else "anything"


def _mended(text: str, language: str) -> str:
    """Question words with a letter swapped, dropped or doubled ("waht", "vme", "hwo much") put right."""
    words = text.split()
    known = stop_words(language) | _asking_words(language)
    for i, word in enumerate(words[:4]):
        bare = word.strip("¿?,.!").lower()
        if bare not in known and not (i and word[0].isupper()):
            meant = (asking for asking in sorted(_asking_words(language)) if _is_slip(bare, asking))
            words[i] = next(meant, word)
    return " ".join(words)


@cache
def _asking_words(language: str) -> frozenset[str]:
    """Every word of the phrases that ask for a kind of thing, in lower case."""
    asks = pack(language).question
    phrases = [phrase for words in (*asks.kinds.values(), asks.anything) for phrase in words.listed]
    return frozenset(word for phrase in phrases for word in phrase.lower().split()) - {""}


def _is_slip(written: str, meant: str) -> bool:
    """Whether two words that begin alike differ by an accent, two letters swapped, or one too many or too few."""
    if written[:1] != fold(meant)[:1] and written[:1] != meant[:1]:
        return False
    if fold(written) == fold(meant):
        return True
    if len(written) == len(meant):
        apart = [i for i, (a, b) in enumerate(zip(written, meant, strict=True)) if a != b]
        return len(apart) == 2 and apart[1] == apart[0] + 1 and sorted(written) == sorted(meant)
    short, long = sorted((written, meant), key=len)
    return len(long) == len(short) + 1 > 2 and any(
        long[:i] + long[i + 1 :] == short for i in range(len(long))
    )


def topic_terms(text: str, language: str) -> tuple[str, ...]:
    """Stems of the words that carry the topic: no question words, no stop words, no figures, each once, in order."""
    skip = _no_topic(language)
    words = [
        word for word in re.findall(r"\w+(?:[’'.]\w+)*", text) if len(word) > 1 and not word[0].isdigit()
    ]
    stems = (stem(word, language) for word in words if word.lower() not in pack(language).question.asking)
    return tuple(dict.fromkeys(one for one in stems if one not in skip))


@cache
def _no_topic(language: str) -> frozenset[str]:
    return stop_stems(language) | {stem(word, language) for word in pack(language).question.asking}


def names(text: str, language: str) -> tuple[str, ...]:
    """Folded words that begin with a capital, but for the first word of the text and question words."""
    asking = pack(language).question.asking
    found = []
    for match in re.finditer(r"[^\W\d_][\w’'-]*", text):
        word = re.sub(r"[’']s?$", "", match.group())
        first = not text[: match.start()].strip() or text[: match.start()].rstrip()[-1:] in "?.!("
        if (
            word[:1].isupper()
            and (not first or (word.isupper() and len(word) > 1))
            and word.lower() not in asking
        ):
            found.append(fold(word))
    return tuple(dict.fromkeys(found))


def _people_and_things(text: str, language: str) -> tuple[str, ...]:
    """The names in a question but for countries, their adjectives and months, which are read as what they are."""
    skip: set[str] = set()
    for match in re.finditer(r"[^\W\d_][\w’'-]*(?:\s[A-ZÅÄÖ][\w’'-]*)*", text):
        if territories(match.group(), language):
            skip |= {fold(w) for w in re.split(r"\W+", match.group()) if w}
    kept = []
    for name in names(text, language):
        whole = next(
            (w for w in re.findall(r"[\w’'-]+", text) if fold(re.sub(r"[’']s?$", "", w)) == name), name
        )
        # "North Sea", and every German noun, is a word like others: its stem is among the terms
        plain = in_dictionary(whole, language) and not whole.isupper()
        if (
            name not in skip
            and not plain
            and not demonym(whole.split("-")[0], language)
            and not moments(whole, language)
        ):
            kept.append(name)
    return tuple(kept)


def _countries(text: str, language: str) -> frozenset[str]:
    """ISO codes of the countries that a question names, by name or adjective."""
    full = _capitalised(text, language)
    found = set(territories(full, language))
    known = pack(language)
    for word in re.findall(r"[^\W\d_][\w’'-]{4,}", full):
        if (word[0].isupper() or not known.spelling.capital_peoples) and (
            code := demonym(word.split("-")[0], language)
        ):
            found.add(code)
    return frozenset(found | {code for code, words in known.peoples.items() if words.within(full)})


def _capitalised(text: str, language: str) -> str:
    """A question typed in lower case still names countries; German nouns need no help."""
    return text if any(c.isupper() for c in text[1:]) else text.title()


def split_parts(text: str, language: str) -> tuple[str, ...]:
    """The parts of a question that asks for two things ("Who signed it, and when?"); empty when it asks for one."""
    pieces = [p.strip(" ?,;") for p in _between_parts(language).split(text) if p and re.search(r"\w", p)]
    other = pack(language).question.anything.beginning
    asking = [p for p in pieces if wanted(p, language) != "anything" or other.match(p)]
    return tuple(p + "?" for p in pieces) if len(asking) >= 2 and len(pieces) <= 4 else ()


@cache
def _between_parts(language: str) -> re.Pattern[str]:
    """An "and" before a question word, which a small word may go before ("and in which year")."""
    asks = pack(language).question
    asking = "|".join(words.either for words in (*asks.kinds.values(), asks.anything))
    return re.compile(
        rf"\s*(?:,\s*|\s)(?:{asks.both.either})\s+(?=(?:[^\W\d_]{{1,3}}\s)?(?:{asking}))|[?;]\s+(?=\w)", re.I
    )


# ------------------------------------------------------------------------------------------ standing alone


def stand_alone(text: str, earlier: Sequence[str], corpus: Mapping[str, int], today: date) -> str:
    """The question with the words of the earlier ones that it leaves open, in brackets behind it.

    A year, country or name in the new question takes the place of the old one's; "the year after" is counted from it.
    """
    full = ""
    for question in [*earlier, text]:
        full = _carried(" ".join(question.split())[:MAX_LENGTH], full, corpus, today)
    return full


def _carried(new: str, old: str, corpus: Mapping[str, int], today: date) -> str:
    if not old:
        return new
    language = detect_question(new, corpus)
    own = topic_terms(new, language)
    asks, dates = pack(language).question, pack(language).dates
    after, before_it = dates.year_after.within(new), dates.year_before.within(new)
    points = asks.pointers.within(new)
    pointing = points or after or before_it or bool(asks.follow_up.beginning.match(new))
    if not (pointing and len(own) <= 4) and len(own) > 1:
        return new
    before = detect_question(old, corpus)
    years = [int(f.value) for f in figures(old, before) if f.kind == "year"]
    carried = []
    if years and (after or before_it):
        carried.append(str(years[-1] + (1 if after else -1)))
    said_years = any(f.kind == "year" for f in figures(new, language))
    own_years = bool(carried) or said_years or bool(_relative_years(new, language, today))
    own_countries, own_names = territories(new, language), names(new, language)
    taken = {stem(w, language) for w in re.findall(r"\w+", new)}
    # "And in Chile?" takes the place of the country named last; "what did Brazil say?" of the people named
    countries = [w for w in re.findall(r"[\w’'.-]*\w", old) if territories(w, before)]
    replaced = set(countries[-1:]) if own_countries else set()
    people = set(names(old, before)) if own_names and not points else set()
    for match in re.finditer(r"[\w’'.-]*\w", old):
        word = match.group()
        plain = word.strip("’'")
        if re.fullmatch(r"(?:1[5-9]|20)\d\d", plain):
            if not own_years:
                carried.append(plain)
        elif (
            word in replaced
            or (fold(plain) in people and word not in countries)
            or plain.lower() in pack(before).question.asking
            or stem(plain, before) in stop_stems(before)
        ):
            continue
        elif stem(plain, before) not in taken:
            carried.append(plain)
    return f"{new} ({' '.join(dict.fromkeys(carried))})" if carried else new


def _relative_years(text: str, language: str, today: date) -> set[int]:
    dates = pack(language).dates
    named = ((dates.last_year, -1), (dates.this_year, 0), (dates.next_year, 1))
    return {today.year + away for words, away in named if words.within(text)}


def _relative_months(text: str, language: str, today: date) -> tuple[Moment, ...]:
    dates = pack(language).dates
    last = today.replace(day=1) - timedelta(days=1)
    named = ((dates.last_month, last), (dates.this_month, today))
    return tuple(Moment(day.year, day.month, None, 0, 0) for words, day in named if words.within(text))
