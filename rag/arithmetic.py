"""Whether a figure follows from those of a passage in which it does not stand: the same amount in another unit, a sum, a
difference, a share, a multiple of two of them. Such a figure may be right, and no rule can tell; a figure that does not
even follow is not in the passage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from index.figures import Figure

# units of one dimension, and what each is worth in it
_DIMENSIONS: tuple[dict[str, float], ...] = (
    {"minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7, "month": 30.44, "year": 365.25},
    {"m": 1, "mm": 0.001, "cm": 0.01, "km": 1000, "mi": 1609.34},
    {"kg": 1, "t": 1000},
    {"kW": 1, "MW": 1e3, "GW": 1e6},
    {"kWh": 1, "MWh": 1e3, "GWh": 1e6, "TWh": 1e9},
    {"%": 1, "pp": 1},
)
_TIME = "day"
_DIMENSION = {unit: (min(units, key=len), worth) for units in _DIMENSIONS for unit, worth in units.items()}


@dataclass(frozen=True, slots=True)
class Amount:
    """value: in the unit that stands for its dimension (`""` for a bare count); written: in its own."""

    value: float
    dimension: str
    written: float


def amount(figure: Figure) -> Amount:
    dimension, worth = _DIMENSION.get(figure.unit, (figure.unit, 1.0))
    return Amount(figure.value * worth, dimension, figure.value)


def follows(figure: Figure, given: Sequence[Figure]) -> bool:
    """Whether it can be made of those given, at the precision in which it is written."""
    if not figure.value:
        return False
    wanted = amount(figure)
    part = figure.unit == "%" and not figure.digits  # a quarter, two thirds
    step = (
        min(figure.step, 0.1 * figure.value) if figure.approx else 0.5 * min(figure.step, 0.05 * figure.value)
    )
    slack = 0.15 * figure.value if part else step
    low, high = figure.value - slack, figure.value + slack
    if figure.bound:
        slack = 0.3 * figure.value if part else max(figure.step, 0.1 * figure.value)
        low, high = (
            (figure.value, figure.value + slack)
            if figure.bound == "more"
            else (figure.value - slack, figure.value)
        )
    worth = wanted.value / figure.value
    amounts = list({amount(f) for f in given if f.kind not in ("ordinal", "year") and f.value})
    if wanted.dimension == _TIME and any(
        a.dimension == _TIME and abs(a.value - wanted.value) <= 0.09 * wanted.value for a in amounts
    ):
        return True  # half a year, 180 days
    if figure.unit == "year":
        years = {f.value for f in given if f.kind == "year"}
        amounts += [
            Amount(365.25 * n, _TIME, n) for a in years for b in years for n in (a - b, a - b - 1) if a > b
        ]
    return any(
        0.999_999 * low * worth <= value <= 1.000_001 * high * worth for value in _made(wanted, amounts)
    )


def completed(figures: Sequence[Figure], among: Sequence[Figure], *, units: bool) -> list[Figure]:
    """The figures, and the bare ones once more with each scale, or unit too, of those among which they stand: "from 420
    to 565 million", "eight hours, not five"."""
    whole = {(f.scale, f.unit, f.kind) for f in among if f.scale > 1 or (units and f.unit)}
    return [
        *figures,
        *(
            replace(f, value=f.value * scale, step=f.step * scale, scale=scale, unit=unit, kind=kind)
            for f in figures
            if f.kind == "amount" and not f.unit and f.scale == 1 and f.value < 1000
            for scale, unit, kind in whole
        ),
    ]


def in_so_many(text: str, figures: Sequence[Figure]) -> Iterator[tuple[Figure, tuple[Figure, ...]]]:
    """Bare counts that may be a share with the one beside them ("nine in ten", "one in six") → the share."""
    bare = [f for f in figures if f.kind == "amount" and not f.unit and f.value <= 100]
    for f in bare:
        shares = [
            (min(f.value, g.value) / max(f.value, g.value))
            for g in bare
            if g is not f and max(f.start, g.start) - min(f.end, g.end) < 20
        ]
        if not f.digits and f.value <= 20:
            shares.append(1 / f.value)
        yield f, tuple(Figure(100 * s, "percent", "%", f.start, f.end, True, False) for s in shares)


def _made(wanted: Amount, amounts: Sequence[Amount]) -> Iterator[float]:
    """The values of a dimension that can be made of the amounts."""
    dimension = wanted.dimension
    for one in amounts:
        if _agree(dimension, one.dimension):
            yield one.value
        if dimension == one.dimension == "%":
            yield 100 - one.value
    for a, b in permutations(amounts, 2):
        if _agree(a.dimension, b.dimension):
            if _agree(dimension, a.dimension or b.dimension):
                yield a.value + b.value
            if _agree(dimension, a.dimension or b.dimension) or not dimension:
                yield a.value - b.value
            if dimension == "%":
                yield 100 * a.value / b.value
                yield 100 * abs(a.value - b.value) / b.value
                yield 100 * a.value / (a.value + b.value)
            if not dimension:
                yield a.value / b.value
            if dimension == _TIME:  # 60 million at 200,000 a day: 300 days
                yield a.value / b.value * wanted.value / wanted.written
        if b.dimension in ("", _TIME) and _agree(dimension, a.dimension):
            yield a.value * b.written
            yield a.value / b.written
        if b.dimension == "%" and a.dimension != "%" and _agree(dimension, a.dimension):
            yield a.value * b.value / 100
            yield a.value * (100 - b.value) / 100
            yield a.value * 100 / b.value


def _agree(a: str, b: str) -> bool:
    """A bare count may be of anything but a share."""
    return a == b or ("%" not in (a, b) and "" in (a, b))
