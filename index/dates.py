"""Calendar dates as they stand in a text: "22 January 2018", "den 22 januari", "2018-01"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from index.languages import cldr, pack


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


def moments(text: str, language: str) -> tuple[Moment, ...]:
    """Every calendar date written out in `text` (with a month at least); months by their CLDR names."""
    months = _months(language)
    found = []
    for match in _written(language).finditer(text):
        parts = {name[0]: value for name, value in match.groupdict().items() if value}
        month = months[parts["n"].lower()] if "n" in parts else int(parts["m"])
        day, year = int(parts.get("d", 0)) or None, int(parts.get("y", 0)) or None
        if 1 <= month <= 12 and (day or 1) <= 31 and (year or day):
            found.append(Moment(year, month, day, match.start(), match.end()))
    return tuple(sorted([*found, *_alone(text, language, found)], key=lambda moment: moment.start))


def _alone(text: str, language: str, found: list[Moment]) -> list[Moment]:
    """A month alone ("in December") says less than a date but is not nothing."""
    months, doubtful = cldr.months(language, "wide"), pack(language).dates.doubtful
    lone = []
    for word in re.finditer(r"[^\W\d_]{3,}", text):
        name = word.group()
        if name.lower() not in months or any(m.start <= word.start() < m.end for m in found):
            continue
        # "may" and "march" are months where they have a capital that the sentence's beginning does not explain
        if name in doubtful and not (name[0].isupper() and word.start() > 0):
            continue
        lone.append(Moment(None, months[name.lower()], None, word.start(), word.end()))
    return lone


@cache
def _months(language: str) -> dict[str, int]:
    doubtful = pack(language).dates.doubtful
    short = cldr.months(language, "abbreviated").items()
    return {name: n for name, n in short if name not in doubtful} | cldr.months(language, "wide")


@cache
def _written(language: str) -> re.Pattern[str]:
    numbers = pack(language).numbers
    month = "|".join(sorted(_months(language), key=len, reverse=True)) or "(?!)"
    of = rf"(?:\s+(?:{numbers.of.either})?\s*|\s*)"
    nth = rf"(?:{numbers.ordinals.either}|\.|º)?"
    year = r"(?P<{}>(?:1[5-9]|20)\d\d)"
    return re.compile(
        rf"(?<!\w)(?:{year.format('y1')}-(?P<m1>[01]\d)(?:-(?P<d1>[0-3]\d))?(?!\d)"
        rf"|(?P<d2>[0-3]?\d){nth}{of}(?P<n2>{month})\.?(?:,?{of}{year.format('y2')})?(?!\w)"
        rf"|(?P<n3>{month})\.?\s+(?P<d3>[0-3]?\d){nth}(?!\d)(?:,?\s+{year.format('y3')})?(?!\w)"
        rf"|(?P<n4>{month})\.?,?{of}{year.format('y4')}(?!\d)"
        rf"|(?P<d5>[0-3]?\d)[./](?P<m5>[01]?\d)[./]{year.format('y5')}(?!\d))",
        re.I,
    )
