from __future__ import annotations

import pytest

from tests.ui.made import ABSENT, ANSWER, REMOVED, STATEMENT
from ui import text as plain


@pytest.mark.parametrize(
    ("published", "basis", "shown"),
    [
        ("2018-01-22", "stated", "22 January 2018"),
        ("2018-01", "stated", "January 2018"),
        ("2018", "inferred", "2018 (inferred)"),
        (None, "unknown", "date unknown"),
        ("2018-99", "stated", "2018"),
    ],
)
def test_dates_are_as_precise_as_they_are_known(published: str | None, basis: str, shown: str) -> None:
    assert plain.day(published, basis) == shown


def test_an_answer_on_a_terminal() -> None:
    text = plain.terminal(ANSWER, 60)
    assert max(map(len, text.splitlines())) <= 60
    flat = " ".join(text.split())
    assert flat.startswith("Understood as: What did the port of Chancay cost?")
    assert (
        "[1] Pacific Ledger, J. Reyes, November 2024 (inferred), opinion, “A port opens” (port.md, en)"
        in flat
    )
    assert "“The port cost $1.3 billion.” Also in: copy.txt" in flat


def test_not_found_on_a_terminal() -> None:
    assert "Nearest passages (not an answer)" in plain.terminal(ABSENT, 80)


def test_verdicts_count_each_kind() -> None:
    text = plain.verdicts([STATEMENT, REMOVED], ANSWER.citations, 80)
    assert "2 sentences: 1 quoted, 0 supported, 1 unsupported." in text
    assert "(9 trillion is not in the cited passage)" in text
