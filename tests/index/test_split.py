"""Passages and sentences: nothing of a text is lost, nothing doubled, every offset true."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.nouns import Article
from index.split import passages, sentences, tokenizer

SIZES = st.integers(16, 400)
WORDS = st.sampled_from([
    "Kina", "sade", "U.S.", "Mr.", "9,2", "(Reuters)", "–", "“Vi", "vet.”", "dr.", "中国", "说。", ".", "é",
    "\u00a0", "\n", "\n\n", "\r\n", "\t", "<|endoftext|>", "e\u0301", "👩\u200d👩\u200d👧",
])  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=600),
    st.lists(WORDS, max_size=250).map(" ".join),
    st.text(alphabet="ab.!? \n\u2028\u0085", max_size=600),
    st.integers(1, 3000).map(lambda n: "å" * n),
)


def article(text: str, body: int = 0, language: str = "en") -> Article:
    return Article(id="a", folder="/f", source="a.txt", text=text, body=body, language=language)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS, size=SIZES, language=st.sampled_from(["en", "sv", "zh", "und"]), skip=st.integers(0, 50))
def test_passages_cover_every_character_once(text: str, size: int, language: str, skip: int) -> None:
    body = min(skip, len(text))
    found = passages(article(text, body, language), size)
    covered = [False] * len(text)
    end = body
    for passage in found:
        assert passage.text == text[passage.start : passage.end]
        assert passage.text == passage.text.strip()
        assert passage.start >= end
        end = passage.end
        covered[passage.start : passage.end] = [True] * (passage.end - passage.start)
        last = passage.start
        for a, b in passage.sentences:
            assert last <= a < b <= passage.end
            last = b
        inside = [False] * len(passage.text)
        for a, b in passage.sentences:
            inside[a - passage.start : b - passage.start] = [True] * (b - a)
        assert all(c or not char.strip() for c, char in zip(inside, passage.text, strict=True))
    assert all(c or not char.strip() for c, char in zip(covered[body:], text[body:], strict=True))
    assert len({passage.id for passage in found}) == len(found)


@settings(max_examples=60, deadline=None)
@given(text=st.lists(WORDS, max_size=300).map(" ".join), size=SIZES)
def test_passages_keep_to_their_size(text: str, size: int) -> None:
    count = tokenizer()
    for passage in passages(article(text), size):
        # cutting at a blank can cost a token or two: " a" is one where "a" after the cut may be another
        assert len(count(passage.text)) <= size + 2


def test_sentences_of_news() -> None:
    text = "SANTIAGO (Reuters) - The U.S. Treasury said so. “It is true.” Mr. Li agreed.\n"
    text += "A new line is a new sentence"
    found = [text[a:b] for a, b in sentences(text, "en")]
    assert found == [
        "SANTIAGO (Reuters) - The U.S. Treasury said so.",
        "“It is true.”",
        "Mr. Li agreed.",
        "A new line is a new sentence",
    ]


def test_front_matter_is_in_no_passage() -> None:
    text = "---\ntitle: A\n---\nThe body."
    assert [p.text for p in passages(article(text, body=text.index("The")), 200)] == ["The body."]


@pytest.mark.parametrize("text", ["", " \n\t ", "\u00a0\u2003"])
def test_blank_bodies_have_no_passage(text: str) -> None:
    assert passages(article(text), 200) == []


def test_special_tokens_are_text() -> None:
    assert tokenizer()("<|endoftext|>") and len(tokenizer()("<|endoftext|>")) > 1
