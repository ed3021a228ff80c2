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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from index.language import detect
from index.languages import ArticleWords, cldr, codes, normalise, pack

FIELDS = ("title", "publisher", "author", "published", "language", "genre")
_LABELS = (*FIELDS, "section")
_SHORT = 300  # characters of a line that may be in another language than its article


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
            known = normalise(text)
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
    """What fields are called in every language: a table's head is in no article's."""
    articles = [pack(code).article for code in codes()]
    return {alias: name for its in articles for name in _LABELS for alias in getattr(its, name).listed} | {
        name: name for name in _LABELS
    }


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
    for kind in ("opinion", "report"):
        if any(word in getattr(pack(code).article, kind) for code in codes() for word in words):
            return kind
    return None


# --- dates -----------------------------------------------------------------------------------------------

_YEAR = r"(?:1[6-9]|20)\d\d"
_ISO = re.compile(rf"({_YEAR})(?:[-/.](\d\d?)(?:[-/.](\d\d?))?)?(?!\d)")
_NUMERIC = re.compile(rf"(\d\d?)([./-])(\d\d?)\2({_YEAR})(?!\d)")
_MONTH = r"[^\W\d_]{3,12}\.?"
_SMALL = r"(?:[^\W\d_]{2,3}\s+)?"  # "of", "de", "den"
_WORDED = (
    rf"(?:\d\d?(?:[.º]|:?[^\W\d_]{{1,2}})?,?\s+{_SMALL}{_MONTH},?\s+{_SMALL}{_YEAR}"
    rf"|{_MONTH}\s+\d\d?(?:[^\W\d_]{{2}})?,?\s+{_YEAR})"
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
    if match := re.search(rf"{_MONTH}\s+{_SMALL}{_YEAR}", text):
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
    rf"\s*(?:(?P<key>[^\W\d_]+)[ \t]*:?[ \t]*)?(?P<date>{_YEAR}-\d\d-\d\d)[ \t]+(?=\S)"
)
_NAME = (
    r"[A-ZÀ-ÞŁŚŽ][\w'’-]*\.?"
    r"(?: (?:(?:von|van|de|der|den|da|di|la|le|af|bin|al) )*[A-ZÀ-ÞŁŚŽ][\w'’-]*\.?){1,3}"
)
_MARKED_OPINION = re.compile(r"(?P<mark>[^\W\d_]+(?:-[^\W\d_]+)?)[ \t]*(?:$|[:|–—]\s|- )")
_PROPER = r"(?:[A-ZÀ-ÞŁŚŽ][\w'’&-]*|[A-Z.]+)(?: (?:of the |of |de |& )?[A-ZÀ-ÞŁŚŽ][\w'’&-]*)*"


@dataclass(frozen=True, slots=True)
class _Forms:
    """What lines about the article look like in one language."""

    byline: re.Pattern[str]
    published: re.Pattern[str]
    own_views: re.Pattern[str]
    publisher: re.Pattern[str]
    today: re.Pattern[str]
    so_far: re.Pattern[str]


@functools.cache
def _forms(language: str) -> _Forms:
    known = pack(language)
    its, dates, both = known.article, known.dates, known.question.both.either
    return _Forms(
        byline=re.compile(
            rf"(?:{its.by.either})[ \t]+(?P<author>{_NAME}(?:(?:,| (?:{both}))+ {_NAME})*)(?:[ \t]*[,|–—/-].{{0,60}})?$"
        ),
        published=re.compile(rf"(?<!\w)(?:{its.published_on.either})[^\d\n]{{0,24}}?(?P<date>{_FULL})", re.I),
        own_views=re.compile(
            rf"(?<!\w)(?:{its.views.either})[^.\n]{{0,120}}?(?<!\w)(?:{its.not_shared.either})", re.I
        ),
        # whose views they are not, where it is named rather than described ("this newspaper")
        publisher=re.compile(
            rf"[^.\n]{{0,60}}?(?<!\w)(?:(?:{its.whose.either})\s*(?P<name>{_PROPER})"
            rf"|(?P<owner>{_PROPER}?)(?:{known.spelling.genitive.either})\s+[a-zà-ÿ])"
        ),
        today=re.compile(
            rf"(?<!\w)(?:{dates.today.either}),?\s+\(?(?:[^\W\d_]+,?\s+){{0,2}}(?P<date>{_FULL})", re.I
        ),
        so_far=re.compile(rf"(?<!\w)(?:{dates.so_far.either}),?\s*\(?(?P<year>{_YEAR})\b", re.I),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that may be about the article. languages: the article's, and that which a short line looks like."""

    text: str
    languages: tuple[str, ...]

    @classmethod
    def of(cls, text: str, language: str) -> _Line:
        own = detect(text) if len(text) < _SHORT else language
        return cls(text, (language,) if own == language else (language, own))

    def packs(self) -> Iterator[tuple[ArticleWords, _Forms]]:
        return ((pack(code).article, _forms(code)) for code in self.languages)


def said_by_text(text: str, start: int = 0, language: str | None = None) -> Said:
    """What the first and last lines of `text[start:]` say. Offsets in the result count in `text`. language: the
    article's, where it is known."""
    language = language or detect(text[start:])
    fields, body = _header(text, start)
    leading = _LEADING_DATE.match(text, body)
    if leading and (not leading["key"] or _field_of(leading["key"]) == "published"):
        _set_date(fields, leading["date"])
        body = leading.end()
    lines = [line.strip() for line in text[body:].splitlines()]
    kept = [line for line in lines if line]
    # none is looked at twice, however short the text
    few = {line: _Line.of(line, language) for line in (*kept[:6], *kept[-6:])}
    head, tail = [few[line] for line in kept[:6]], [few[line] for line in kept[-6:]]
    if title := _title(lines, few):
        fields.setdefault("title", title)
    _read_head(head, fields)
    _read_tail(tail, fields)
    if _is_opinion(head, tail):
        fields["genre"] = "opinion"
    if publisher := _disclaimed(tail):
        fields.setdefault("publisher", publisher)
    return Said(fields, body, None if "published" in fields else _inferred(text[body:], kept, language))


def _read_head(head: list[_Line], fields: dict[str, str]) -> None:
    for number, line in enumerate(head):
        if number and len(head[number - 1].text) > 160:
            break  # the article proper has begun
        if author := _byline(line):
            fields.setdefault("author", author)
        published = _published(line)
        if published and (len(line.text) < 160 or published.start() == 0):
            _set_date(fields, published["date"])
        elif len(line.text) < 48 and re.fullmatch(
            rf"(?:[^\W\d_]+,? {_SMALL})?{_FULL}(?:[ ,|]+(?:kl\.? ?)?\d\d?[.:]\d\d.{{0,12}})?", line.text
        ):
            _set_date(fields, line.text)
        if date := _head_date(line):
            fields.setdefault("published", date)
        if publisher := _masthead(line):
            fields.setdefault("publisher", publisher)
        if publisher := _dateline(line.text):
            fields.setdefault("publisher", publisher)
            fields.setdefault("genre", "report")
            if match := re.search(_FULL, line.text.partition("(")[0]):
                _set_date(fields, match[0])


_AFTER_DATE = re.compile(r"\s*(?:$|[.,;:|(–—-]|[A-ZÀ-ÞŁŚŽ])")
_PARTS = re.compile(r"\s*[|,()–—]\s*|\.(?:\s|$)|\s-\s|[*_]+")


def _head_date(line: _Line) -> str | None:
    """The date that a line about the article gives, alone or behind a place, a newspaper, an author: "PORT ANSELL, Tuesday
    16 May 2023 (Baltwire)", "Le Courrier des Lances — samedi 15 avril 2023", "By Karin Ek, North Post, 12 May 2023"."""
    match = re.search(_FULL, line.text[:160])
    if not match or not _AFTER_DATE.match(line.text, match.end()):
        return None
    before = line.text[: match.start()].rstrip(" (")
    words = before.split()
    if words and words[-1].lower() in ("den", "le", "the"):
        words.pop()
    if words and any(
        words[-1].lower().startswith(day) for code in line.languages for day in cldr.weekdays(code)
    ):
        words.pop()
    told = " ".join(words)
    # no sentence comes before it, and it stands apart: behind a mark, behind capitals alone, or at the line's end
    if len(told) > 90 or told.endswith(":") or not all(_capital(word) for word in words):
        return None
    apart = not told or told[-1] in ",|–—.-" or told.isupper() or (match.end() == len(line.text) < 60)
    return parse_date(match[0]) if apart else None


def _capital(word: str) -> bool:
    bare = re.sub(r"^(?:[dl]['’]|\W)+", "", word)
    return len(bare) <= 3 or bare[0].isupper()  # "of the", "de la"


def _masthead(line: _Line) -> str | None:
    """The newspaper that a line about the article names: capitalised words of which one is a newspaper's."""
    dated = re.search(_FULL, line.text[:160])
    if len(line.text) > 110 and not (dated and _head_date(line)):
        return None
    shown = line.text if len(line.text) <= 110 else line.text[: dated.end() + 45] if dated else ""
    for part in _PARTS.split(shown.strip("# ")):
        words = part.split()
        named = 0 < len(words) <= 6 and all(_capital(word) for word in words) and _newspaper(part, line)
        if named and not re.search(r"\d", part):
            return part
    return None


def _read_tail(tail: list[_Line], fields: dict[str, str]) -> None:
    for line in tail:
        if (published := _published(line)) and published.start() == 0:
            _set_date(fields, published["date"])
        if re.fullmatch(rf"\(?/?(?:{_AGENCIES})\)?", line.text):
            fields.setdefault("publisher", line.text.strip("()/"))
            fields.setdefault("genre", "report")
        if any(words.credits.beginning.match(line.text) for words, _ in line.packs()):
            fields.setdefault("genre", "report")


def _byline(line: _Line) -> str | None:
    found = (forms.byline.match(line.text) for _, forms in line.packs())
    written = next((" ".join(match["author"].split()) for match in found if match), None)
    # "By Rory Candlish, The Ansell Gazette": the newspaper is no author
    people = [one for one in written.split(", ") if not _newspaper(one, line)] if written else []
    return ", ".join(people) or None


def _newspaper(name: str, line: _Line) -> bool:
    return any(its.outlets.within(name) for its, _ in line.packs())


def _published(line: _Line) -> re.Match[str] | None:
    return next((match for _, forms in line.packs() if (match := forms.published.search(line.text))), None)


def is_notice(line: str, language: str) -> bool:
    """Whether a line is about the writing, not the matter: credits, whose views they are."""
    return bool(
        pack(language).article.credits.beginning.match(line) or _forms(language).own_views.search(line)
    )


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


def _title(lines: list[str], few: Mapping[str, _Line]) -> str | None:
    first = next((number for number, line in enumerate(lines) if line), None)
    if first is None or not any(lines[first + 1 :]):
        return None
    line = lines[first]
    over = few.get(line) and (_masthead(few[line]) or _is_mark(few[line]))
    if over and len(line) < 110 and any(lines[first + 2 :]):
        return _title(lines[first + 1 :], few)  # the newspaper's name, or "Opinion", stands over the headline
    following = lines[first + 1]
    if following in few and (
        _masthead(few[following]) or _head_date(few[following]) or _byline(few[following])
    ):
        following = ""
    if heading := re.fullmatch(r"#{1,2}\s+(.+?)\s*#*", line):
        return heading[1]
    if re.fullmatch(r"=+|-{3,}", following):
        return line
    if following or len(line) > 140 or line.endswith((".", ":", ";", ",", "!", "…", ".”", '."')):
        return None
    if line not in few:
        return None
    if _dateline(line) or _head_date(few[line]) or _byline(few[line]) or _found_date(line) == line:
        return None
    if (published := _published(few[line])) and published.start() == 0:
        return None
    return line if any(character.isalpha() for character in line) else None


def _is_mark(line: _Line) -> bool:
    return any(line.text.strip("#*_ ") in its.opinion for its, _ in line.packs())


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


def _is_opinion(head: list[_Line], tail: list[_Line]) -> bool:
    for line in tail:
        for words, forms in line.packs():
            if words.author_is.beginning.match(line.text) or forms.own_views.search(line.text):
                return True
    for line in head[:3]:
        mark = _MARKED_OPINION.match(line.text.lstrip("#*_ ")) if len(line.text) < 160 else None
        if mark and any(mark["mark"] in words.opinion for words, _ in line.packs()):
            return True
    return False


def _disclaimed(tail: list[_Line]) -> str | None:
    """The publisher whose views they are said not to be."""
    for line in tail:
        for _, forms in line.packs():
            views = forms.own_views.search(line.text)
            if views and (match := forms.publisher.match(line.text, views.end())):
                return (match["name"] or match["owner"]).rstrip(".'’")
    return None


# --- inference -------------------------------------------------------------------------------------------

_WEEKDAY_DATE = re.compile(rf"\b(?P<day>[^\W\d_][\w-]{{4,13}}),?\s+\(?{_SMALL}(?P<date>{_FULL})")
_COPYRIGHT = re.compile(rf"(?:©|\(c\)|copyright)\s*(?:©\s*|\(c\)\s*)?(?P<year>{_YEAR})\b(?!\s*[-–])", re.I)


def _inferred(body: str, lines: list[str], language: str) -> str | None:
    """See the module's docstring for the rule."""
    today = _forms(language).today.search(body)
    named_day = None if today or not lines else _WEEKDAY_DATE.search(lines[0])
    written = today or named_day
    date = parse_date(written["date"]) if written else None
    if named_day and not _falls_on(date, named_day["day"], language):
        date = None
    if date and len(date) == 10:
        # written within the week: late in a month, perhaps in the next
        month, day = int(date[5:7]), int(date[8:])
        inferred = date[:7] if today or day <= 24 else date[:4] if month < 12 else None
    elif (match := _forms(language).so_far.search(body)) or (
        lines and (match := _COPYRIGHT.search(lines[-1]))
    ):
        inferred = match["year"]
    else:
        return None
    years = re.findall(rf"(?<![\d.,$€£]){_YEAR}(?![\d%])", body)
    return inferred if inferred and all(year <= inferred[:4] for year in years) else None


def _falls_on(date: str | None, day: str, language: str) -> bool:
    names = cldr.weekdays(language)
    if not date or len(date) < 10 or not names:
        return False
    return day.lower().startswith(names[datetime.date.fromisoformat(date).weekday()])
