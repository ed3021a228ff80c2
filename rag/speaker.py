"""Who says a sentence: the person named beside a verb of saying, in the sentence or, for a bare quote or "he said", just
before it. Only the article's own words for the person are used."""

from __future__ import annotations

import re
from functools import lru_cache

from index.figures import moments, territories
from index.split import sentences

_VERBS = (
    r"said|says|told|added|argued?|argues|announced|promised|declared|stressed|warned|wrote|writes|noted|stated|insisted|emphasi[sz]ed"
    r"|sade|säger|sa|uppger|uppgav|berättar|berättade|meddelade|meddelar|uttalade|lovade|menar|menade|hävdar|hävdade|skriver|skrev"
    r"|betonade|betonar|varnade|varnar|tillkännagav|påpekar|förklarade"
    r"|sagte|sagt|erklärte|erklärt|betonte|warnte|warnt|kündigte|schreibt|schrieb|meinte|meint|forderte|fordert"
    r"|dijo|dice|afirmó|afirma|declaró|declara|anunció|anuncia|aseguró|asegura|señaló|señala|explicó|explica|advirtió|advierte|sostuvo|sostiene"
    r"|indicó|indica|escribió|escribe|agregó|añadió"
    r"|dit|déclaré|déclare|affirmé|affirme|expliqué|explique|annoncé|averti|ajouté|estime"
)
_PARTICLE = r"(?:(?:de|da|del|della|di|van|von|der|den|la|le|al|el|bin|af|zu|dos|das)\s)?"
_NAME = rf"[A-ZÅÄÖÉÜÁÍÓÚÑÇØÆ][\w’'.-]*(?:\s{_PARTICLE}[A-ZÅÄÖÉÜÁÍÓÚÑÇØÆ][\w’'.-]*){{0,6}}"
_FOLLOWS = re.compile(
    rf"(?:^|[\s,“”\"’»«–-])(?:{_VERBS})\s+(?:the\s|der\s|die\s|el\s|la\s|le\s)?"
    r"(?:(?!that\b|att\b|dass\b|que\b|on\b|in\b|på\b|i\b|at\b|vid\b|ett?\b|an?\b|to\b|its?\b|am\b|im\b|en\b)[a-zåäöéüñ-]+\s){0,4}?"
    rf"(?P<name>{_NAME})"
)
_PRECEDES = re.compile(
    rf"(?P<name>{_NAME})(?:,[^,.]{{2,90}},|,)?\s(?:(?:has|had|have|har|hade|hat|ha|a)\s)?(?:{_VERBS})\b"
)
_ACCORDING = re.compile(
    rf"\b(?:[Aa]ccording to|[Ee]nligt|[Ll]aut|[Nn]ach Angaben von|[Ss]egún|[Ss]elon|Per)\s(?:the\s|el\s|la\s|le\s)?(?:[a-zåäöéüñ-]+\s){{0,3}}?(?P<name>{_NAME})"
)
_PRONOUN = re.compile(r"\b(?:he|she|they|han|hon|de|er|sie|él|ella|il|elle)\b", re.I)
_QUOTED = re.compile(r"^\W*[\"“„»«”]|^\s*[–—-]\s")
_DAYS = re.compile(
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|washington|beijing|peking|pekín|moscow|moskva|brussels|bryssel",
    re.I,
)
_NOT_PEOPLE = {"In", "The", "It", "But", "This", "Det", "Den", "I", "En", "El", "La", "Der", "Die", "Das", "Es", "He", "She", "They",
               "Han", "Hon", "De", "Er", "Sie", "We", "Vi", "Wir", "A", "An", "And", "Och", "Men", "That", "There", "These"}  # fmt: skip


@lru_cache(maxsize=5_000)
def speaker(text: str, start: int, end: int, language: str) -> str | None:
    """The speaker of text[start:end], as the article names them at first in full, or None when nobody says it."""
    sentence = text[start:end]
    if name := _named(sentence):
        return _in_full(text, name)
    says = re.search(rf"\b(?:{_VERBS})\b", sentence)
    quoted = bool(_QUOTED.search(sentence)) or _inside_quote(text, start)
    opens = re.match(r"\W*(?:He|She|Han|Hon|Er|Él|Ella|Il|Elle)\b", sentence)
    if not (quoted or opens or (says and _PRONOUN.search(sentence))):
        return None
    around = _sentences(text, language)
    before = [s for s in reversed(around) if s[1] <= start][:4]
    after = [s for s in around if s[0] >= end][:1]
    # a quote that is still open at its sentence's end goes on to its speaker; else the speaker came before
    for a, b in after + before if quoted and _inside_quote(text, end) else before + (after if quoted else []):
        if name := _named(text[a:b]):
            return _in_full(text, name)
    return None


@lru_cache(maxsize=500)
def _sentences(text: str, language: str) -> tuple[tuple[int, int], ...]:
    return tuple(sentences(text, language))


def _named(sentence: str) -> str | None:
    for pattern in (_PRECEDES, _FOLLOWS, _ACCORDING):
        for match in pattern.finditer(sentence):
            words = match["name"].split()
            while words and words[0] in _NOT_PEOPLE:
                words = words[1:]
            name = re.sub(r"[’']s?$", "", " ".join(words)).rstrip(".,-")
            words = name.split()
            name = (
                " ".join(words[1:])
                if len(words) > 1 and words[0].endswith("s") and territories(words[0], "sv")
                else name
            )
            if len(name) > 1 and not moments(name) and not _is_place(name):
                return name
    return None


def _is_place(name: str) -> bool:
    """Countries announce things too, but they are not who is asked for; nor are the days of the week."""
    return (len(name.split()) == 1 and bool(territories(name) or territories(name, "sv"))) or bool(
        _DAYS.fullmatch(name)
    )


def _in_full(text: str, name: str) -> str:
    """The first, fullest mention of a person later called by the last name only."""
    last = name.split()[-1]
    if len(name.split()) > 1:
        return name
    # a family name may come first (Xi Jinping) or last (Heraldo Munoz)
    pattern = rf"(?:{_NAME}\s)?{re.escape(last)}(?:\s[A-ZÅÄÖÉÜÁÍÓÚÑ][\w-]+)?(?!\w)"
    for match in re.finditer(pattern, text):
        words = match.group().split()
        while words and words[0] in _NOT_PEOPLE:
            words = words[1:]
        if len(words) > 1:
            return re.sub(r"[’']s?$", "", " ".join(words))
    return name


def _inside_quote(text: str, start: int) -> bool:
    """Whether a typographic quote opened before `start` in the same paragraph is still open."""
    paragraph = text[text.rfind("\n", 0, start) + 1 : start]
    return (
        paragraph.count("“") > paragraph.count("”")
        or paragraph.count("„") > paragraph.count("“")
        or paragraph.count('"') % 2 == 1
    )
