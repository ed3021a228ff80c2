"""Dossier's own words, in the reader's language."""

from __future__ import annotations

from string import Formatter

import pytest

from index.languages import codes, pack
from rag import phrases


def test_every_language_says_the_same_things() -> None:
    english = pack("en").says
    for language in codes():
        own = pack(language).says
        assert own.keys() == english.keys(), language
        for key, text in own.items():
            assert [f[1] for f in Formatter().parse(text) if f[1]] == [
                f[1] for f in Formatter().parse(english[key]) if f[1]
            ]


def test_an_unknown_language_is_answered_in_english() -> None:
    assert phrases.say("not_found", "fi") == phrases.say("not_found", "en") == "The articles do not say."


@pytest.mark.parametrize(
    ("published", "language", "shown"),
    [
        ("2018-01-22", "en", "22 January 2018"),
        ("2018-01-22", "sv", "22 januari 2018"),
        ("2018-01-22", "de", "22. Januar 2018"),
        ("2018-01-22", "es", "22 de enero de 2018"),
        ("2018-01", "en", "January 2018"),
        ("2018-01", "sv", "januari 2018"),
        ("2018", "en", "2018"),
        ("2018-01-22", "fi", "22 January 2018"),
        ("2018-13-45", "en", "2018-13-45"),
        (None, "en", None),
        ("", "en", None),
    ],
)
def test_dates_as_people_write_them(published: str | None, language: str, shown: str | None) -> None:
    assert phrases.shown_date(published, language) == shown


def test_either() -> None:
    assert phrases.either([], "en") == ""
    assert phrases.either(["2016"], "en") == "2016"
    assert phrases.either(["2016", "Peru", "Lima"], "en") == "2016, Peru or Lima"
    assert phrases.either(["2016", "Peru"], "sv") == "2016 eller Peru"
