"""What CLDR knows of a language, through Babel: months, weekdays, countries, units, scales, its name.

Every function takes a code as `pack` knows it; a language that CLDR lacks has nothing of any of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale

# CLDR's unit → what figures call it; a Scandinavian mile is counted in kilometres
_UNITS = {
    "concentr-percent": "%", "mass-tonne": "t", "length-kilometer": "km", "length-mile-scandinavian": "10 km",
    "length-mile": "mi", "length-meter": "m", "length-centimeter": "cm", "length-millimeter": "mm", "mass-kilogram": "kg", "area-hectare": "ha", "volume-barrel": "bbl",
    "power-kilowatt": "kW", "power-megawatt": "MW", "power-gigawatt": "GW", "energy-kilowatt-hour": "kWh",
    "duration-minute": "minute", "duration-hour": "hour", "duration-day": "day", "duration-week": "week",
    "duration-month": "month", "duration-year": "year",
}  # fmt: skip
_SCALES = ("1000", "1000000", "1000000000", "1000000000000")


@cache
def locale(code: str) -> Locale | None:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(code)
    except (UnknownLocaleError, ValueError):
        return None


def name(code: str, of: str = "en") -> str | None:
    """A language's name, in English unless told otherwise."""
    known = locale(of)
    return known.languages.get(code) if known else None


@cache
def months(code: str, width: str) -> dict[str, int]:
    """Names in lower case → 1 to 12. width: `wide` or `abbreviated` (without its point)."""
    names: dict[str, int] = {}
    if known := locale(code):
        for context in ("format", "stand-alone"):
            for number, written in known.months[context][width].items():
                short = written.lower().strip(".")
                if len(short) >= 3 and short.isalpha():
                    names.setdefault(short, number)
    return names


@cache
def weekdays(code: str) -> tuple[str, ...]:
    """Names in lower case, Monday first."""
    known = locale(code)
    return tuple(known.days["format"]["wide"][day].lower() for day in range(7)) if known else ()


@cache
def territories(code: str) -> dict[str, str]:
    """Names of countries and regions in lower case → ISO 3166 or UN M.49 code."""
    known = locale(code)
    names = known.territories.items() if known else ()
    return {written.lower(): region for region, written in names if region not in ("ZZ", "XA", "XB", "QO")}


@cache
def units(code: str) -> dict[str, str]:
    """Names of units in lower case, in every number they take → `km`, `%`, `day`, ..."""
    from babel.units import UnknownUnitError, format_unit

    names: dict[str, str] = {}
    for unit, ours in _UNITS.items() if locale(code) else ():
        for length in ("long", "short"):
            for number in (1, 2, 5):
                try:
                    shown = format_unit(number, unit, length=length, locale=code)
                except UnknownUnitError:
                    continue
                written = shown.replace(str(number), "").replace("\u00a0", " ").strip(" .").lower()
                # a single letter is many things: "d", "h", "t" (tonnes here, hours there)
                if (len(written) > 1 or written == "%") and written != unit:
                    names.setdefault(written, ours)
    return names


@cache
def scales(code: str) -> dict[str, float]:
    """Words that multiply ("thousand", "miljarder") in lower case → by what."""
    known = locale(code)
    return dict(_scales(known)) if known else {}


def _scales(known: Locale) -> Iterator[tuple[str, float]]:
    for numbers in known.compact_decimal_formats.get("long", {}).values():
        for zeros in _SCALES:
            if zeros in numbers:
                word = re.sub(r"[0#.,'\u00a0\s]*", " ", str(numbers[zeros].pattern), count=1).strip().lower()
                if word.replace(" ", "").isalpha():
                    yield word, float(zeros)


@cache
def decimal_mark(code: str) -> str:
    """The mark before decimals; empty where it is not known."""
    known = locale(code)
    return str(known.number_symbols.get("latn", {}).get("decimal", "")) if known else ""


def shown_date(published: str, code: str) -> str:
    """An ISO date of day, month or year precision as people write it: 22 January 2018, January 2018, 2018."""
    from babel.dates import format_date, format_skeleton

    parts = published.split("-")
    try:
        day = date(*([int(p) for p in parts] + [1, 1])[:3])
    except ValueError:
        return published
    match len(parts):
        case 1:
            return parts[0]
        case 2:
            return str(format_skeleton("yMMMM", day, locale=code))
        case _:
            return str(format_date(day, "d MMMM y" if code == "en" else "long", locale=code))
