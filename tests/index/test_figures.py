"""Figures, dates and countries: never a crash, never an offset outside the text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.countries import territories
from index.dates import moments
from index.figures import figures
from index.words import fold

LANGUAGES = st.sampled_from(["en", "sv", "de", "es", "fr", "ru", "zh", "und", "xx"])
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            [
                "9,2",
                "9.2",
                "1,125",
                "1.000.000",
                "billion",
                "miljarder",
                "%",
                "percent",
                "US$",
                "$",
                "kr",
                "half",
                "tenths",
                "nine",
                "a",
                "third",
                "of",
                "the",
                "May",
                "2018",
                "2018-01-31",
                "31/12/2020",
                "00",
                "99999999999999999999999",
                "1e9",
                "-3",
                "½",
                "²",
                "in",
                "december",
                "tisdag",
                "1st",
                "3:e",
            ]
        ),
        max_size=30,
    ).map(" ".join),
    st.integers(1, 500).map(lambda n: "9" * n + " billion"),
    st.text(alphabet="0123456789.,-–/ %$€kmbn\u00a0½²", max_size=80),
)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, language=LANGUAGES)
def test_any_text(text: str, language: str) -> None:
    for figure in figures(text, language):
        assert 0 <= figure.start < figure.end <= len(text)
        assert math.isfinite(figure.value)
    for moment in moments(text, language):
        assert 0 <= moment.start < moment.end <= len(text)
        assert moment.iso() == "" or moment.year
    territories(text, language)
    fold(text)


@pytest.mark.parametrize(
    ("text", "language", "value", "unit"),
    [
        ("66 billion yuan", "en", 66e9, "CNY"),
        ("66 miljarder yuan", "sv", 66e9, "CNY"),
        ("66.000 millones de yuanes", "es", 66e9, "CNY"),
        ("$9.2 billion", "en", 9.2e9, "USD"),
        ("9,2 Milliarden Dollar", "de", 9.2e9, "USD"),
        ("91 per cent", "en", 91, "%"),
        ("nine tenths", "en", 90, "%"),
        ("sechsundzwanzig Züge", "de", 26, ""),
        ("tjugosex tåg", "sv", 26, ""),
        ("fyrtiosex tåg", "sv", 46, ""),
        ("soixante-quinze trains", "fr", 75, ""),
        ("doscientas cincuenta casas", "es", 250, ""),
        ("zweihunderttausend Euro", "de", 200e3, "EUR"),
        ("two thousand three hundred boats", "en", 2300, ""),
        ("tres cuartas partes", "es", 75, "%"),
        ("half a million euros", "en", 500e3, "EUR"),
        ("un quart de million d'euros", "fr", 250e3, "EUR"),
    ],
)
def test_one_amount_in_many_writings(text: str, language: str, value: float, unit: str) -> None:
    (found,) = figures(text, language)
    assert (found.value, found.unit) == (pytest.approx(value), unit)


@pytest.mark.parametrize(
    ("text", "language", "iso"),
    [
        ("on 22 January 2018", "en", "2018-01-22"),
        ("January 22, 2018", "en", "2018-01-22"),
        ("den 22 januari 2018", "sv", "2018-01-22"),
        ("22 de enero de 2018", "es", "2018-01-22"),
        ("2018-01-22", "en", "2018-01-22"),
    ],
)
def test_dates(text: str, language: str, iso: str) -> None:
    assert [m.iso() for m in moments(text, language)] == [iso]


def test_countries_in_two_languages() -> None:
    assert territories("Chile and China's Brazil", "en") == territories("Chile och Kinas Brasilien", "sv")


@pytest.mark.parametrize(
    ("text", "language", "per"),
    [
        ("4,000 dollars each a month", "en", "month"),
        ("52 miljoner kronor om året", "sv", "year"),
        ("310.000 euros al mes", "es", "month"),
        ("monatlich 3,1 Millionen Euro", "de", "month"),
        ("5 000 euros par jour", "fr", "day"),
        ("4,000 dollars", "en", ""),
    ],
)
def test_rates(text: str, language: str, per: str) -> None:
    assert figures(text, language)[0].per == per


def test_bounds() -> None:
    more, less = (
        figures("more than half of the boats, mindre än 20", "en")[0],
        figures("moins de 20 bateaux", "fr")[0],
    )
    assert (more.bound, less.bound) == ("more", "less") and more.approx and less.approx
