"""What an article says about itself: title, publisher, author, date, language, genre, and how the date is
known.

Two sources: fields (front matter, a table, a page's own metadata), brought to one form by `fields_from`;
and the text, read by `said_by_text` from its first and last lines only. Unknown is better than wrong: a
rule here fires on a form of words that news writing keeps for this purpose, never on likelihood.

A date that nothing states is inferred from the text only where the writing dates itself: a full date bound
to the day of writing ("today, 26 January 2023"; "on Monday, 22 January 2018" in the first paragraph, where
that day was a Monday) gives the month, "so far in 2018" and a copyright line give the year; and only if the
text names no later year. A span of data ("the first 11 months of 2025") is no such sign: it is written
about long after.
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from index import language

FIELDS = ("title", "publisher", "author", "published", "language", "genre")

_ALIASES = {
    "title": "title headline rubrik titel titre titulo título titolo otsikko tittel überschrift",
    "publisher": "publisher source outlet publication newspaper site sitename utgivare källa tidning "
    "herausgeber quelle zeitung editor_es medio fuente éditeur journal utgiver kilde julkaisija",
    "author": "author authors by byline writer creator författare skribent autor autorin autores auteur "
    "auteurs forfatter kirjoittaja autore",
    "published": "published date published_at publish_date publishdate date_published datepublished pubdate "
    "publication_date published_time created datum publicerad publiceringsdatum veröffentlicht fecha "
    "publicado publié dato udgivet publisert data julkaistu gepubliceerd pubblicato",
    "language": "language lang språk sprache idioma langue sprog kieli taal lingua",
    "genre": "genre type kind typ",
    "section": "section category categories rubric sektion avdelning ressort sección rubrique",
}
_OPINION = (
    " opinion opinions op-ed oped editorial editorials comment commentary column columnist columnists "
    "viewpoint views debatt debattartikel ledare krönika krönikor insändare kommentar "
    "åsikt gastkommentar gastbeitrag leitartikel meinung kolumne opinión editoriales tribuna columna tribune "
    "chronique éditorial éditorials opinione commento opinie mening meninger leder kronik mielipide "
    "pääkirjoitus kolumni opinião "
)
_REPORT = (
    " report news newsarticle reportagenewsarticle nyhet nyheter nyhetsartikel nachricht nachrichten bericht "
    "noticia noticias actualité actualités notizie nieuws nyheder uutiset "
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a text says about itself. `fields`: as FIELDS, known ones only; `body`: where the article proper
    starts.
    """

    fields: dict[str, str] = field(default_factory=dict)
    body: int = 0
    published_inferred: str | None = None


def fields_from(raw: Mapping[Any, Any]) -> dict[str, str]:
    """Any mapping of metadata, its keys in any of several languages → the FIELDS it holds, as clean strings.

    A date that is not understood, a language that is no code and a genre of another kind are left out.
    """
    fields: dict[str, str] = {}
    for key, value in raw.items():
        name = _field_of(str(key))
        text = _plain(value)
        if not name or not text:
            continue
        known: str | None = text
        if name == "published":
            known = parse_date(text)
        elif name == "publisher" and "://" in text:
            known = None  # an address is where it was found
        elif name == "language":
            known = language.normalise(text)
        elif name in ("genre", "section"):
            known = _genre(text) if name == "genre" else ("opinion" if _genre(text) == "opinion" else None)
            name = "genre"
        if known:
            fields.setdefault(name, known)
    return fields


def is_field(key: str) -> bool:
    return _field_of(key) is not None


def _field_of(key: str) -> str | None:
    return _names().get(re.sub(r"[\s-]+", "_", key.strip().lower().rpartition(":")[2]))


@functools.cache
def _names() -> dict[str, str]:
    return {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}


def _plain(value: Any) -> str:
    """One line of text out of what a metadata field may hold: text, number, date, a name, or a list of
    these.
    """
    if isinstance(value, Mapping):
        value = value.get("name", "")
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, (_plain(one) for one in value if not isinstance(one, list | tuple))))
    if isinstance(value, datetime.date):
        return value.isoformat()
    if value is None or isinstance(value, bool):
        return ""
    return " ".join(str(value).split())


def _genre(text: str) -> str | None:
    words = re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)?", text.lower())
    if any(f" {word} " in _OPINION for word in words):
        return "opinion"
    return "report" if any(f" {word} " in _REPORT for word in words) else None


# --- dates -----------------------------------------------------------------------------------------------

_YEAR = r"(?:1[6-9]|20)\d\d"
_ISO = re.compile(rf"({_YEAR})(?:[-/.](\d\d?)(?:[-/.](\d\d?))?)?(?!\d)")
_NUMERIC = re.compile(rf"(\d\d?)([./-])(\d\d?)\2({_YEAR})(?!\d)")
_MONTH = r"[^\W\d_]{3,12}\.?"
_WORDED = (
    rf"(?:\d\d?(?:\.|st|nd|rd|th|er|º|:e)?,?\s+(?:de\s+|of\s+)?{_MONTH},?\s+(?:de\s+|del\s+)?{_YEAR}"
    rf"|{_MONTH}\s+\d\d?(?:st|nd|rd|th)?,?\s+{_YEAR})"
)
_FULL = rf"(?:{_YEAR}-\d\d-\d\d|\d\d?[./]\d\d?[./]{_YEAR}|{_WORDED})"


def parse_date(text: str) -> str | None:
    """A date in any language → `YYYY-MM-DD`, `YYYY-MM` or `YYYY`; None if it is not one.

    Only what is written counts: no date is completed from today, no two-digit year is guessed, and where
    day and month cannot be told apart (`03/04/2018`) the year alone is known. A time of day is dropped.
    """
    text = " ".join(text.split())
    if match := _ISO.match(text):
        return _iso(*match.groups())
    if re.match(r"\d{8}(?!\d)", text):
        return _iso(text[:4], text[4:6], text[6:8])
    if match := _NUMERIC.match(text):
        first, mark, second, year = match.groups()
        if mark == "." or int(first) > 12 or first == second:
            return _iso(year, second, first)
        return _iso(year, first, second) if int(second) > 12 else year
    if match := re.search(_WORDED, text):
        return _worded(match[0], "day")
    if match := re.search(rf"{_MONTH}\s+(?:de\s+|of\s+)?{_YEAR}", text):
        return _worded(match[0], "month")
    return None


def _iso(year: str, month: str | None, day: str | None) -> str | None:
    try:
        date = datetime.date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return date.isoformat()[: 10 if day else 7 if month else 4]


@functools.lru_cache(maxsize=4096)
def _worded(text: str, precision: str) -> str | None:
    """Through dateparser, held to what is written: absolute dates whose parts are all there."""
    found = _date_parser().get_date_data(text.replace(":e", ""))
    if found.date_obj is None or found.period != precision:
        return None
    return str(found.date_obj.date().isoformat()[: 10 if precision == "day" else 7])


@functools.cache
def _date_parser() -> Any:
    from dateparser.date import DateDataParser

    return DateDataParser(
        settings={"PARSERS": ["absolute-time"], "REQUIRE_PARTS": ["month", "year"], "DATE_ORDER": "DMY"}
    )


# --- what the text says ----------------------------------------------------------------------------------

_AGENCIES = (
    "Reuters|AP|AFP|UPI|PTI|ANI|IANS|EFE|ANSA|dpa|DPA|APA|TT|NTB|Ritzau|STT|FNB|ANP|Belga|Lusa|PAP|Xinhua|TASS|"
    "Interfax|Kyodo|Yonhap|Bloomberg|CNN|BBC|TT-Reuters|TT-AFP|dpa-AFX|Dow Jones|China Daily|Anadolu|AA"
)
# such as SANTIAGO (Reuters) - or BEIJING, Jan 22 (Xinhua) -- or Berlin (dpa) –
_DATELINE = re.compile(
    r"(?P<place>[^\n()]{0,70}?)[ \t]*\((?P<publisher>[^()\n]{2,40})\)[ \t]*(?P<dash>[-–—]+|:)?[ \t]*(?=\S|$)"
)
_PLACE = re.compile(r"[A-ZÀ-ÞŁŚŽ][A-ZÀ-ÞŁŚŽ.' -]+(?:[/,].*)?$")
_LABEL = re.compile(r"(?P<key>[^\W\d_][\w -]{1,24}?)[ \t]*:[ \t]*(?P<value>\S[^\n]*)$")
_LEADING_DATE = re.compile(
    rf"\s*(?:date|datum|dato|fecha|data)?[ \t]*:?[ \t]*(?P<date>{_YEAR}-\d\d-\d\d)[ \t]+(?=\S)", re.I
)
_PUBLISHED = re.compile(
    r"(?:first |först )?(?:published|posted|publicera[dt]\w*|publicerades|veröffentlicht|publicado"
    rf"|publicada|publiée?|udgivet|publisert|julkaistu|gepubliceerd|pubblicato)\b[^\d\n]{{0,24}}?(?P<date>{_FULL})",
    re.I,
)
_NAME = (
    r"[A-ZÀ-ÞŁŚŽ][\w'’-]*\.?"
    r"(?: (?:(?:von|van|de|der|den|da|di|la|le|af|bin|al) )*[A-ZÀ-ÞŁŚŽ][\w'’-]*\.?){1,3}"
)
_BYLINE = re.compile(
    r"(?:By|BY|Av|AV|Von|VON|Por|POR|Par|PAR|Af|Door|Di|Text:|Text av|Written by|Skriven av)[ \t]+"
    rf"(?P<author>{_NAME}(?:(?:, | and | och | und | y | et | og )+{_NAME})*)(?:[ \t]*[,|–—/-].{{0,60}})?$"
)
_REPORTING = re.compile(r"\(?(?:(?:additional )?(?:reporting|writing|editing) by|mit material von)\b", re.I)
_MARKED_OPINION = re.compile(r"(?P<mark>[^\W\d_]+(?:-[^\W\d_]+)?)[ \t]*(?:$|[:|–—]\s|- )")
_AUTHOR_IS = re.compile(
    r"[*_(\[]*(?:the (?:author|writer|columnist)s? (?:is|are|was|were)\b"
    r"|(?:författaren|skribenten|debattören|författarna|skribenterna|debattörerna) är\b"
    r"|(?:der autor|die autorin) ist\b|die autoren sind\b"
    r"|(?:el autor|la autora) es\b|l['’]auteure? est\b|(?:forfatteren|skribenten) er\b|kirjoittaja on\b"
    r"|o autor é\b|a autora é\b|l['’]autore è\b|l['’]autrice è\b|de auteur is\b)",
    re.I,
)
_OWN_VIEWS = re.compile(
    r"\b(?:views|opinions)\b[^.\n]{0,120}\b(?:do not|don['’]t|does not|not necessarily"
    r"|are (?:solely |entirely )?(?:his|her|their|those of the (?:author|writer)|the author['’]?s))\b"
    r"|\b(?:åsikter|synpunkter|uppfattningar)\w*\b[^.\n]{0,120}"
    r"\b(?:inte nödvändigtvis|skribentens|författarens|egna)\b"
    r"|\bskribent\w* (?:svarar|står) (?:själv )?för\b"
    r"|\b(?:meinung|ansicht|auffassung)\w*\b[^.\n]{0,120}"
    r"\bnicht (?:notwendigerweise|unbedingt|zwingend|zwangsläufig)\b"
    r"|\bopiniones\b[^.\n]{0,120}\bno (?:reflejan|representan|coinciden)\b"
    r"|\b(?:opinions|points de vue|propos)\b[^.\n]{0,120}\bne (?:reflètent|représentent|engagent)\b",
    re.I,
)
# whose views they are not: the publisher, where it is named rather than described ("this newspaper")
_NOT_OF = re.compile(
    r"(?:reflect|represent|mirror)\b[^.\n]{0,60}? of (?:the )?(?P<en>[^\n]+)"
    r"|nödvändigtvis\b[^.\n]{0,60}? (?:hos|av|från|för) (?P<sv>[^\n]+)"
    r"|nödvändigtvis (?P<sv_genitive>[A-ZÅÄÖ][^\n]+?)s (?:åsikt|uppfattning|syn|ståndpunkt|linje)"
    r"|(?:notwendigerweise|unbedingt|zwingend|zwangsläufig)\b[^.\n]{0,60}? von (?P<de>[^\n]+)"
    r"|(?:reflejan|representan|coinciden)\b[^.\n]{0,60}? de (?:la |el )?(?P<es>[^\n]+)"
    r"|(?:reflètent|représentent|engagent)\b[^.\n]{0,60}? (?:de |du |d['’])(?P<fr>[^\n]+)"
)
_PROPER = re.compile(r"(?:[A-ZÀ-ÞŁŚŽ][\w'’&-]*|[A-Z.]+)(?: (?:of the |of |de |& )?[A-ZÀ-ÞŁŚŽ][\w'’&-]*)*")


def said_by_text(text: str, start: int = 0) -> Said:
    """What the first and last lines of `text[start:]` say. Offsets in the result count in `text`."""
    fields, body = _header(text, start)
    if (match := _LEADING_DATE.match(text, body)) and (date := parse_date(match["date"])):
        fields.setdefault("published", date)
        body = match.end()
    lines = [line.strip() for line in text[body:].splitlines()]
    kept = [line for line in lines if line]
    head, tail = kept[:6], kept[-6:]

    if title := _title(lines):
        fields.setdefault("title", title)
    for number, line in enumerate(head):
        if number and len(head[number - 1]) > 160:
            break  # the article proper has begun
        if match := _BYLINE.match(line):
            fields.setdefault("author", " ".join(match["author"].split()))
        if (match := _PUBLISHED.search(line)) and (len(line) < 160 or match.start() == 0):
            _set_date(fields, match["date"])
        elif len(line) < 48 and re.fullmatch(
            rf"(?:[^\W\d_]+,? (?:den |the )?)?{_FULL}(?:[ ,|]+(?:kl\.? ?)?\d\d?[.:]\d\d.{{0,12}})?", line
        ):
            _set_date(fields, line)
        if publisher := _dateline(line):
            fields.setdefault("publisher", publisher)
            fields.setdefault("genre", "report")
            if match := re.search(_FULL, line.partition("(")[0]):
                _set_date(fields, match[0])
    for line in tail:
        if match := _PUBLISHED.match(line):
            _set_date(fields, match["date"])
        if re.fullmatch(rf"\(?/?(?:{_AGENCIES})\)?", line):
            fields.setdefault("publisher", line.strip("()/"))
            fields.setdefault("genre", "report")
        if _REPORTING.match(line):
            fields.setdefault("genre", "report")
    if _is_opinion(head, tail):
        fields["genre"] = "opinion"
    if publisher := _disclaimed(tail):
        fields.setdefault("publisher", publisher)
    return Said(fields, body, None if "published" in fields else _inferred(text[body:], kept))


def is_personal_name(text: str) -> bool:
    """Two to four capitalised words, none of them a program's or an account's."""
    return re.fullmatch(_NAME, text) is not None and not re.search(
        r"\b(?:Microsoft|Office|User|Admin\w*)\b", text
    )


def _set_date(fields: dict[str, str], written: str) -> None:
    if date := parse_date(_found_date(written)):
        fields.setdefault("published", date)


def _found_date(line: str) -> str:
    match = re.search(_FULL, line)
    return match[0] if match else ""


def _header(text: str, start: int) -> tuple[dict[str, str], int]:
    """Lines `Title: ...`, `Date: ...` that open a text, and where they end."""
    raw: dict[str, str] = {}
    position = start
    for line in text[start:].splitlines(keepends=True)[:12]:
        match = _LABEL.match(line.strip())
        if match and is_field(match["key"]):
            raw.setdefault(match["key"], match["value"])
            position += len(line)
        elif line.strip() or raw:
            break
        else:
            position += len(line)
    fields = fields_from(raw)
    return (fields, position) if fields else ({}, start)


def _title(lines: list[str]) -> str | None:
    first = next((number for number, line in enumerate(lines) if line), None)
    if first is None or not any(lines[first + 1 :]):
        return None
    line = lines[first]
    following = lines[first + 1]
    if heading := re.fullmatch(r"#{1,2}\s+(.+?)\s*#*", line):
        return heading[1]
    if re.fullmatch(r"=+|-{3,}", following):
        return line
    if following or len(line) > 140 or line.endswith((".", ":", ";", ",", "!", "…", ".”", '."')):
        return None
    if _dateline(line) or _BYLINE.match(line) or _PUBLISHED.match(line) or _found_date(line) == line:
        return None
    return line if any(character.isalpha() for character in line) else None


def _dateline(line: str) -> str | None:
    match = _DATELINE.match(line)
    if not match:
        return None
    place, publisher = match["place"].strip(), match["publisher"].strip()
    known = re.fullmatch(rf"(?:{_AGENCIES})(?:/(?:{_AGENCIES}))*", publisher) is not None
    if match["dash"] and (
        (known and len(place.split()) <= 6) or (_PLACE.match(place) and publisher[0].isupper())
    ):
        return publisher
    # Swedish and Finnish agencies set no dash: "STOCKHOLM (TT)"
    return publisher if known and _PLACE.match(place) else None


def _is_opinion(head: list[str], tail: list[str]) -> bool:
    if any(_AUTHOR_IS.match(line) or _OWN_VIEWS.search(line) for line in tail):
        return True
    marks = (_MARKED_OPINION.match(line.lstrip("#*_ ")) for line in head[:3] if len(line) < 160)
    return any(mark is not None and f" {mark['mark'].lower()} " in _OPINION for mark in marks)


def _disclaimed(tail: list[str]) -> str | None:
    for line in tail:
        if not _OWN_VIEWS.search(line):
            continue
        for match in _NOT_OF.finditer(line):
            named = next(group for group in match.groups() if group)
            if proper := _PROPER.match(named):
                return proper[0].rstrip(".'’")
    return None


# --- inference -------------------------------------------------------------------------------------------

_TODAY = re.compile(
    rf"\b(?:today|i dag|idag|heute|hoy|aujourd['’]hui|vandaag|oggi|hoje|tänään)"
    r",?\s+\(?(?:[^\W\d_]+,?\s+)?(?:den\s+|the\s+|le\s+|el\s+)?"
    rf"(?P<date>{_FULL})",
    re.I,
)
_WEEKDAYS = (
    "monday måndag montag lunes lundi mandag",
    "tuesday tisdag dienstag martes mardi tirsdag",
    "wednesday onsdag mittwoch miércoles mercredi",
    "thursday torsdag donnerstag jueves jeudi",
    "friday fredag freitag viernes vendredi",
    "saturday lördag samstag sábado samedi lørdag",
    "sunday söndag sonntag domingo dimanche søndag",
)
_WEEKDAY_DATE = re.compile(
    rf"\b(?P<day>[^\W\d_]{{5,10}}),?\s+\(?(?:den\s+|the\s+|dem\s+|le\s+|el\s+)?(?P<date>{_FULL})"
)
_SO_FAR = re.compile(
    rf"\b(?:so far (?:this year,?|in|during) |hittills (?:i år,?|under|i) |this year,? |bisher im jahr )\(?"
    rf"(?P<year>{_YEAR})\b",
    re.I,
)
_COPYRIGHT = re.compile(rf"(?:©|\(c\)|copyright)\s*(?:©\s*|\(c\)\s*)?(?P<year>{_YEAR})\b(?!\s*[-–])", re.I)


def _inferred(body: str, lines: list[str]) -> str | None:
    """See the module's docstring for the rule."""
    today = _TODAY.search(body)
    named_day = None if today or not lines else _WEEKDAY_DATE.search(lines[0])
    written = today or named_day
    date = parse_date(written["date"]) if written else None
    if named_day and not _falls_on(date, named_day["day"]):
        date = None
    if date and len(date) == 10:
        # written within the week: late in a month, perhaps in the next
        month, day = int(date[5:7]), int(date[8:])
        inferred = date[:7] if today or day <= 24 else date[:4] if month < 12 else None
    elif (match := _SO_FAR.search(body)) or (lines and (match := _COPYRIGHT.search(lines[-1]))):
        inferred = match["year"]
    else:
        return None
    years = re.findall(rf"(?<![\d.,$€£]){_YEAR}(?![\d%])", body)
    return inferred if inferred and all(year <= inferred[:4] for year in years) else None


def _falls_on(date: str | None, day: str) -> bool:
    if not date or len(date) < 10:
        return False
    names = _WEEKDAYS[datetime.date.fromisoformat(date).weekday()].split()
    return any(day.lower().startswith(name) for name in names)
