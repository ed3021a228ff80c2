"""What is understood of a question: kind, dates, parts, what the history adds."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import InputError
from rag.question import MAX_LENGTH, Question, understand

CORPUS = {"en": 30, "sv": 30, "de": 30, "es": 30}
TODAY = date(2026, 3, 1)


def read(text: str, *earlier: str) -> Question:
    return understand(text, CORPUS, history=[(q, "So they say.") for q in earlier], today=TODAY)


@pytest.mark.parametrize(
    ("text", "language", "kind"),
    [
        ("Who signed the declaration?", "en", "person"),
        ("When did Panama leave?", "en", "date"),
        ("Where is the port?", "en", "place"),
        ("How much did it cost?", "en", "amount"),
        ("How many projects are finished?", "en", "count"),
        ("Why did BYD give up its plant?", "en", "reason"),
        ("What share of Chancay does Cosco own?", "en", "share"),
        ("How long does the voyage take?", "en", "duration"),
        ("What did Wang Yi say?", "en", "anything"),
        ("Tell me about Chancay", "en", "anything"),
        ("Vem öppnade hamnen?", "sv", "person"),
        ("När lämnade Panama avtalet?", "sv", "date"),
        ("Var ligger hamnen?", "sv", "place"),
        ("Hur mycket kostade hamnen?", "sv", "amount"),
        ("Hur många länder är med?", "sv", "count"),
        ("Varför lade BYD ned planerna?", "sv", "reason"),
        ("Hur stor andel av körsbären går till Kina?", "sv", "share"),
        ("Hur länge tar resan?", "sv", "duration"),
        ("Wer eröffnete den Hafen?", "de", "person"),
        ("Wen traf Xi Jinping in Lima?", "de", "person"),
        ("Wann verließ Panama das Abkommen?", "de", "date"),
        ("Wo liegt der Hafen?", "de", "place"),
        ("Wie viel kostete der Hafen?", "de", "amount"),
        ("Wie viele Länder sind dabei?", "de", "count"),
        ("Warum gab BYD die Fabrik auf?", "de", "reason"),
        ("Welcher Anteil am Hafen gehört Cosco?", "de", "share"),
        ("Wie lange dauert die Fahrt?", "de", "duration"),
        ("¿Quién inauguró el puerto?", "es", "person"),
        ("¿Cuándo salió Panamá?", "es", "date"),
        ("¿Dónde está el puerto?", "es", "place"),
        ("¿Cuánto costó el puerto?", "es", "amount"),
        ("¿Cuántos países participan?", "es", "count"),
        ("¿Por qué renunció BYD a la planta?", "es", "reason"),
        ("¿Qué porcentaje del puerto es de Cosco?", "es", "share"),
        ("¿Cuánto tiempo dura el viaje?", "es", "duration"),
    ],
)
def test_the_kind_of_thing_asked_for(text: str, language: str, kind: str) -> None:
    question = read(text)
    assert (question.language, question.wanted) == (language, kind)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Hwo much did the port cost?", "amount"),
        ("Waht share does Cosco own?", "share"),
        ("Wehn did Panama leave?", "date"),
        ("Wen did Panama leave the agreement?", "date"),
        ("Whoo signed it?", "person"),
        ("Whre is the port?", "place"),
        ("Wy did BYD stop?", "reason"),
        ("Vme öppnade hamnen?", "person"),
        ("Nar lämnade Panama avtalet?", "date"),
        ("Varfor lade BYD ned sina planer?", "reason"),
        ("Hur mycekt kostade hamnen?", "amount"),
        ("Hru många länder är med?", "count"),
        ("cuanto costo el puerto", "amount"),
    ],
)
def test_misspelt_question_words_are_understood(text: str, kind: str) -> None:
    assert read(text).wanted == kind


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("What was trade in 2021?", {2021}),
        ("Trade in 2018 or in 2019?", {2018, 2019}),
        ("What happened last year?", {2025}),
        ("Vad hände förra året?", {2025}),
        ("Vad blev handeln i fjol?", {2025}),
        ("¿Qué pasó el año pasado?", {2025}),
        ("Was geschah letztes Jahr?", {2025}),
        ("What is planned for next year?", {2027}),
        ("How many tonnes were 2,021 boxes?", set()),
        ("Who signed it?", set()),
    ],
)
def test_years_asked_for(text: str, years: set[int]) -> None:
    assert read(text).years == years


def test_months_asked_for() -> None:
    assert {(m.year, m.month) for m in read("What was signed in January 2018?").moments} == {(2018, 1)}
    assert {(m.year, m.month) for m in read("Vad hände förra månaden?").moments} == {(2026, 2)}
    january = understand("What happened last month?", CORPUS, today=date(2026, 1, 31))
    assert {(m.year, m.month) for m in january.moments} == {(2025, 12)}


@pytest.mark.parametrize(
    "text", ["the latest figure for trade", "senaste siffran för handeln", "¿Cuál es la cifra más reciente?"]
)
def test_the_latest_is_asked_for(text: str) -> None:
    assert read(text).latest and not read("Who signed the declaration?").latest


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Who signed it, and when?", 2),
        ("How long is the line and what does it cost?", 2),
        ("Vem öppnade hamnen och vad kostade den?", 2),
        ("Wer eröffnete den Hafen und wie viel kostete er?", 2),
        ("¿Quién inauguró el puerto y cuánto costó?", 2),
        ("Who signed it? When was that?", 2),
        ("What is the trade between China and Brazil?", 0),
        ("What did Xi and Lula say?", 0),
        ("Who signed it?", 0),
    ],
)
def test_parts(text: str, parts: int) -> None:
    found = read(text).parts
    assert len(found) == parts
    assert all(part.endswith("?") for part in found)


@pytest.mark.parametrize(
    ("earlier", "text", "holds", "lacks"),
    [
        ("How much did China and Latin America trade in 2021?", "And the year after?", ["2022", "trade", "China"], ["2021"]),
        ("How much did China and Latin America trade in 2021?", "the year before?", ["2020"], ["2021"]),
        ("How much was the trade in 2021?", "And in 2024?", ["2024", "trade"], ["2021"]),
        ("What did Chile say about the credit line?", "What did Brazil say?", ["Brazil", "credit line"], ["Chile"]),
        ("Hur stor är kreditlinan i yuan?", "Och hur mycket var det i euro?", ["euro", "kreditlinan"], []),
        ("How many tonnes of cherries did Chile export in 2021?", "And how much of it went to China?", ["cherries", "2021"], []),
        ("Vem öppnade hamnen i Chancay?", "Och när?", ["Chancay"], []),
        ("Wer eröffnete den Hafen in Chancay?", "Und wann?", ["Chancay", "Hafen"], []),
        ("When did Panama join the Belt and Road?", "And when did it leave?", ["Panama", "leave"], []),
    ],
)  # fmt: skip
def test_a_follow_up_stands_alone(earlier: str, text: str, holds: list[str], lacks: list[str]) -> None:
    made = read(text, earlier)
    assert made.text == text and text in made.standalone
    added = made.standalone.removeprefix(text)
    assert all(word in made.standalone for word in holds)
    assert not any(word in added for word in lacks)


def test_a_new_question_takes_nothing_over() -> None:
    new = "How far is Shanghai from Gothenburg by train?"
    assert read(new, "Who opened the port of Chancay?").standalone == new


def test_a_follow_up_of_a_follow_up() -> None:
    made = read("And the year after?", "How much was the trade with China in 2021?", "And in 2023?")
    assert made.years == {2024} and "trade" in made.standalone


def test_what_a_model_made_of_it_wins() -> None:
    made = understand("And then?", CORPUS, history=[("a", "b")], standalone="What did Peru do in 2024?")
    assert made.standalone == "What did Peru do in 2024?" and made.years == {2024}


@pytest.mark.parametrize("text", ["", "   \n", "?!", "why " * MAX_LENGTH])
def test_what_is_no_question_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refused:
        read(text)
    assert refused.value.hint


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(
            st.sampled_from(["who", "vem", "2021", "and", "och", "66", "%", "miljarder", "last", "year", "?", "(", "[", ".", "1,2", "$", "Xi", "när", "é", "\x00", "́", "’s"]), max_size=12
        ).map(" ".join),
    ),
    st.lists(st.text(max_size=60), max_size=3),
)  # fmt: skip
def test_any_text_is_read_or_refused(text: str, earlier: list[str]) -> None:
    try:
        question = understand(text, CORPUS, history=[(e, "") for e in earlier], today=TODAY)
    except InputError:
        return
    assert question.language and question.standalone and "\0" not in question.text
