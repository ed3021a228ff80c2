"""Figures in a text, however they are written: value, unit, and whether they are hedged.

One reading serves three rooms of use: the word index (a figure is the same term in every language), the choice of
sentences (a question asks for an amount) and the verifier (9.2 billion is not 1.1 billion).

What words a language has for numbers comes from num2words, for units and scales from CLDR, for the rest (money, parts
of a whole, hedges) from its pack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from index.dates import moments
from index.languages import Words, cldr, pack

Kind = Literal["amount", "year", "percent", "money", "ordinal"]


@dataclass(frozen=True, slots=True)
class Figure:
    """value: in full (9.2 billion is 9.2e9; percent and parts of a whole in percent).

    kind: `year` for a bare four-digit year. unit: `%`, an ISO 4217 currency (or KR, PESO), `km`, `day`, ..., or "".
    start, end: where it stands, scale and unit included. approx: hedged ("about", "nearly").
    digits: written with digits (number words such as "two" are weaker evidence).
    step: what one unit of the last written digit is worth: 9.2 billion -> 1e8.
    """

    value: float
    kind: Kind
    unit: str
    start: int
    end: int
    approx: bool = False
    digits: bool = True
    step: float = 0.0


# signs and codes before a figure, and those that stand behind it in every language
_SIGNS = {
    "us$": "USD", "nz$": "NZD", "a$": "AUD", "au$": "AUD", "c$": "CAD", "ca$": "CAD", "hk$": "HKD", "r$": "BRL",
    "s$": "SGD", "$": "USD", "€": "EUR", "£": "GBP", "¥": "CNY", "₹": "INR", "₽": "RUB", "usd": "USD", "eur": "EUR",
    "gbp": "GBP", "sek": "KR", "nok": "KR", "dkk": "KR", "cny": "CNY", "rmb": "CNY", "chf": "CHF", "jpy": "JPY",
}  # fmt: skip
_SYMBOLS = (
    {s: s for s in ("km", "m", "ha", "kW", "MW", "GW", "kWh", "MWh", "GWh", "TWh")} | _SIGNS | {"%": "%"}
)
_BLANKS = r"[\s-]{0,2}"
_GROUP = r"\d{1,3}(?:(?P<sep>[.,' \u00a0\u202f\u2009’])\d{3})(?:(?P=sep)\d{3})*(?!\d)(?:[.,]\d+)?"
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<sign>(?:us|nz|au|ca|hk|a|c|r|s)?\$|[€£¥₹₽]|(?:usd|eur|gbp|sek|nok|dkk|cny|rmb|chf|jpy)(?=[\s\u00a0]?\d))?"
    r"[\s\u00a0]?(?P<number>" + _GROUP + r"|\d+(?:[.,]\d+)?)",
    re.I,
)  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)?(?:-[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class _Forms:
    """How a language writes what belongs to a figure. scales, units: named groups -> factor, unit; parts: percent."""

    scale: re.Pattern[str]
    scales: dict[str, float]
    unit: re.Pattern[str]
    units: dict[str, str]
    money: frozenset[str]
    parts: tuple[tuple[Words, float], ...]
    about: re.Pattern[str]
    nth: re.Pattern[str]


@cache
def _forms(language: str) -> _Forms:
    known = pack(language)
    told = known.numbers
    by_factor = {
        1e12: told.trillion,
        1e9: told.milliard,
        1e6: told.million,
        1e3: told.thousand,
        1e2: told.hundred,
    }
    for word, factor in cldr.scales(language).items():
        by_factor[factor] += Words((word,))
    by_unit = {unit: Words(tuple(s for s, u in _SYMBOLS.items() if u == unit)) for unit in _SYMBOLS.values()}
    for named in (known.units, known.money):
        by_unit |= {unit: by_unit.get(unit, Words()) + words for unit, words in named.items()}
    for word, unit in cldr.units(language).items():
        by_unit[unit] = by_unit.get(unit, Words()) + Words((word,))
    # the longest first: "percentage points" before "percent*", "mil millones" before "mil"
    units = sorted(by_unit, key=lambda unit: -max(map(len, by_unit[unit].listed)))
    scale = "|".join(f"(?P<s{i}>{words.either})" for i, words in enumerate(by_factor.values()))
    unit = "|".join(f"(?P<u{i}>{by_unit[name].either})" for i, name in enumerate(units))
    return _Forms(
        scale=re.compile(rf"{_BLANKS}(?P<scale>{scale})", re.I),
        scales={f"s{i}": factor for i, factor in enumerate(by_factor)},
        unit=re.compile(rf"{_BLANKS}(?:(?:{told.of.either})\s*)?(?:{unit})(?!\w)", re.I),
        units={f"u{i}": name for i, name in enumerate(units)},
        money=frozenset({*_SIGNS.values(), *known.money}),
        parts=tuple(
            zip((told.half, told.third, told.quarter, told.fifth, told.tenth), _PERCENT, strict=True)
        ),
        about=re.compile(rf"(?<!\w)(?:{told.about.either})\.?\s*$", re.I),
        nth=re.compile(rf"(?:{told.ordinals.either}|[º°ª](?!\w))"),
    )


_PERCENT = (50.0, 100 / 3, 25.0, 20.0, 10.0)


def figures(text: str, language: str) -> tuple[Figure, ...]:
    """Every figure in `text`, in order, not overlapping. Dates (see `moments`) are left to `moments`, but for
    their years, which are figures of kind `year`. Unknown languages are read with the international forms."""
    dates = moments(text, language)
    taken = [(m.start, m.end) for m in dates]
    found = [f for match in _NUMBER.finditer(text) if (f := _digits(text, match, language, taken))]
    spans = [(f.start, f.end) for f in found] + taken
    found += [f for f in _words(text, language) if not any(s < f.end and f.start < e for s, e in spans)]
    found += [
        Figure(m.year, "year", "", m.start, m.end)
        for m in dates
        if m.year and not any(f.start < m.end and m.start < f.end for f in found)
    ]
    return tuple(sorted(found, key=lambda f: f.start))


def _digits(text: str, match: re.Match[str], language: str, taken: list[tuple[int, int]]) -> Figure | None:
    forms = _forms(language)
    start, end = match.span("number")
    raw = match["number"]
    if any(s <= start < e for s, e in taken) or len(raw) > 100:
        return None  # no figure is that long, and a float holds no more than 308 digits
    value, step = _value(raw, language)
    sign = (match["sign"] or "").lower()
    if re.search(r"\d{4}[-–/]$", text[max(0, start - 5) : start]) and re.fullmatch(r"\d\d", raw):
        return None  # the end of a span of years: 2021-25
    if not sign and (nth := forms.nth.match(text, end)):
        return Figure(value, "ordinal", "", start, nth.end())
    if re.fullmatch(r"1[5-9]\d\d|20\d\d", raw) and not sign:
        named = forms.unit.match(text, end)
        if not forms.scale.match(text, end) and (not named or _unit(named, forms)[0] == "year"):
            return Figure(value, "year", "", start, end, step=1)
    scale = forms.scale.match(text, end)
    # "5 m" is metres and "3 k" nothing unless money or glued on
    if scale and not (len(scale["scale"]) > 1 or sign or scale.group().strip() == scale.group()):
        scale = None
    unit, factor, end = _behind(text, end, scale, forms)
    if sign:
        unit, start = _SIGNS[sign], match.start("sign")
    elif not unit and not scale and re.match(r"[A-Za-z]", text[end : end + 1]):
        return None  # part of a code: 5G, 3D, B2
    return _figure(text, value * factor, step * factor, unit, start, end, forms, digits=True)


def _behind(text: str, end: int, scale: re.Match[str] | None, forms: _Forms) -> tuple[str, float, int]:
    """The unit behind a figure, what scale and unit multiply it by, and where all of it ends."""
    factor = 1.0
    if scale:
        factor, end = forms.scales[str(_group(scale, "s"))], scale.end()
    named = forms.unit.match(text, end)
    if not named:
        return "", factor, end
    unit, times = _unit(named, forms)
    return unit, factor * times, named.end()


def _unit(match: re.Match[str], forms: _Forms) -> tuple[str, float]:
    """`km` and 10 for a Swedish mil, which is ten kilometres."""
    times, _, unit = forms.units[_group(match, "u")].rpartition(" ")
    return unit, float(times or 1)


def _group(match: re.Match[str], kind: str) -> str:
    return next(
        name
        for name, found in match.groupdict().items()
        if found is not None and re.fullmatch(rf"{kind}\d+", name)
    )


def _figure(
    text: str, value: float, step: float, unit: str, start: int, end: int, forms: _Forms, *, digits: bool
) -> Figure:
    kind: Kind = "percent" if unit == "%" else "money" if unit in forms.money else "amount"
    hedged = bool(forms.about.search(text[max(0, start - 24) : start]))
    return Figure(value, kind, unit, start, end, hedged, digits, step)


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
            len(tail) == 3
            and not head.startswith("0")
            and (mark == "," or cldr.decimal_mark(language) != ".")
        )
        plain = plain.replace(mark, "") if thousands else plain.replace(mark, ".")
    decimals = len(plain.partition(".")[2])
    digits = plain.replace(".", "")
    zeros = len(digits) - len(digits.rstrip("0")) if not decimals and digits.strip("0") else 0
    return float(plain), 10.0 ** (zeros if not decimals else -decimals)


@cache
def number_words(language: str) -> dict[str, float]:
    """Spelled-out numbers 2 to 100 of a language ("one" doubles as an article in most), from num2words."""
    from num2words import CONVERTER_CLASSES, num2words

    if language not in CONVERTER_CLASSES:
        return {}
    words = {num2words(n, lang=language).lower(): float(n) for n in range(2, 101)}
    return {
        w.replace("\u00ad", ""): n for w, n in words.items() if re.fullmatch(r"[^\W\d_]+([- ][^\W\d_]+)*", w)
    }


def _words(text: str, language: str) -> list[Figure]:
    numbers, forms = number_words(language), _forms(language)
    found: list[Figure] = []
    tokens = list(_WORD.finditer(text))
    for i, token in enumerate(tokens):
        if found and token.start() < found[-1].end:
            continue
        value = numbers.get(token.group().lower())
        if part := _part(text, tokens[i : i + 2], value, language):
            found.append(part)
        elif value is not None:
            scale = forms.scale.match(text, token.end())
            if scale and len(scale["scale"]) == 1:
                scale = None
            unit, factor, end = _behind(text, token.end(), scale, forms)
            step = factor if scale else 1.0
            found.append(_figure(text, value * factor, step, unit, token.start(), end, forms, digits=False))
    return found


def _part(text: str, tokens: list[re.Match[str]], value: float | None, language: str) -> Figure | None:
    """ "nine tenths", "två tredjedelar", "a third of": in percent; approximate, since it is a rounding of something."""
    first, part = tokens[0], tokens[-1] if value is not None else tokens[0]
    percent = next((percent for words, percent in _forms(language).parts if part.group() in words), None)
    if percent is None:
        return None
    if part is first:  # "a third of", never "the third time" or "first half"
        numbers = pack(language).numbers
        before = text[max(0, part.start() - 12) : part.start()]
        behind = re.match(rf"\s*(?:{numbers.of.either})", text[part.end() :], re.I)
        if not behind or re.search(rf"(?:{numbers.first.either})\s*$", before, re.I):
            return None
        return Figure(percent, "percent", "%", part.start(), part.end(), True, False)
    return Figure(percent * (value or 1), "percent", "%", first.start(), part.end(), True, False)
