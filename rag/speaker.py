"""Who says a sentence: the person named beside a verb of saying, in the sentence or, for a bare quote or "he said", just
before it. Only the article's own words for the person are used."""

from __future__ import annotations

import re
from functools import cache

from index.countries import territories
from index.dates import moments
from index.languages import cldr, pack
from index.split import sentences

_PARTICLE = r"(?:(?:de|da|del|della|di|van|von|der|den|la|le|al|el|bin|af|zu|dos|das)\s)?"
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w’'.-]*"
_NAME = rf"{_CAPITAL}(?:\s{_PARTICLE}{_CAPITAL}){{0,6}}"
_AROUND = 1_500  # characters in which who speaks must be named
_QUOTED = re.compile(r"^\W*[\"“„»«”]|^\s*[–—-]\s")


@cache
def _sayings(language: str) -> tuple[re.Pattern[str], ...]:
    """ "Name, who he is, says", "says the minister Name", "according to Name": the name is the group `name`."""
    known = pack(language).speech
    says, the, small = known.saying.either, known.the.either, r"[^\W\dA-ZÀ-ÖØ-Þ_]"
    return (
        re.compile(rf"(?P<name>{_NAME})(?:,[^,.]{{2,90}},|,)?\s(?:(?:{known.has.either})\s)?(?:{says})"),
        re.compile(
            rf"(?:^|[\s,“”\"’»«–-])(?:{says})\s+(?:(?:{the})\s)?"
            rf"(?:(?!(?:{known.ends_name.either})){small}[\w-]*\s){{0,4}}?(?P<name>{_NAME})"
        ),
        re.compile(
            rf"(?<!\w)(?i:{known.according_to.either})\s(?:(?:{the})\s)?(?:{small}[\w-]*\s){{0,3}}?(?P<name>{_NAME})"
        ),
    )


def speaker(text: str, start: int, end: int, language: str) -> str | None:
    """The speaker of text[start:end], as the article names them at first in full, or None when nobody says it."""
    known = pack(language).speech
    sentence = text[start:end]
    if name := _named(sentence, language):
        return _in_full(text, name, language)
    quoted = bool(_QUOTED.search(sentence)) or _inside_quote(text, start)
    says = known.saying.within(sentence) and known.he_she.within(sentence)
    if not (quoted or says or known.he_she.beginning.match(sentence)):
        return None
    first = text.rfind("\n", 0, max(0, start - _AROUND)) + 1
    around = sentences(text, language, first, min(len(text), end + _AROUND))
    before = [s for s in reversed(around) if s[1] <= start][:4]
    after = [s for s in around if s[0] >= end][:1]
    # a quote that is still open at its sentence's end goes on to its speaker; else the speaker came before
    for a, b in after + before if quoted and _inside_quote(text, end) else before + (after if quoted else []):
        if name := _named(text[a:b], language):
            return _in_full(text, name, language)
    return None


def _named(sentence: str, language: str) -> str | None:
    for pattern in _sayings(language):
        for match in pattern.finditer(sentence):
            words = _person(match["name"].split(), language)
            # "Chiles utrikesminister": whose minister is no part of the name
            if len(words) > 1 and words[0].endswith("s") and territories(words[0], language):
                words = words[1:]
            name = " ".join(words).rstrip(".,-")
            if len(name) > 1 and not moments(name, language) and not _is_no_person(name, language):
                return name
    return None


def _person(words: list[str], language: str) -> list[str]:
    """A name's words without those that only open the sentence."""
    openers = pack(language).spelling.openers
    while words and words[0] in openers:
        words = words[1:]
    return re.sub(r"[’']s?$", "", " ".join(words)).split()


def _is_no_person(name: str, language: str) -> bool:
    """Countries announce things too, but they are not who is asked for; nor are the days of the week."""
    return " " not in name and (bool(territories(name, language)) or name.lower() in cldr.weekdays(language))


def _in_full(text: str, name: str, language: str) -> str:
    """The first, fullest mention of a person later called by the last name only."""
    last = name.split()[-1]
    if len(name.split()) > 1:
        return name
    # a family name may come first (Xi Jinping) or last (Heraldo Munoz)
    pattern = rf"(?:{_NAME}\s)?{re.escape(last)}(?:\s[A-ZÀ-ÖØ-Þ][\w-]+)?(?!\w)"
    for match in re.finditer(pattern, text):
        words = _person(match.group().split(), language)
        if len(words) > 1:
            return " ".join(words)
    return name


def _inside_quote(text: str, start: int) -> bool:
    """Whether a typographic quote opened before `start` in the same paragraph is still open."""
    paragraph = text[text.rfind("\n", 0, start) + 1 : start]
    return (
        paragraph.count("“") > paragraph.count("”")
        or paragraph.count("„") > paragraph.count("“")
        or paragraph.count('"') % 2 == 1
    )
