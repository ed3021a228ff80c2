"""index/about.py: what a text says about itself, and what must not be taken for it."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.about import fields_from, parse_date, said_by_text

SEEDS = Path(__file__).parents[3] / "shared" / "seeds"
PROSE = (
    "The harbour opened again after a strike of three weeks, and the first ships were unloaded before noon."
)


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2023-01-26", "2023-01-26"),
        ("2023-01-26T23:30:00-08:00", "2023-01-26"),
        ("2023-01", "2023-01"),
        ("2023", "2023"),
        ("20230126", "2023-01-26"),
        ("2023/1/6", "2023-01-06"),
        ("26 January 2023", "2023-01-26"),
        ("January 26th, 2023", "2023-01-26"),
        ("Jan. 26, 2023, 14:05", "2023-01-26"),
        ("Thu, 26 Jan 2023 10:00:00 +0000", "2023-01-26"),
        ("torsdagen den 26 januari 2023 kl. 14.05", "2023-01-26"),
        ("26. Januar 2023", "2023-01-26"),
        ("26 de enero de 2023", "2023-01-26"),
        ("1er mars 2023", "2023-03-01"),
        ("26. tammikuuta 2023", "2023-01-26"),
        ("26 gennaio 2023", "2023-01-26"),
        ("May 2018", "2018-05"),
        ("26.1.2023", "2023-01-26"),
        ("13/04/2018", "2018-04-13"),
        ("04/13/2018", "2018-04-13"),
        ("03/04/2018", "2018"),  # March or April
        ("26 Jan 23", None),
        ("yesterday", None),
        ("Monday", None),
        ("26 January", None),
        ("31 February 2020", None),
        ("2018-13-01", None),
        ("12345", None),
        ("", None),
    ],
)
def test_dates(written: str, date: str | None) -> None:
    assert parse_date(written) == date


@given(st.dates(min_value=datetime.date(1900, 1, 1), max_value=datetime.date(2099, 12, 31)))
def test_iso_dates_come_back(date: object) -> None:
    assert parse_date(str(date)) == str(date)


@settings(deadline=None)  # the first text loads packs and the language model
@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    said = said_by_text(text)
    assert 0 <= said.body <= len(text)
    assert set(said.fields) <= {"title", "publisher", "author", "published", "language", "genre"}
    date = parse_date(text)
    assert date is None or re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", date)


@pytest.mark.parametrize(
    ("first_line", "publisher"),
    [
        ("SANTIAGO (Reuters) - ", "Reuters"),
        ("NEW YORK/LONDON (Reuters) – ", "Reuters"),
        ("BEIJING, Jan. 22 (Xinhua) -- ", "Xinhua"),
        ("Berlin (dpa) - ", "dpa"),
        ("Berlin (dpa/AFP) - ", "dpa/AFP"),
        ("STOCKHOLM (TT) ", "TT"),
        ("OSLO (Meridian News) - ", "Meridian News"),
        ("(Reuters) - ", "Reuters"),
        ("The Community of Latin American States (CELAC) - ", None),
        ("Senator John Smith (R) - ", None),
        ("Kina (Folkrepubliken) - ", None),
        ("In his article (China Daily, Feb 18, 2025), ", None),
    ],
)
def test_datelines(first_line: str, publisher: str | None) -> None:
    fields = said_by_text(first_line + PROSE).fields
    assert fields.get("publisher") == publisher
    assert fields.get("genre") == ("report" if publisher else None)
    assert "published" not in fields


def test_a_dateline_inside_the_text_is_none() -> None:
    assert "publisher" not in said_by_text(f"{PROSE * 2}\nSANTIAGO (Reuters) - {PROSE}").fields


@pytest.mark.parametrize(
    ("tail", "publisher"),
    [
        (
            "The author is a researcher.\nThe views do not necessarily reflect those of China Daily.",
            "China Daily",
        ),
        (
            "The opinions expressed here do not necessarily represent the views of the Harbour Review.",
            "Harbour Review",
        ),
        ("The views expressed are the author's own and not necessarily those of this newspaper.", None),
        ("Skribenten är forskare.\nÅsikterna i texten är skribentens egna.", None),
        ("Åsikterna återspeglar inte nödvändigtvis Nordsyns uppfattning.", "Nordsyn"),
        ("Åsikterna speglar inte nödvändigtvis dem hos Nordsyn.", "Nordsyn"),
        ("Författaren är docent i statskunskap.", None),
        (
            "Der Autor ist Berater. Die Meinung spiegelt nicht unbedingt die Auffassung von Tageblatt wider.",
            "Tageblatt",
        ),
        ("El autor es economista.\nLas opiniones no reflejan necesariamente las de El Faro.", "El Faro"),
        (
            "L’auteur est chercheur.\nLes opinions ne reflètent pas forcément celles de La Dépêche.",
            "La Dépêche",
        ),
    ],
)
def test_opinion(tail: str, publisher: str | None) -> None:
    fields = said_by_text(f"{PROSE}\n{PROSE}\n{tail}").fields
    assert fields["genre"] == "opinion"
    assert fields.get("publisher") == publisher


@pytest.mark.parametrize(
    "mark", ["Opinion: Open the harbour", "DEBATT | Öppna hamnen", "# Ledare: Öppna hamnen"]
)
def test_marked_opinion(mark: str) -> None:
    assert said_by_text(f"{mark}\n\n{PROSE}").fields["genre"] == "opinion"


@pytest.mark.parametrize(
    "text",
    [
        "Public opinion: what the polls say is not what the voters do when it comes to the harbour.\n"
        + PROSE,
        f"{PROSE} The author is unknown to the police, officials said.\n{PROSE}",
        f"{PROSE}\nEditorial staff at the paper went on strike.",
    ],
)
def test_no_opinion(text: str) -> None:
    assert said_by_text(text).fields.get("genre") != "opinion"


def test_desk_credits_make_a_report_but_no_author() -> None:
    fields = said_by_text(f"{PROSE}\nAdditional reporting by Anna Ek; Editing by Bo Al").fields
    assert fields == {"genre": "report"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f" date 2023-01-26 {PROSE}", {"published": "2023-01-26"}),
        (f"Published: 26 January 2023\n\n{PROSE}", {"published": "2023-01-26"}),
        (f"Publicerad 26 januari 2023 14.05\n{PROSE}", {"published": "2023-01-26"}),
        (f"Harbour open\n\nBy Jane Doe\n26 January 2023\n\n{PROSE}",
         {"title": "Harbour open", "author": "Jane Doe", "published": "2023-01-26"}),
        (f"# Hamnen öppnar\n\nAv Anna Ek och Bo Al\n\n{PROSE}",
         {"title": "Hamnen öppnar", "author": "Anna Ek och Bo Al"}),
        (f"Titel: Hamnen\nKälla: Nordsyn\nDatum: 2023-01-26\n\n{PROSE}",
         {"title": "Hamnen", "publisher": "Nordsyn", "published": "2023-01-26"}),
        (f"By Monday the harbour was open.\n\n{PROSE}", {}),
        (f"{PROSE}\n\n{PROSE} It was founded on 26 January 1923.", {}),
        (f"{PROSE}\nUpdated: 26 January 2023", {}),
    ],
)  # fmt: skip
def test_heads(text: str, expected: dict[str, str]) -> None:
    said = said_by_text(text)
    assert said.fields == expected
    assert said.published_inferred is None


def test_leading_date_is_no_part_of_the_body() -> None:
    text = f" date 2023-01-26 {PROSE}"
    assert text[said_by_text(text).body :] == PROSE


@pytest.mark.parametrize(
    ("text", "inferred"),
    [
        ("The harbour opens today, 26 January 2023, said the council.", "2023-01"),
        ("Hamnen öppnar i dag, den 26 januari 2023, säger staden.", "2023-01"),
        ("The harbour opened on Monday, 22 January 2018, after a strike.", "2018-01"),
        (
            "The harbour opened on Monday, 29 January 2018, after a strike.",
            "2018",
        ),  # written perhaps in February
        ("The harbour opened on Tuesday, 22 January 2018, after a strike.", None),  # that was a Monday
        (f"{PROSE}\n© 2018 Kustposten", "2018"),
        ("Trade has grown by a tenth so far in 2018.", "2018"),
        ("Trade has grown by a tenth so far in 2018. In 2019 it fell.", None),
        ("Exports rose for the first 11 months of 2025, according to data from early December.", None),
        (PROSE, None),
    ],
)
def test_inference(text: str, inferred: str | None) -> None:
    said = said_by_text(text)
    assert "published" not in said.fields
    assert said.published_inferred == inferred


def test_fields_from_anything() -> None:
    raw = {
        "headline": ["A", "B"], "Source": "https://x.example/a", "Författare": {"name": "Anna Ek"},
        "og:date": "2023-01-26", "lang": "sv-SE", "section": "Sport", "nested": [[["x"]]], 5: None,
        "genre": "Debatt",
    }  # fmt: skip
    assert fields_from(raw) == {
        "title": "A, B",
        "author": "Anna Ek",
        "published": "2023-01-26",
        "language": "sv",
        "genre": "opinion",
    }


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the shared sample is not on this machine")
def test_the_shared_sample() -> None:
    said = [said_by_text(path.read_text(encoding="utf-8")) for path in sorted(SEEDS.glob("*.txt"))]
    assert [one.fields for one in said] == [
        {"publisher": "Reuters", "genre": "report"},
        {},
        {},
        {"published": "2023-01-26"},
        {"publisher": "China Daily", "genre": "opinion"},
    ]
    assert {one.published_inferred for one in said} == {None}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (
            "Strandposten\n\nBryggan blev dyrare\n\nVIKBY, 14 maj 2019. Regnet föll när bryggan invigdes.\n",
            {"published": "2019-05-14", "publisher": "Strandposten", "title": "Bryggan blev dyrare"},
        ),
        (
            "LOWBRIDGE, Monday 20 March 2023 (Coastwire)\n\nThe two ports signed an agreement on Thursday.\n",
            {"published": "2023-03-20"},
        ),
        (
            "Ferry to end\n\nBy Karin Ek, North Post, 12 May 2023\n\nThe last ferry leaves in June.\n",
            {
                "published": "2023-05-12",
                "publisher": "North Post",
                "author": "Karin Ek",
                "title": "Ferry to end",
            },
        ),
        (
            "Le Courrier des Monts — samedi 15 avril 2023\n\nLa ministre recule\n\nElle a parlé une heure.\n",
            {"published": "2023-04-15", "publisher": "Le Courrier des Monts", "title": "La ministre recule"},
        ),
        (
            "Kommentar\n\nWer zahlt\n\nVon Jörn Hell\nUferstädter Anzeiger, 7. Oktober 2023\n\nIch bin dagegen.\n",
            {
                "published": "2023-10-07",
                "publisher": "Uferstädter Anzeiger",
                "genre": "opinion",
                "title": "Wer zahlt",
            },
        ),
        (
            "La mina divide al pueblo\nLa Voz del Valle\nSanta Rita, 21 de mayo de 2022\n\nCerrada desde 1986.\n",
            {"published": "2022-05-21", "publisher": "La Voz del Valle", "title": "La mina divide al pueblo"},
        ),
    ],
)
def test_the_lines_over_an_article_give_date_newspaper_and_headline(
    text: str, fields: dict[str, str]
) -> None:
    assert said_by_text(text).fields.items() >= fields.items()


@pytest.mark.parametrize(
    "text",
    [
        "On Tuesday 16 May 2023 the harbour was closed, the mayor said.\n\nIt will open again in June.\n",
        "Berlin, 12. April 2022 forderte die Regierung ein Gesetz, das bis heute fehlt.\n\nMehr dazu morgen.\n",
        "The Evening Post sold to a fund on 3 March 2021 for 12 million.\n\nStaff were told by letter.\n",
    ],
)
def test_a_date_in_a_sentence_is_not_the_articles(text: str) -> None:
    assert "published" not in said_by_text(text).fields
