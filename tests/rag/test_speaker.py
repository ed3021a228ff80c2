"""Who says a sentence."""

from __future__ import annotations

import pytest

from rag.speaker import speaker

TEXT = (
    "Olav Brekke, the captain of the ferry, said that he would miss the crossing. “I have made it forty thousand times,” he said.\n\n"
    "The bridge is red. According to Mayor Aino Virtanen, it will be painted again.\n\n"
    "“Nobody asked us. We live here,” said Ingrid Solberg, a fisher. She wants the ferry back.\n"
)


def says(quote: str, text: str = TEXT, language: str = "en") -> str | None:
    start = text.index(quote)
    return speaker(text, start, start + len(quote), language)


@pytest.mark.parametrize(
    ("quote", "name"),
    [
        ("Olav Brekke, the captain of the ferry, said that he would miss the crossing.", "Brekke"),
        ("“I have made it forty thousand times,” he said.", "Olav Brekke"),
        ("According to Mayor Aino Virtanen, it will be painted again.", "Virtanen"),
        ("“Nobody asked us.", "Ingrid Solberg"),
        ("We live here,” said Ingrid Solberg, a fisher.", "Ingrid Solberg"),
    ],
)
def test_english(quote: str, name: str) -> None:
    assert name in (says(quote) or "")


def test_nobody_says_a_plain_statement() -> None:
    assert says("The bridge is red.") is None


@pytest.mark.parametrize(
    ("text", "language", "name"),
    [
        ("– Det är vansinne, säger Karin Lövgren, som bor vid hamnen.", "sv", "Karin Lövgren"),
        ("Enligt Karin Lövgren är bron för dyr.", "sv", "Karin Lövgren"),
        ("Der Architekt Matthias Kellner sagte, die Brücke sei sicher.", "de", "Matthias Kellner"),
        ("El puente es seguro, dijo Ana Torres.", "es", "Ana Torres"),
    ],
)
def test_other_languages(text: str, language: str, name: str) -> None:
    assert name in (speaker(text, 0, len(text), language) or "")


def test_a_country_is_no_person() -> None:
    text = "China announced the plan on Monday."
    assert speaker(text, 0, len(text), "en") is None
