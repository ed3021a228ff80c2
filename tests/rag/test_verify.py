"""Claims of each kind against passages, and drafts against the sample archive."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.archive import Archive
from index.errors import InputError
from index.nouns import Filters
from rag.nouns import Statement
from rag.verify import MAX_DRAFT, Source, _figures, verify_against, verify_text

EVALS = Path(__file__).resolve().parents[2] / "evals"

PORT = (
    "Callao, 14 November 2024. The president of Peru, Dina Boluarte, opened the new port on Thursday. It cost 3.4 billion "
    "dollars and was built by Cosco in five years. “We are opening a door to Asia,” said Boluarte."
)
TRADE = (
    "Handeln uppgick till 518 miljarder dollar 2024 och ökade med 6 procent. Utrikesminister Wang Yi sade att Kina väntas "
    "skriva under avtalet i maj. Regeringen har inte godkänt planen."
)
COPPER = (
    "Exports of copper rose by 12 percent in 2023, while imports fell. The minister is expected to sign the treaty in June. "
    "The company did not reply to questions. Ana Torres, the head of the union, said that wages were too low."
)


def verdict(claim: str, passage: str, archive: Archive) -> Statement:
    (statement,) = verify_against(claim, [(passage, None)], archive).statements
    return statement


@pytest.mark.parametrize(
    ("passage", "claim"),
    [
        (PORT, "Dina Boluarte opened the new port on Thursday."),
        (PORT, "Cosco built the port in five years."),
        (PORT, "The port, built by Cosco, cost $3.4bn."),
        (PORT, "Boluarte said: “We are opening a door to Asia.”"),
        (PORT, "Hamnen kostade 3,4 miljarder dollar."),
        (PORT, "Perus president Dina Boluarte öppnade hamnen i november 2024."),
        (PORT, "Der Hafen kostete 3,4 Milliarden Dollar."),
        (TRADE, "Handeln ökade med 6 procent 2024."),
        (TRADE, "Regeringen har ännu inte godkänt planen."),
        (TRADE, "Trade came to 518 billion dollars in 2024."),
        (COPPER, "Copper exports rose 12 percent in 2023."),
        (COPPER, "Ana Torres, who heads the union, said that wages were too low."),
    ],
)
def test_true_claims_are_supported(archive: Archive, passage: str, claim: str) -> None:
    told = verdict(claim, passage, archive)
    assert (told.support, told.reason) == ("supported", "") and told.citations == (1,)


@pytest.mark.parametrize(
    ("kind", "passage", "claim", "reason"),
    [
        ("number", PORT, "The port cost 3.8 billion dollars.", "3.8 billion"),
        ("scale", PORT, "The port cost 3.4 million dollars.", "3.4 million"),
        ("scale", PORT, "Hamnen kostade 3,4 biljoner dollar.", "3,4 biljoner"),
        ("scale", PORT, "Der Hafen kostete 3,4 Billionen Dollar.", "3,4 Billionen"),
        ("scale", TRADE, "Handeln uppgick till 518 biljoner dollar 2024.", "518 biljoner"),
        ("scale", TRADE, "Trade came to 518 million dollars in 2024.", "518 million"),
        ("unit", PORT, "The port cost 3.4 billion euros.", "3.4 billion euros"),
        ("date", PORT, "The port was opened on 14 March 2024.", "14 March 2024"),
        ("year", PORT, "The port was opened in 2021.", "2021"),
        ("name", PORT, "The president of Peru, Pedro Castillo, opened the port.", "Castillo"),
        ("name", PORT, "The port was built by Maersk.", "Maersk"),
        ("negation", PORT, "Dina Boluarte did not open the new port.", "does not deny"),
        ("negation", TRADE, "Regeringen har godkänt planen.", "not so"),
        ("negation", TRADE, "The government has approved the plan.", "not so"),
        ("negation", COPPER, "The company replied to questions.", "not so"),
        ("direction", TRADE, "Handeln minskade med 6 procent 2024.", "opposite"),
        ("direction", TRADE, "Trade fell by 6 percent in 2024.", "opposite"),
        ("direction", COPPER, "Copper exports fell by 12 percent in 2023.", "opposite"),
        ("direction", COPPER, "Imports of copper rose by 12 percent in 2023.", "opposite"),
        ("attribution", TRADE, "Xi Jinping sade att Kina väntas skriva under avtalet i maj.", "Wang Yi"),
        ("attribution", COPPER, "The minister, Luis Paz, said that wages were too low.", "Paz"),
        ("modality", COPPER, "The minister signed the treaty in June.", "expects"),
        ("modality", TRADE, "China has signed the agreement.", "expects"),
        ("quote", PORT, "Boluarte said: “This is the greatest port on Earth.”", "greatest port"),
        ("cause", COPPER, "Exports of copper rose by 12 percent because of lower tariffs.", "cause"),
        ("generalisation", COPPER, "All exports rose by 12 percent in 2023.", "generally"),
        ("detail", COPPER, "Exports of copper to Germany rose by 12 percent in 2023.", "Germany"),
        ("other", COPPER, "The cat slept on the mat in the kitchen.", ""),
    ],
)
def test_false_claims_are_told_and_the_reason_is_in_words(
    archive: Archive, kind: str, passage: str, claim: str, reason: str
) -> None:
    told = verdict(claim, passage, archive)
    assert told.support == "unsupported", kind
    assert reason in told.reason and len(told.reason.split()) > 3


def test_word_for_word_is_quoted_and_cited_exactly(archive: Archive) -> None:
    said = verify_against(
        "He wrote that. The company did not reply to questions.", [(PORT, "en"), (COPPER, None)], archive
    )
    assert said.statements[1].support == "quoted"
    (number,) = said.statements[1].citations
    citation = next(c for c in said.citations if c.number == number)
    assert citation.source == "passage 2" and citation.quote == COPPER[citation.start : citation.end]


def test_a_claim_is_supported_by_any_of_the_passages(archive: Archive) -> None:
    said = verify_against(
        "Copper exports rose 12 percent in 2023.", [(PORT, None), (TRADE, None), (COPPER, None)], archive
    )
    assert said.statements[0].support == "supported" and said.citations[0].source == "passage 3"


def test_a_draft_against_the_archive(archive: Archive) -> None:
    draft = (
        "The first phase of the port of Chancay cost $1.3 billion. The first phase of the port of Chancay cost $9.7 billion. "
        "Neither the United States nor Canada belongs to it. The recipe needs two eggs and a cup of sugar."
    )
    said = verify_text(draft, archive)
    assert [s.support for s in said.statements] == ["supported", "unsupported", "quoted", "unsupported"]
    assert "9.7 billion" in said.statements[1].reason
    assert [s.text for s in said.statements] == [s.strip() for s in draft.replace(". ", ".|").split("|")]
    assert [c.number for c in said.citations] == list(range(1, len(said.citations) + 1))
    for statement in said.statements:
        assert set(statement.citations) <= {c.number for c in said.citations}
    for citation in said.citations:
        article = archive.catalogue.article(citation.article_id)
        assert article and citation.quote == article.text[citation.start : citation.end]
    assert any(c.also_in for c in said.citations), "the wire story names its copy"


def test_a_swedish_draft_rests_on_english_articles(archive: Archive) -> None:
    said = verify_text("Den första etappen av hamnen i Chancay kostade 1,3 miljarder dollar.", archive)
    assert said.statements[0].support == "supported" and said.citations[0].source == "2024-11-chancay-port.md"


def test_a_draft_is_checked_within_filters(archive: Archive) -> None:
    claim = "The first phase of the port of Chancay cost $1.3 billion."
    assert verify_text(claim, archive, filters=Filters(language="sv")).statements[0].support == "unsupported"
    nowhere = verify_text(claim, archive, filters=Filters(language="xx"))
    assert nowhere.statements[0].support == "unsupported" and nowhere.citations == ()


@pytest.mark.parametrize("text", ["", " \n\t", "…?!", "x" * (MAX_DRAFT + 1)])
def test_a_draft_that_cannot_be_checked(archive: Archive, text: str) -> None:
    with pytest.raises(InputError) as refused:
        verify_text(text, archive)
    assert refused.value.hint
    with pytest.raises(InputError) as refused:
        verify_against(text, [(PORT, None)], archive)
    assert refused.value.hint


@pytest.mark.parametrize("passages", [[], [("", None)], [("  \n", "en")]])
def test_nothing_to_check_against(archive: Archive, passages: list[tuple[str, str | None]]) -> None:
    with pytest.raises(InputError, match="no passage"):
        verify_against("The port cost 3.4 billion dollars.", passages, archive)


pieces = st.lists(
    st.sampled_from(["The", "port", "“", "”", '"', "3,4", "3.4", "%", "$", ".", "?", "!", "(", "\x00", "\n", "–", "’s", "said", "not", "Xi", "2021", "first", "ökade", "miljarder", "é", "́", "港口", "🚢", "[1]"]),
    min_size=1,
    max_size=12,
).map(" ".join)  # fmt: skip


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=80), pieces), st.one_of(st.text(max_size=80), pieces))
def test_any_text_is_checked_or_refused(archive: Archive, draft: str, passage: str) -> None:
    try:
        said = verify_against(draft, [(passage, "en")], archive)
    except InputError:
        return
    for statement in said.statements:
        assert statement.support in ("quoted", "supported", "unsupported")
        assert statement.text in draft and bool(statement.reason) == (statement.support == "unsupported")
    for citation in said.citations:
        assert citation.quote == passage[citation.start : citation.end]


def test_measured_floor(archive: Archive) -> None:
    """Without a model, at least .70 right on the claims over the sample articles, half of which are subtly false."""
    rows = [json.loads(line) for line in (EVALS / "claims.jsonl").read_text("utf-8").splitlines()]
    right: Counter[bool] = Counter()
    for row in rows:
        said = verify_against(row["claim"], [(p["quote"], None) for p in row["passages"]], archive)
        found = any(s.support == "unsupported" for s in said.statements)
        right[found == (row["verdict"] == "unsupported")] += 1
    assert len(rows) >= 120 and right[True] / len(rows) >= 0.70


YARD = "The yard employed 212 people in 2019 and 160 in 2023. It pays 40,000 euros a year in rent, and 90 days' notice."


@pytest.mark.parametrize(
    ("language", "claim", "found"),
    [
        ("en", "The yard employs 160 people.", (0, 0, 0)),
        ("en", "Fifty-two people have left.", (0, 0, 1)),
        ("de", "Zweiundfünfzig Leute sind gegangen.", (0, 0, 1)),
        ("sv", "Ungefär en fjärdedel av de 212 fick gå.", (0, 0, 0.5)),
        ("fr", "Le préavis est de trois mois.", (0, 0, 1)),
        ("es", "La plantilla se redujo en cuatro años.", (0, 0, 1)),
        ("en", "The yard employs 7,190 people.", (1, 0, 0)),
        ("sv", "Hyran är 40 000 euro i månaden.", (1, 1, 0)),
        ("es", "El alquiler es de 40.000 dólares al año.", (1, 1, 0)),
    ],
)
def test_figures_that_stand_there_follow_or_do_not(
    language: str, claim: str, found: tuple[float, float, float]
) -> None:
    lost, unit, _, loose = _figures(claim, language, Source(YARD, "en"), YARD, (), {})
    assert (lost, unit, loose) == found
