"""index/language.py: articles, and questions of a few words, the second list not used in fitting."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.language import detect, detect_question
from index.languages import normalise

FITTED = """
en|Who won the World Cup?
en|What did Xi promise?
en|How much credit?
en|When was CELAC founded?
en|Which countries joined?
en|And in 2023?
en|Who is Bachelet?
en|Trade volume 2021?
en|Chile's exports
en|the surplus of China
en|visa-free travel
en|Why did Panama leave?
sv|Vem vann VM?
sv|Kina och Chile
sv|Och året därpå?
sv|66 miljarder yuan
sv|Vad sade Xi?
sv|Hur mycket?
sv|Vilka länder får visumfrihet?
sv|När bildades CELAC?
sv|Varför lämnade Panama?
sv|Handeln mellan Kina och regionen
sv|Vem är Petro?
sv|tullkrig
sv|stipendier till studenter
sv|Var hölls mötet?
sv|Och i februari?
sv|Hur stor är kreditlinan?
de|Wer gewann die WM?
de|Was sagte Xi?
de|Wie hoch ist der Kredit?
de|Und im Jahr danach?
de|Welche Länder traten bei?
de|Wann wurde CELAC gegründet?
de|Handelskrieg
de|Wo fand das Treffen statt?
es|¿Quién ganó el Mundial?
es|¿Qué dijo Xi?
es|¿Cuánto crédito?
es|¿Y el año siguiente?
es|quien es Bachelet
es|comercio con China
es|¿Cuándo se fundó la CELAC?
es|Países sin visado
fr|Qui a gagné ?
fr|Que dit Xi ?
fr|Combien de crédits ?
fr|Et l'année suivante ?
fr|Où est le sommet ?
fr|Pourquoi le Panama est-il parti ?
da|Hvem vandt VM?
da|Hvad sagde Xi?
da|Hvor meget lovede han?
da|Og året efter?
da|Hvornår blev CELAC grundlagt?
da|Hvilke lande fik visumfrihed?
no|Hvem vant VM?
no|Hva sa Xi?
no|Hvor mye lovet han?
no|Og året etter?
no|Når ble CELAC grunnlagt?
no|Hvilke land fikk visumfrihet?
fi|Kuka voitti?
fi|Mitä Xi sanoi?
fi|Paljonko luottoa?
fi|Entä seuraavana vuonna?
fi|Missä kokous pidettiin?
nl|Wie won het WK?
nl|Wat zei Xi?
nl|Hoeveel krediet?
nl|En het jaar daarna?
nl|Waar was de top?
it|Chi ha vinto?
it|Cosa ha detto Xi?
it|Quanto credito?
it|E l'anno dopo?
it|Quando è nata la CELAC?
pt|Quem ganhou a Copa?
pt|O que disse Xi?
pt|Quanto crédito?
pt|E no ano seguinte?
pt|Onde foi a cúpula?
"""

HELD_OUT = """
en|Which port did Xi open?
en|Did exports grow?
en|and Brazil?
en|lithium plant cost
en|Where was the forum held?
sv|Vad kostar fabriken?
sv|och Brasilien?
sv|Hur många stipendier?
sv|litiumfabrik i Chile
sv|Har exporten ökat?
sv|Vilket år gick Panama ur?
sv|när öppnade hamnen
de|Hat der Export zugenommen?
de|und Brasilien?
de|Wie viele Stipendien?
de|Kosten der Fabrik
es|¿Creció la exportación?
es|¿Y Brasil?
es|¿Cuántas becas?
es|coste de la fábrica
fr|Les exportations ont-elles augmenté ?
fr|et le Brésil ?
fr|coût de l'usine
da|Hvor mange stipendier?
da|Er eksporten steget?
no|Hvor mange stipend?
no|Har eksporten økt?
fi|Montako stipendiä?
fi|Kasvoiko vienti?
nl|Hoeveel beurzen?
nl|Is de export gegroeid?
it|Quante borse di studio?
it|Le esportazioni sono cresciute?
pt|Quantas bolsas?
pt|As exportações cresceram?
"""

EVERY: dict[str, int] = dict.fromkeys(["da", "de", "en", "es", "fi", "fr", "it", "nl", "no", "pt", "sv"], 10)


def right(questions: str, corpus: Mapping[str, int]) -> tuple[float, float]:
    """Share of right answers: of questions in a language of the corpus (or English), and of the others."""
    inside: list[bool] = []
    outside: list[bool] = []
    for line in questions.strip().splitlines():
        lang, question = line.split("|")
        (inside if lang in corpus or lang == "en" else outside).append(
            detect_question(question, corpus) == lang
        )
    return sum(inside) / len(inside), sum(outside) / max(1, len(outside))


@pytest.mark.parametrize(
    "corpus", [{"en": 60, "sv": 20}, {"sv": 60, "en": 2}, {"en": 30, "de": 30, "es": 30}, EVERY, {}]
)
@pytest.mark.parametrize(("questions", "least"), [(FITTED, 0.95), (HELD_OUT, 0.85)])
def test_questions(questions: str, least: float, corpus: dict[str, int]) -> None:
    inside, outside = right(questions, corpus)
    assert inside >= least
    assert corpus == EVERY or outside >= least - 0.05


def test_names_and_figures_take_the_largest_language() -> None:
    for question in ("CELAC 2018", "Xi Jinping", "?", "2018", ""):
        assert detect_question(question, {"sv": 60, "de": 2}) in ("sv", "en")
    assert detect_question("2018?", {"sv": 60, "en": 20}) == "sv"
    assert detect_question("", {}) == "en"
    assert detect_question("2018", {"und": 3}) == "en"


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Presidenten lovade nya krediter.", "sv"),
        ("The president promised new credits.", "en"),
        ("Presidenten lovet nye lån til landene, og de ble glade for det.", "no"),
        ("Presidenten lova nye lån til landa, sa han, og dei vart glade for det.", "no"),
        ("Præsidenten lovede nye lån til landene.", "da"),
        ("总统承诺提供新的贷款。", "zh"),
        ("Президент пообещал новые кредиты.", "ru"),
        ("2018 – 66 %", "und"),
        ("", "und"),
        ("https://example.org/the/president/promised", "und"),
    ],
)
def test_articles(text: str, lang: str) -> None:
    assert detect(text) == lang
    assert detect(text * 30) == lang


def test_normalise() -> None:
    assert [normalise(code) for code in ("sv-SE", "nb_NO", "NN", " en ", "english", "")] == [
        "sv",
        "no",
        "no",
        "en",
        None,
        None,
    ]


@given(
    st.text(max_size=200),
    st.dictionaries(st.sampled_from(["en", "sv", "und", "nb", "zz"]), st.integers(0, 9)),
)
def test_any_text(text: str, corpus: dict[str, int]) -> None:
    assert detect(text) == "und" or len(detect(text)) == 2
    assert len(detect_question(text, corpus)) == 2
