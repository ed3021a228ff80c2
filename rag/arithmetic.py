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
    {"m": 1, "km": 1000, "mi": 1609.34},
    {"kW": 1, "MW": 1e3, "GW": 1e6},
    {"kWh": 1, "MWh": 1e3, "GWh": 1e6, "TWh": 1e9},
    {"%": 1, "pp": 1},
)
_DIMENSION = {unit: (min(units, key=len), worth) for units in _DIMENSIONS for unit, worth in units.items()}


@dataclass(frozen=True, slots=True)
class Amount:
    """value: in the unit that stands for its dimension (`""` for a bare count)."""

    value: float
    dimension: str


def amount(figure: Figure) -> Amount:
    dimension, worth = _DIMENSION.get(figure.unit, (figure.unit, 1.0))
    return Amount(figure.value * worth, dimension)


def follows(figure: Figure, given: Sequence[Figure]) -> bool:
    wanted = amount(figure)
    worth = wanted.value / figure.value if figure.value else 1.0
    if figure.unit == "%" and not figure.digits:  # a quarter, two thirds
        slack = 0.12 * figure.value
    elif figure.approx:
        slack = max(min(figure.step, 0.1 * figure.value), 0.5 * min(figure.step, figure.value))
    else:
        slack = 0.5 * min(figure.step, 0.05 * figure.value)
    amounts = list({amount(other) for other in given if other.kind not in ("ordinal", "year") and other.value})
    found = _made(wanted.dimension, amounts)
    if wanted.dimension == _DIMENSION["day"][0] and any(
        abs(wanted.value - other.value) <= 0.09 * wanted.value for other in amounts if other.dimension == wanted.dimension
    ):
        return True
    return any(abs(value - wanted.value) <= slack * worth + 1e-6 * abs(value) for value in found)


def with_scales(figures: Sequence[Figure], among: Sequence[Figure] = ()) -> list[Figure]:
    """The figures, and the bare ones once more with the scales and units of the others ("from 420 to 565 million")."""
    scaled = {(f.scale, f.unit, f.kind) for f in among or figures if f.scale > 1}
    return [
        *figures,
        *(
            replace(f, value=f.value * scale, step=f.step * scale, scale=scale, unit=unit, kind=kind)
            for f in figures
            if f.kind == "amount" and not f.unit and f.scale == 1 and f.value < 1000
            for scale, unit, kind in scaled
        ),
    ]


def in_so_many(text: str, figures: Sequence[Figure]) -> Iterator[tuple[Figure, tuple[Figure, ...]]]:
    """Bare counts that may be a share with the one beside them ("nine in ten", "one in six") → the share."""
    bare = [f for f in figures if f.kind == "amount" and not f.unit and f.value <= 100]
    for f in bare:
        shares = [
            (min(f.value, g.value) / max(f.value, g.value))
            for g in bare
            if g is not f and max(f.start, g.start) - min(f.end, g.end) < 12
        ]
        if not f.digits and f.value <= 20:
            shares.append(1 / f.value)
        yield f, tuple(Figure(100 * s, "percent", "%", f.start, f.end, True, False) for s in shares)


def _made(dimension: str, amounts: Sequence[Amount]) -> Iterator[float]:
    """The values of a dimension that can be made of the amounts."""
    for one in amounts:
        if _agree(dimension, one.dimension):
            yield one.value
        if dimension == one.dimension == "%":
            yield 100 - one.value
    for a, b in permutations(amounts, 2):
        if _agree(a.dimension, b.dimension):
            if _agree(dimension, a.dimension or b.dimension):
                yield a.value + b.value
                yield a.value - b.value
            if dimension == "%":
                yield 100 * a.value / b.value
                yield 100 * abs(a.value - b.value) / b.value
                yield 100 * a.value / (a.value + b.value)
            if not dimension:
                yield a.value / b.value
        if not b.dimension and _agree(dimension, a.dimension):
            yield a.value * b.value
            yield a.value / b.value
        if b.dimension == "%" and a.dimension != "%" and _agree(dimension, a.dimension):
            yield a.value * b.value / 100
            yield a.value * (100 - b.value) / 100
            yield a.value * 100 / b.value


def _agree(a: str, b: str) -> bool:
    """A bare count may be of anything but a share."""
    return a == b or ("%" not in (a, b) and "" in (a, b))
