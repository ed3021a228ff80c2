"""Text in an article that talks to a language model instead of to a reader.

Such sentences are neither shown to the model nor quoted as evidence. The lists are short on purpose: an article about prompt
injection stays readable, only its sample sentences drop out. What they miss meets the prompt's fence and the verifier,
which lets no sentence through that the passages do not bear out.
"""

from __future__ import annotations

import re
from functools import cache

from index.languages import pack

# marks that chat models are trained on, whatever language they stand in
_MARKS = re.compile(
    r"(?:^|[\n\"“'>*#(\[])\s*(?:system|assistant|user)\s*:\s|\b(?-i:SYSTEM|ASSISTANT|USER)\s*:\s"
    r"|<\|\w+\|>|</?(?:system|assistant)\b|\[/?INST\]|###\s*(?:instruction|system)",
    re.I,
)


def talks_to_a_model(text: str, language: str) -> bool:
    """Asked of the text's language, and of English, in which models are spoken to wherever they are."""
    return any(pattern.search(text) for pattern in (_MARKS, _orders(language), _orders("en")))


@cache
def _orders(language: str) -> re.Pattern[str]:
    """News has people who ignore rules, assistant ministers, and a minister who, when asked, would not say: none of
    these may match."""
    told = pack(language).orders
    answer, models = told.answer.either, told.models.either
    return re.compile(
        rf"(?<!\w)(?:(?:{told.ignore.either}).{{0,40}}(?<!\w)(?:{told.ignored.either})"
        rf"|(?:{told.reveal.either}).{{0,30}}(?<!\w)(?:{told.secret.either})"
        rf"|(?:{models}).{{0,40}}(?<!\w)(?:{told.must.either}).{{0,60}}(?<!\w)(?:{answer})"
        rf"|(?:{told.address.either}),?:?\s(?:[^\W\d_]{{1,5}}\s)?(?:{models})\s*[,.:!-]"
        rf"|(?:{told.when_asked.either})[^.;]{{0,60}}(?:,|(?<!\w)(?:always|never|please|you must|you should))\s+"
        rf"(?:always |never |please |only )?(?:{answer})"
        rf"|{_commas(told.as_a_model.either)})",
        re.I,
    )


def _commas(phrases: str) -> str:
    """A comma may stand before the last word: "as a language model, you"."""
    return rf"(?:{phrases})".replace(r"\s+", r",?\s+")
