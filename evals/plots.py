"""Small plots as inline SVG, for reports that need nothing from elsewhere. Colours come from their style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil

Bar = tuple[
    str, float, float, float, int
]  # label, value, low and high end of its interval, number of questions
_ROW, _LABEL, _WIDTH = 22, 190, 420
_W, _H, _PAD = 460, 240, 40


def bars(rows: Sequence[Bar]) -> str:
    """Values from 0 to 1 as horizontal bars with their intervals."""
    parts = []
    for n, (label, value, low, high, count) in enumerate(rows):
        y = n * _ROW + 4
        middle = y + _ROW / 2 - 3
        left, thick = _LABEL + _WIDTH * low, _ROW - 6
        parts += [
            f'<text x="{_LABEL - 8}" y="{middle + 4:.0f}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="back" x="{_LABEL}" y="{y}" width="{_WIDTH}" height="{thick}"/>',
            f'<rect class="bar" x="{_LABEL}" y="{y}" width="{_WIDTH * value:.1f}" height="{thick}"/>',
            f'<path class="whisker" d="M{left:.1f} {middle:.1f}H{_LABEL + _WIDTH * high:.1f}"/>',
            f'<text x="{_LABEL + _WIDTH + 8}" y="{middle + 4:.0f}">{value:.2f} ',
            f'<tspan class="faint">n {count}</tspan></text>',
        ]
    return _svg(_LABEL + _WIDTH + 90, len(rows) * _ROW + 8, parts)


def lines(
    series: Mapping[str, Sequence[float | None]], labels: Sequence[str], low: float = 0.0, high: float = 1.0
) -> str:
    """One line a series over evenly spaced runs; gaps where a run has no value."""
    count = max(len(labels), 2)
    parts = _frame(low, high, ((0, labels[0]), (count - 1, labels[-1])) if labels else (), count - 1)
    for n, (name, values) in enumerate(series.items()):
        points = [(_x(i / (count - 1)), _y(v, low, high)) for i, v in enumerate(values) if v is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="line c{n % 6}" points="{path}"/>')
        parts += [f'<circle class="dot c{n % 6}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in points]
        y = 16 + 18 * n
        parts.append(f'<rect class="dot c{n % 6}" x="{_W + 8}" y="{y - 8}" width="10" height="10"/>')
        parts.append(f'<text x="{_W + 24}" y="{y + 1}">{escape(name)}</text>')
    return _svg(_W + 210, max(_H, 18 * len(series) + 20), parts)


def histogram(values: Sequence[float], unit: str = "ms", bins: int = 30) -> str:
    """How often which value; the last bin takes all beyond the 95th percentile."""
    if not values:
        return ""
    top = sorted(values)[min(len(values) - 1, int(0.95 * len(values)))] or 1.0
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int(bins * value / top))] += 1
    most = max(counts)
    parts = _frame(0, most, ((0, "0"), (bins, f"{top:.0f} {unit} or more")), bins)
    width = (_W - 2 * _PAD) / bins
    for n, count in enumerate(counts):
        x, y = _x(n / bins), _y(count, 0, most)
        size = f'width="{width - 1:.1f}" height="{_H - _PAD - y:.1f}"'
        parts.append(f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" {size}/>')
    return _svg(_W, _H, parts)


def reliability(pairs: Sequence[tuple[float, bool]], bins: int = 10) -> str:
    """How often what was predicted with so much confidence came true (Murphy and Winkler 1977). The diagonal
    is ideal; a dot's area tells how many predictions it stands for."""
    parts = _frame(0, 1, ((0, "0"), (1, "1")), 1)
    parts.append(f'<path class="whisker" d="M{_x(0)} {_y(0, 0, 1)}L{_x(1)} {_y(1, 0, 1)}"/>')
    groups: dict[int, list[tuple[float, bool]]] = {}
    for confidence, true in pairs:
        groups.setdefault(min(bins - 1, int(bins * confidence)), []).append((confidence, true))
    for group in groups.values():
        x = sum(c for c, _ in group) / len(group)
        y = sum(t for _, t in group) / len(group)
        radius = 3 + 12 * (len(group) / len(pairs)) ** 0.5
        parts.append(
            f'<circle class="dot c0" cx="{_x(x):.1f}" cy="{_y(y, 0, 1):.1f}" r="{radius:.1f}">'
            f"<title>{len(group)} at {x:.2f}: {y:.2f} answerable</title></circle>"
        )
    return _svg(_W, _H, parts)


def _frame(low: float, high: float, marks: Sequence[tuple[float, str]], last: float) -> list[str]:
    parts = []
    for step in range(5):
        value = low + (high - low) * step / 4
        y = _y(value, low, high)
        shown = f"{ceil(value)}" if high > 1 else f"{value:.2f}"
        parts.append(f'<path class="grid" d="M{_PAD} {y:.1f}H{_W - _PAD}"/>')
        parts.append(f'<text x="{_PAD - 6}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>')
    for at, label in marks:
        parts.append(
            f'<text x="{_x(at / last):.1f}" y="{_H - _PAD + 18}" text-anchor="middle">{escape(label)}</text>'
        )
    return parts


def _x(share: float) -> float:
    return _PAD + (_W - 2 * _PAD) * share


def _y(value: float, low: float, high: float) -> float:
    return _H - _PAD - (_H - _PAD - 12) * (value - low) / ((high - low) or 1)


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img">{"".join(parts)}</svg>'
    )
