"""Figures, dates and names in a text, however they are written and in whatever language.

One reading serves three rooms of use: the word index (a figure is the same term in every language), the choice of
sentences (a question asks for an amount, a date, a person) and the verifier (9.2 billion is not 1.1 billion).

What words a language has for numbers comes from num2words, for months, weekdays, countries and currencies from
CLDR (babel); only scales and fractions, which neither knows, are listed here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

Kind = Literal["amount", "year", "percent", "money", "ordinal"]


@dataclass(frozen=True, slots=True)
class Figure:
    """value: in full (9.2 billion is 9.2e9; percent and fractions of a whole in percent).

    kind: `year` for a bare four-digit year. unit: `%`, an ISO 4217 currency, a unit of UNITS, or "".
    start, end: where it stands, scale and unit included. approx: hedged ("about", "nearly").
    digits: written with digits (number words such as "two" are weaker evidence).
    """

    value: float
    kind: Kind
    unit: str
    start: int
    end: int
    approx: bool = False
    digits: bool = True
    step: float = 0.0  # what one unit of the last written digit is worth: 9.2 billion -> 1e8


@dataclass(frozen=True, slots=True)
class Moment:
    """A date as far as it is given: any of year, month, day may be None."""

    year: int | None
    month: int | None
    day: int | None
    start: int
    end: int

    def iso(self) -> str:
        parts = [f"{self.year:04d}"] if self.year else []
        if self.year and self.month:
            parts.append(f"{self.month:02d}")
            if self.day:
                parts.append(f"{self.day:02d}")
        return "-".join(parts)


# Scales. "billion" is 10^9 in English (and Brazilian "bilhão"), 10^12 elsewhere; the long-scale languages have a
# "milliard" of their own. Patterns are matched against whole lower-case words.
_SCALES: tuple[tuple[str, float], ...] = (
    (r"hundred|hundra|hundert", 1e2),
    (r"thousand|tusen|tusind|tausend|tsd|mil|mille|mila|duizend|tuhat|tuhatta|tysi[ąa]c\w*|тыс\w*|k", 1e3),
    (
        r"million\w*|miljon\w*|miljoen\w*|mill[oó]n\w*|milione?i?|milh[ãa]o|milh[õo]es|miljoon\w*|milion\w*|mio|mln|mn|mill|milj|m|миллион\w*|млн",
        1e6,
    ),
    (
        r"milliard\w*|miljard\w*|miliard\w*|mrd|mdr|mia|md|bn|bln|b|bilh[ãa]o|bilh[õo]es|миллиард\w*|млрд|mil mill?ones|mil milh[õo]es",
        1e9,
    ),
    (
        r"biljon\w*|biljoen\w*|bill[oó]n|billones|bilione?i?|biljoon\w*|trillions?|tn|trn|trilh[ãa]o|trilh[õo]es|триллион\w*|трлн",
        1e12,
    ),
    (r"billion\w*", 0.0),  # by language, see _scale
)
_SHORT_SCALE = {"en"}
_SCALE_RE = re.compile(
    r"[\s\u00a0\u202f-]{0,2}(?P<scale>" + "|".join(f"(?:{p})" for p, _ in reversed(_SCALES)) + r")(?![\w])",
    re.I,
)

_FRACTIONS: tuple[tuple[str, float], ...] = (
    (r"hal(?:f|va|v|ften)|hälften|hälfte|mitad|moitié|metà|metade|helft|halvdelen", 50.0),
    (r"thirds?|tredjedel\w*|tredjedelar|drittel\w*|tercios?|tercera parte|tiers|terz[oi]|terços?", 100 / 3),
    (r"quarters?|fjärdedel\w*|viertel\w*|cuart[oa]s?|quarts?|quart[oi]", 25.0),
    (r"fifths?|femtedel\w*|fünftel\w*|quint[oa]s?|cinquièmes?", 20.0),
    (r"tenths?|tiondel\w*|tiendedel\w*|zehntel\w*|décim[oa]s?|dixièmes?|decim[oi]", 10.0),
)
_ANY_FRACTION = re.compile("|".join(f"(?:{pattern})" for pattern, _ in _FRACTIONS), re.I)

_CURRENCY_SIGNS = {
    "us$": "USD", "nz$": "NZD", "a$": "AUD", "au$": "AUD", "c$": "CAD", "ca$": "CAD", "hk$": "HKD", "r$": "BRL",
    "s$": "SGD", "$": "USD", "€": "EUR", "£": "GBP", "¥": "CNY", "₹": "INR", "₽": "RUB", "usd": "USD", "eur": "EUR",
    "gbp": "GBP", "sek": "SEK", "nok": "NOK", "dkk": "DKK", "cny": "CNY", "rmb": "CNY", "chf": "CHF", "jpy": "JPY",
}  # fmt: skip
# The words news uses for money; CLDR's full names ("US dollars") are longer than anyone writes them.
_MONEY_WORDS = (
    (r"(?:us[- ]?|u\.s\. ?|amerikanska |us-)?d[oó]l+ar\w*|dollars?|dólares|dolarów", "USD"),
    (r"euros?|eur", "EUR"),
    (r"yuan\w*|renminbi|rmb", "CNY"),
    (r"pounds?|pund|pfund|libras?|livres?", "GBP"),
    (r"yen(?:es)?", "JPY"),
    (r"kronor|kronen|kroner|coronas?|kr|sek|crowns?", "KR"),
    (r"francs?|franken|francos?", "CHF"),
    (r"roubles?|rubl\w*|rubel", "RUB"),
    (r"rupees?|rupier?|rupias?", "INR"),
    (r"pesos?", "PESO"),
    (r"rea(?:l|is|les)", "BRL"),
)
_UNIT_WORDS = (
    (
        r"%|percent\w*|per cent|procent\w*|prozent\w*|pct|por ?ciento|pour ?cent|per ?cento|prosent|процент\w*",
        "%",
    ),
    (r"percentage points?|procentenheter|prozentpunkt\w*|puntos porcentuales|puntos", "pp"),
    (r"tonn?es?|tons?|ton|tonnen|toneladas?|tonnellate", "t"),
    (r"kilometers?|kilometres?|kilometer|kilómetros?|km|kilomètres?", "km"),
    (r"miles?|meilen|millas", "mi"),
    (r"metres?|meters?|meter|metros?|mètres?|m(?![\w])", "m"),
    (r"gigawatt\w*|gigavatios?|gw", "GW"),
    (r"megawatt\w*|megavatios?|mw", "MW"),
    (r"kilowatt\w*|kw", "kW"),
    (r"terawatt-?(?:hours?|timmar|stunden)|twh|teravatios hora", "TWh"),
    (r"gigawatt-?(?:hours?|timmar|stunden)|gwh", "GWh"),
    (r"hectares?|hektar\w*|hectáreas?|ha", "ha"),
    (r"barrels?|fat|barriles", "bbl"),
    (r"days?|dagar?|dygn|tagen?|tage|días?|jours?|giorni|dias?|dagen", "day"),
    (r"weeks?|veck(?:a|or)|wochen?|semanas?|semaines?", "week"),
    (r"months?|månad\w*|monat\w*|mes(?:es)?|mois|mesi|måneder", "month"),
    (r"years?|år|jahre?n?|años?|ans|années?|anni|anos?|jaar|års", "year"),
    (r"hours?|timm(?:e|ar)|stunden?|horas?|heures?", "hour"),
    (r"minutes?|minut(?:er|en)?|minuten|minutos?", "minute"),
)
_UNIT_RE = re.compile(
    r"[\s\u00a0\u202f-]{0,2}(?:of (?:the )?|de |av )?(?:"
    + "|".join(f"(?P<u{i}>{p})" for i, (p, _) in enumerate(_UNIT_WORDS + _MONEY_WORDS))
    + r")(?![\w])",
    re.I,
)
_UNITS = [u for _, u in _UNIT_WORDS + _MONEY_WORDS]
_MONEY = {u for _, u in _MONEY_WORDS} | set(_CURRENCY_SIGNS.values())

_HEDGES = re.compile(
    r"(?:about|around|roughly|nearly|almost|approximately|some|close to|just (?:over|under)|circa|ca\.?|cirka|omkring|ungefär|"
    r"runt|nästan|närmare|knappt|drygt|uppemot|rund|etwa|ungefähr|fast|knapp|gut|beinahe|casi|unos|unas|cerca de|"
    r"alrededor de|aproximadamente|environ|près de|presque|quasi|circa|omtrent|cirka|næsten|bijna|ongeveer|noin)\s*$",
    re.I,
)

_GROUP = r"\d{1,3}(?:(?P<sep>[.,' \u00a0\u202f\u2009’])\d{3})(?:(?P=sep)\d{3})*(?!\d)(?:[.,]\d+)?"
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<sign>(?:us|nz|au|ca|hk|a|c|r|s)?\$|[€£¥₹₽]|(?:usd|eur|gbp|sek|nok|dkk|cny|rmb|chf|jpy)(?=[\s\u00a0]?\d))?"
    r"[\s\u00a0]?(?P<number>" + _GROUP + r"|\d+(?:[.,]\d+)?)(?P<tail>(?:st|nd|rd|th|:e|:a|er|º|ª|°)(?!\w))?",
    re.I,
)  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)?(?:-[^\W\d_]+)*")


@lru_cache(maxsize=20_000)
def figures(text: str, language: str = "en") -> tuple[Figure, ...]:
    """Every figure in `text`, in order, not overlapping. Dates (see `moments`) are left to `moments`, but for
    their years, which are figures of kind `year`. Unknown languages are read with the international forms."""
    dates = moments(text, language)
    taken = [(m.start, m.end) for m in dates]
    found: list[Figure] = []
    for match in _NUMBER.finditer(text):
        figure = _digits(text, match, language, taken)
        if figure:
            found.append(figure)
    spans = [(f.start, f.end) for f in found] + taken
    found += [f for f in _words(text, language) if not any(s < f.end and f.start < e for s, e in spans)]
    found += [
        Figure(m.year, "year", "", m.start, m.end)
        for m in dates
        if m.year and not any(f.start < m.end and m.start < f.end for f in found)
    ]
    return tuple(sorted(found, key=lambda f: f.start))


def _digits(text: str, match: re.Match[str], language: str, taken: list[tuple[int, int]]) -> Figure | None:
    start, end = match.start("number"), match.end("number")
    if any(s <= start < e for s, e in taken):
        return None
    raw = match["number"]
    if len(raw) > 100:
        return None  # no figure is that long, and a float holds no more than 308 digits
    value, step = _value(raw, language)
    sign = (match["sign"] or "").lower()
    if re.search(r"\d{4}[-–/]$", text[max(0, start - 5) : start]) and re.fullmatch(r"\d\d", raw):
        return None  # the end of a span of years: 2021-25
    if match["tail"] and not sign:
        return Figure(value, "ordinal", "", start, match.end())
    if value == int(value) and 1500 <= value < 2100 and re.fullmatch(r"\d{4}", raw) and not sign:
        plain = _SCALE_RE.match(text, end) is None and not (
            (u := _UNIT_RE.match(text, end)) and _UNITS[_which(u)] not in ("year",)
        )
        if plain:
            return Figure(value, "year", "", start, end, step=1)
    unit, scaled = "", False
    if scale := _SCALE_RE.match(text, end):
        factor = _scale(scale["scale"].lower(), language)
        # "5 m" is metres and "3 k" nothing unless money or glued on
        if len(scale["scale"]) > 1 or sign or scale.group().strip() == scale.group():
            value, step, end, scaled = value * factor, step * factor, scale.end(), True
    if named := _UNIT_RE.match(text, end):
        unit, end = _UNITS[_which(named)], named.end()
    if sign:
        unit = _CURRENCY_SIGNS[sign]
        start = match.start("sign")
    elif not unit and not scaled and (tail := re.match(r"[A-Za-z]", text[end : end + 1])) and tail:
        return None  # part of a code: 5G, 3D, B2
    kind: Kind = "percent" if unit == "%" else "money" if unit in _MONEY else "amount"
    hedged = bool(_HEDGES.search(text[max(0, start - 24) : start]))
    return Figure(value, kind, unit, start, end, hedged, True, step)


def _value(raw: str, language: str) -> tuple[float, float]:
    """The number written as `raw`, and what one unit of its last digit is worth."""
    plain = re.sub(r"[' \u00a0\u202f\u2009’]", "", raw)
    dot, comma = plain.rfind("."), plain.rfind(",")
    if dot >= 0 and comma >= 0:
        decimal = "." if dot > comma else ","
        plain = plain.replace("," if decimal == "." else ".", "").replace(decimal, ".")
    elif dot >= 0 or comma >= 0:
        mark = "." if dot >= 0 else ","
        head, _, tail = plain.rpartition(mark)
        several = mark in head
        # three digits after a single mark: thousands, but for a decimal point in English ("1.125 percent")
        thousands = several or (
            len(tail) == 3 and not head.startswith("0") and (mark == "," or language not in _SHORT_SCALE)
        )
        plain = plain.replace(mark, "") if thousands else plain.replace(mark, ".")
    decimals = len(plain.partition(".")[2])
    digits = plain.replace(".", "")
    zeros = len(digits) - len(digits.rstrip("0")) if not decimals and digits.strip("0") else 0
    return float(plain), 10.0 ** (zeros if not decimals else -decimals)


def _scale(word: str, language: str) -> float:
    for pattern, factor in reversed(_SCALES):
        if re.fullmatch(pattern, word, re.I):
            return factor or (1e9 if language in _SHORT_SCALE else 1e12)
    return 1.0


def _which(match: re.Match[str]) -> int:
    return next(i for i in range(len(_UNITS)) if match[f"u{i}"])


@cache
def number_words(language: str) -> dict[str, float]:
    """Spelled-out numbers 2 to 100 of a language ("one" doubles as an article in most), from num2words."""
    from num2words import CONVERTER_CLASSES, num2words

    code = {"nb": "no", "nn": "no"}.get(language, language)
    if code not in CONVERTER_CLASSES:
        return {}
    words = {num2words(n, lang=code).lower(): float(n) for n in range(2, 101)}
    return {
        w.replace("\u00ad", ""): n for w, n in words.items() if re.fullmatch(r"[^\W\d_]+([- ][^\W\d_]+)*", w)
    }


def _words(text: str, language: str) -> list[Figure]:
    numbers = number_words(language)
    found: list[Figure] = []
    tokens = list(_WORD.finditer(text))
    for i, token in enumerate(tokens):
        if found and token.start() < found[-1].end:
            continue
        value = numbers.get(token.group().lower())
        end = token.end()
        if fraction := _fraction(text, token, tokens, i, value):
            found.append(fraction)
            continue
        scale = _SCALE_RE.match(text, end) if value is not None else None
        if value is None:
            continue
        step = 1.0
        if scale and len(scale["scale"]) > 1:
            factor = _scale(scale["scale"].lower(), language)
            value, step, end = value * factor, factor, scale.end()
        unit, kind = "", "amount"
        if named := _UNIT_RE.match(text, end):
            unit, end = _UNITS[_which(named)], named.end()
            kind = "percent" if unit == "%" else "money" if unit in _MONEY else "amount"
        hedged = bool(_HEDGES.search(text[max(0, token.start() - 24) : token.start()]))
        found.append(
            Figure(value, kind, unit, token.start(), end, hedged, False, step)  # type: ignore[arg-type]
        )
    return found


def _fraction(
    text: str, token: re.Match[str], tokens: list[re.Match[str]], i: int, value: float | None
) -> Figure | None:
    """ "nine tenths", "två tredjedelar", "a third of": in percent; approximate, since it is a rounding of something."""
    part = tokens[i + 1] if value is not None and i + 1 < len(tokens) else token
    if not _ANY_FRACTION.fullmatch(part.group()):
        return None
    for pattern, percent in _FRACTIONS:
        if not re.fullmatch(pattern, part.group(), re.I):
            continue
        if part is token:  # "a third of", never "the third time" or "first half"
            before = text[max(0, token.start() - 12) : token.start()].lower()
            after = text[token.end() : token.end() + 6].lower()
            if not re.match(r"\s*(of|av|der|des|von|de|del|du|di|do|da)\b", after) or re.search(
                r"(first|second|last|första|andra|ersten?|zweiten?|primer|segund)\w*\s*$", before
            ):
                return None
            return Figure(percent, "percent", "%", token.start(), token.end(), True, False)
        return Figure(percent * (value or 1), "percent", "%", token.start(), part.end(), True, False)
    return None


# ---------------------------------------------------------------------------------------------------- dates


@cache
def _months(language: str) -> dict[str, int]:
    from babel import Locale, UnknownLocaleError

    names: dict[str, int] = {}
    for code in {language, "en"}:
        try:
            months = Locale.parse(code).months
        except (UnknownLocaleError, ValueError):
            continue
        for context in ("format", "stand-alone"):
            for number, name in months[context]["wide"].items():
                names[name.lower().strip(".")] = number
            for number, name in months[context]["abbreviated"].items():
                short = name.lower().strip(".")
                if len(short) >= 3 and short not in ("mar", "may"):  # "mar" is sea, "may" a verb
                    names.setdefault(short, number)
    return {name: n for name, n in names.items() if re.fullmatch(r"[^\W\d_]+", name)}


@cache
def _moment_re(language: str) -> re.Pattern[str]:
    month = "|".join(sorted(map(re.escape, _months(language)), key=len, reverse=True))
    of = r"(?:\s+(?:de|of|del|d['’])?\s*|\s*)"
    year = r"(?P<{}>(?:1[5-9]|20)\d\d)"
    return re.compile(
        rf"(?<!\w)(?:{year.format('y1')}-(?P<m1>[01]\d)(?:-(?P<d1>[0-3]\d))?(?!\d)"
        rf"|(?P<d2>[0-3]?\d)(?:st|nd|rd|th|:e|\.|º)?{of}(?P<n2>{month})\.?(?:,?{of}{year.format('y2')})?(?!\w)"
        rf"|(?P<n3>{month})\.?\s+(?P<d3>[0-3]?\d)(?:st|nd|rd|th)?(?!\d)(?:,?\s+{year.format('y3')})?(?!\w)"
        rf"|(?P<n4>{month})\.?,?{of}{year.format('y4')}(?!\d)"
        rf"|(?P<d5>[0-3]?\d)[./](?P<m5>[01]?\d)[./]{year.format('y5')}(?!\d))",
        re.I,
    )


@lru_cache(maxsize=20_000)
def moments(text: str, language: str = "en") -> tuple[Moment, ...]:
    """Every calendar date written out in `text` (with a month at least); months by their CLDR names."""
    months = _months(language)
    found = []
    for m in _moment_re(language).finditer(text):
        g = {k: v for k, v in m.groupdict().items() if v}

        def pick(kind: str, g: dict[str, str] = g) -> str | None:
            return next((v for k, v in g.items() if k[0] == kind), None)

        name = pick("n")
        month = months.get(name.lower()) if name else int(pick("m") or 0)
        day = int(pick("d") or 0) or None
        year = int(pick("y") or 0) or None
        if not month or month > 12 or (day and day > 31):
            continue
        if name and not year and not day:
            continue
        found.append(Moment(year, month, day, m.start(), m.end()))
    # a month alone ("in December") says less than a date but is not nothing
    spans = [(f.start, f.end) for f in found]
    for word in _WORD.finditer(text):
        number = months.get(word.group().lower())
        lone = number and len(word.group()) > 3 and not any(s <= word.start() < e for s, e in spans)
        # "may" and "march" are months only where English capitalises them mid-sentence
        if lone and (
            word.group().lower() not in ("may", "march") or (word.group()[0].isupper() and word.start() > 0)
        ):
            found.append(Moment(None, number, None, word.start(), word.end()))
    return tuple(sorted(found, key=lambda f: f.start))


# --------------------------------------------------------------------------------------------- countries


@cache
def _territories(language: str) -> dict[str, str]:
    """Lower-case name -> ISO 3166 code (or UN M.49 region), from CLDR, in `language`."""
    from babel import Locale, UnknownLocaleError

    try:
        names = Locale.parse(language).territories
    except (UnknownLocaleError, ValueError):
        return {}
    return {name.lower(): code for code, name in names.items() if code not in ("ZZ", "XA", "XB", "QO")}


_ALWAYS = {
    "u.s": "US", "usa": "US", "u.s.a": "US", "uk": "GB", "u.k": "GB", "eu": "EU", "great britain": "GB", "britain": "GB",
    "förenta staterna": "US", "vereinigten staaten": "US", "estados unidos": "US", "ee.uu": "US", "eeuu": "US",
    "storbritannien": "GB", "großbritannien": "GB", "gran bretaña": "GB", "hong kong": "HK", "hongkong": "HK",
    "ee. uu": "US", "états-unis": "US", "united states": "US", "european union": "EU", "europeiska unionen": "EU",
    "europäische union": "EU", "europäischen union": "EU", "unión europea": "EU",
}  # fmt: skip
_CAPITALISED = re.compile(
    r"[^\W\d_a-zß-öø-ÿ][\w’'.&-]*(?:[ \u00a0](?:(?:and|of|och|und|y|de|del|la|the|the) )?[^\W\d_a-zß-öø-ÿ][\w’'.&-]*)*"
)


@lru_cache(maxsize=20_000)
def territories(text: str, language: str = "en") -> frozenset[str]:
    """ISO codes of the countries and regions named in `text` (names only, no adjectives: "Kina", "US")."""
    table = _territories(language)
    english = _territories("en")
    found = set()
    for match in _CAPITALISED.finditer(text):
        words = re.split(r"[\s\u00a0]+", match.group())
        for i in range(len(words)):
            for j in range(min(len(words), i + 5), i, -1):
                name = " ".join(words[i:j]).strip(".,;:'’").lower()
                name = re.sub(r"[’']s$", "", name)
                code = _ALWAYS.get(name) or table.get(name) or english.get(name)
                if not code and language in ("sv", "de", "da", "no", "nb", "en", "nl") and name.endswith("s"):
                    code = table.get(name[:-1])  # the genitive: Kinas, Chiles
                if words[i:j] == ["US"]:
                    code = "US"
                if code:
                    found.add(code)
                    break
    return frozenset(found)


_DEMONYM = (
    r"(?:\w{0,3}?(?:iska?t?|ska?t?|ians?|ans?|ese|ish|eans?|ines?|isch\w*|sch\w*|er|an[oa]s?|en[oa]s?|enses?|in[oa]s?"
    r"|ais\w*|ois\w*|ien\w*|ien|i|er(?:in)?|are|ar|are?n|arna))?"
)


@cache
def _territory_re(language: str, code: str) -> re.Pattern[str]:
    names = {n for lang in {language, "en"} for n, c in _territories(lang).items() if c == code}
    names |= {n for n, c in _ALWAYS.items() if c == code}
    parts = []
    for name in sorted(names):
        parts.append(re.escape(name) + r"s?")
        if " " not in name and len(name) >= 4:
            root = name[: -1 if len(name) < 6 else -2]
            parts.append(re.escape(root) + _DEMONYM if len(root) > 3 else re.escape(root) + _DEMONYM[:-1])
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts) or '(?!)'})(?!\w)", re.I)


@lru_cache(maxsize=20_000)
def names_territory(text: str, language: str, code: str) -> bool:
    """Whether a country or region is named in `text`, or an adjective that looks made from its name is (Chinese,
    kinesisk, chilenos)."""
    if code == "US" and re.search(
        r"(?<!\w)(?:US|U\.S\.?|USA|America\w*|amerikan\w*|estadounidens\w*|Washington)(?!\w)", text
    ):
        return True
    if code == "419" and re.search(r"\b(?:latin|latein|latino)\W?am[eé]r\w+", text, re.I):
        return True
    return bool(_territory_re(language, code).search(text))


@lru_cache(maxsize=20_000)
def demonym(word: str, language: str) -> str | None:
    """The ISO code of the country that an adjective or a people's name is made from (Chinese, chilenska), if any."""
    if re.fullmatch(r"amerikan\w*|american\w*|estadounidens\w*", word, re.I):
        return "US"
    roots, lower = _roots(language), word.lower()
    for i in range(len(lower), 2, -1):
        code = roots.get(lower[:i])
        # three letters begin too many words: they need an adjective's ending behind them
        if code and re.fullmatch(_DEMONYM if i > 3 else _DEMONYM[:-1], lower[i:]):
            return code
    return None


@cache
def _roots(language: str) -> dict[str, str]:
    """What is left of a country's one-word name when its last letter, of a long one its last two, is taken off."""
    roots = {}
    for name, code in [*_territories("en").items(), *_territories(language).items()]:
        if len(code) == 2 and len(name) >= 4 and re.fullmatch(r"\w+", name):
            root = name[: -1 if len(name) < 6 else -2]
            roots[root] = code
    return roots


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
