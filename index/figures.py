"""Figures in a text, however they are written: value, unit, and whether they are hedged.

One reading serves three rooms of use: the word index (a figure is the same term in every language), the choice of
sentences (a question asks for an amount) and the verifier (9.2 billion is not 1.1 billion).

What words a language has for numbers comes from num2words, for units and scales from CLDR, for the rest (money, parts
of a whole, hedges) from its pack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
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
    step: what one unit of the last written digit is worth: 9.2 billion -> 1e8. scale: 1e9 for 9.2 billion.
    per: `year`, `month`, ... of a rate ("4,000 dollars a month"). bound: `more` or `less` where it is said to be so.
    """

    value: float
    kind: Kind
    unit: str
    start: int
    end: int
    approx: bool = False
    digits: bool = True
    step: float = 0.0
    scale: float = 1.0
    per: str = ""
    bound: Literal["", "more", "less"] = ""


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
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class _Forms:
    """How a language writes what belongs to a figure. scales, units: named groups -> factor, unit; parts: percent."""

    scale: re.Pattern[str]
    scales: dict[str, float]
    unit: re.Pattern[str]
    units: dict[str, str]
    money: frozenset[str]
    part: re.Pattern[str]
    hedge: re.Pattern[str]
    nth: re.Pattern[str]
    rate: re.Pattern[str]


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
    sides = known.opposites.get("more/less", (Words(), Words()))
    more, less = (Words(tuple(word.rstrip(" #") for word in side.listed)) for side in sides)
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
        part=re.compile(
            rf"[\s-]*(?:{'|'.join(f'(?P<{p}>{getattr(told, p).either})' for p in _PERCENT)})(?!\w)", re.I
        ),
        hedge=re.compile(
            rf"(?<!\w)(?:(?P<more>{more.either})|(?P<less>{less.either})|{told.about.either})\.?(?:\s+\w{{1,4}})?\s*$",
            re.I,
        ),
        nth=re.compile(rf"(?:{told.ordinals.either}|[º°ª](?!\w))"),
        rate=re.compile(
            "|".join(rf"(?<!\w)(?P<{per}>{words.either})(?!\s*\d)" for per, words in known.rates.items())
            or "(?!)",
            re.I,
        ),
    )


_PERCENT = {"half": 50.0, "third": 100 / 3, "quarter": 25.0, "fifth": 20.0, "tenth": 10.0}


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
    return _figure(text, value, step, factor, unit, start, end, forms, digits=True)


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
    text: str,
    value: float,
    step: float,
    scale: float,
    unit: str,
    start: int,
    end: int,
    forms: _Forms,
    *,
    digits: bool,
) -> Figure:
    kind: Kind = "percent" if unit == "%" else "money" if unit in forms.money else "amount"
    hedge = forms.hedge.search(text[max(0, start - 24) : start])
    behind = re.split(r"[.;:?!](?!\w)|\d", text[end : end + 60], maxsplit=1)[0]
    rate = forms.rate.search(behind) or forms.rate.search(text[max(0, start - 40) : start])
    per = (rate.lastgroup or "") if rate else ""
    bound = hedge.lastgroup or "" if hedge else ""
    return Figure(value * scale, kind, unit, start, end, bool(hedge), digits, step * scale, scale, per, bound)  # type: ignore[arg-type]


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
    """Spelled-out numbers of a language, 2 to 999 and the thousands, from num2words ("one" doubles as an article in
    most); their words are parted by blanks."""
    from num2words import CONVERTER_CLASSES, num2words

    if language not in CONVERTER_CLASSES:
        return {}

    def word(n: int) -> str:
        return num2words(n, lang=language).lower().replace("\u00ad", "").replace("-", " ")  # type: ignore[no-any-return]

    known = pack(language)
    words = {word.lower(): 100.0 for word in known.numbers.hundred.listed[:1]}
    words |= {word(n): float(n) for n in (*range(2, 1000), *range(1000, 1_000_000, 1000), 10**6, 10**9)}
    for n, others in known.spelled.items():
        for other in others.listed:
            words |= {w.replace(word(int(n)), other): v for w, v in words.items() if word(int(n)) in w}
    return {w: v for w, v in words.items() if re.fullmatch(r"[^\W\d_]+( [^\W\d_]+)*", w)}


@cache
def _most_words(language: str) -> int:
    return max((word.count(" ") + 1 for word in number_words(language)), default=0)


def _words(text: str, language: str) -> list[Figure]:
    forms = _forms(language)
    found: list[Figure] = []
    tokens = list(_WORD.finditer(text))
    end = 0
    for i, token in enumerate(tokens):
        start = token.start()
        if start < end:
            continue
        value, count = _spelled(text, tokens[i : i + _most_words(language)], language)
        if value and value % 1000 == 0:  # two thousand three hundred
            more, further = _spelled(text, tokens[i + count : i + count + _most_words(language)], language)
            if (
                more
                and more < 1000
                and re.fullmatch(r"[\s-]*", text[tokens[i + count - 1].end() : tokens[i + count].start()])
            ):
                value, count = value + more, count + further
        if part := _part(text, start, tokens[i + count - 1].end() if value else None, value, language):
            found.append(part)
            end = part.end
        elif value:
            behind = tokens[i + count - 1].end()
            scale = forms.scale.match(text, behind)
            if scale and len(scale["scale"]) == 1:
                scale = None
            unit, factor, end = _behind(text, behind, scale, forms)
            step = 10.0 ** (len(f"{value:.0f}") - len(f"{value:.0f}".rstrip("0")))
            found.append(_figure(text, value, step, factor, unit, start, end, forms, digits=False))
    return found


def _spelled(text: str, tokens: list[re.Match[str]], language: str) -> tuple[float, int]:
    """The longest number that begins with the first of the words, and of how many words it is; 0, 0 for none."""
    numbers = number_words(language)
    joined, best = "", (0.0, 0)
    for n, token in enumerate(tokens):
        if n and not re.fullmatch(r"[\s-]{1,2}", text[tokens[n - 1].end() : token.start()]):
            break
        joined = f"{joined} {token.group().lower()}".strip()
        if joined in numbers:
            best = numbers[joined], n + 1
    return best


def _part(text: str, start: int, after: int | None, value: float, language: str) -> Figure | None:
    """ "nine tenths", "två tredjedelar", "a third of": in percent; approximate, since it is a rounding of something. "Half
    an hour" and "a quarter of a million" are amounts."""
    forms = _forms(language)
    part = forms.part.match(text, start if after is None else after)
    if not part or not part.lastgroup:
        return None
    percent, end = _PERCENT[part.lastgroup] * (value or 1), part.end()
    numbers = pack(language).numbers
    of = re.compile(rf"\s*(?:{numbers.of.either})\s*|", re.I).match(text, end)
    if whole := re.compile(r"\s*(?:\w{1,3}\s+)?").match(text, of.end() if of else end):
        scale = forms.scale.match(text, whole.end())
        unit, factor, reach = _behind(
            text, whole.end(), scale if scale and len(scale["scale"]) > 1 else None, forms
        )
        if factor > 1 or unit == "hour":
            return _figure(
                text, percent / 100, percent / 100, factor, unit, start, reach, forms, digits=False
            )
    if after is None:  # "a third of", never "the third time" or "first half"
        before = text[max(0, start - 12) : start]
        if not of or not of.group() or re.search(rf"(?:{numbers.first.either})\s*$", before, re.I):
            return None
    found = _figure(text, percent, 0, 1, "%", start, end, forms, digits=False)
    return replace(found, approx=True)


def parts(text: str, language: str) -> list[Figure]:
    """Every word for a part of a whole, in percent, of which little is known: "a quarter less", "half at most"."""
    return [
        Figure(_PERCENT[str(part.lastgroup)], "percent", "%", part.start(), part.end(), True, False)
        for part in re.finditer(rf"(?<!\w)(?:{_forms(language).part.pattern})", text, re.I)
    ]
