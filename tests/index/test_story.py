"""index/story.py: copies and rewrites are one story, reports of one event are not."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.story import group, signature

SEEDS = Path(__file__).parents[3] / "shared" / "seeds"
WORDS = [f"w{number}" for number in range(3000)]


def sentences(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=20)) + "." for _ in range(count)]


def stories(*texts: str) -> list[set[int]]:
    """The groups of more than one, by position."""
    named = {f"{number:03}": text for number, text in enumerate(texts)}
    found: dict[str, set[int]] = {}
    for one, story in group({key: signature(text) for key, text in named.items()}, named.__getitem__).items():
        found.setdefault(story, set()).add(int(one))
    assert all(min(members) == int(story) for story, members in found.items())
    return [members for members in found.values() if len(members) > 1]


def test_a_rewrite_that_keeps_two_sentences_in_five() -> None:
    original, others = sentences(1, 20), sentences(2, 20)
    rewrite = [
        ours if number % 5 < 2 else new
        for number, (ours, new) in enumerate(zip(original, others, strict=True))
    ]
    assert stories(" ".join(original), " ".join(sentences(3, 20)), " ".join(rewrite)) == [{0, 2}]


def test_a_cut_copy_with_other_typography() -> None:
    original = sentences(1, 20)
    assert stories(" ".join(original), "BERGEN (TT) – " + "\n\n".join(original[:9]).upper()) == [{0, 1}]


def test_a_quote_in_common_is_no_story() -> None:
    quote = " ".join(sentences(9, 2))
    assert stories(" ".join([*sentences(1, 8), quote]), " ".join([quote, *sentences(2, 8)])) == []


def test_short_notices() -> None:
    quote, notice = " ".join(sentences(9, 1)), " ".join(sentences(8, 1))
    assert stories(f"{quote} Said A about it.", f"B claims: {quote}.. {notice}") == []
    assert stories(notice, notice + "\n") == [{0, 1}]
    assert stories("", "", "One", "One two three") == []


def test_two_rewrites_of_one_original_are_one_story() -> None:
    """Though they have nothing in common with each other."""
    pool, others = sentences(1, 20), sentences(2, 20)
    rewrites = [pool[:10] + others[:10], others[10:] + pool[10:]]
    assert stories(" ".join(pool), *(" ".join(one) for one in rewrites)) == [{0, 1, 2}]


def test_a_chain_does_not_make_one_story_of_all() -> None:
    pool = sentences(1, 60)
    chain = [" ".join(pool[start : start + 20]) for start in (0, 10, 20, 30, 40)]
    groups = stories(*chain)
    assert groups
    assert all(len(members) <= 3 for members in groups)


def test_texts_are_asked_for_only_where_needed() -> None:
    texts = {str(number): " ".join(sentences(number, 20)) for number in range(50)}
    texts["copy"] = texts["7"]
    asked: list[str] = []

    def text(identity: str) -> str:
        asked.append(identity)
        return texts[identity]

    found = group({key: signature(value) for key, value in texts.items()}, text)
    assert found["copy"] == found["7"] == "7"
    assert asked == []


def test_adding_and_removing_regroups() -> None:
    original = sentences(1, 20)
    texts = {"b": " ".join(original), "c": " ".join(original[:15])}
    signatures = {key: signature(value) for key, value in texts.items()}
    assert group(signatures, texts.__getitem__) == {"b": "b", "c": "b"}
    texts["a"] = " ".join(original[2:])
    signatures["a"] = signature(texts["a"])
    assert set(group(signatures, texts.__getitem__).values()) == {"a"}
    del signatures["a"], signatures["b"]
    assert group(signatures, texts.__getitem__) == {"c": "c"}


def test_chinese() -> None:
    text = "".join(chr(0x4E00 + random.Random(number).randrange(3000)) for number in range(300))
    assert stories(text, "新华社北京电 " + text[:200]) == [{0, 1}]


@given(st.lists(st.text(alphabet="ab ", max_size=60), max_size=6), st.randoms())
def test_order_does_not_matter(texts: list[str], rng: random.Random) -> None:
    named = {str(number): text for number, text in enumerate(texts)}
    signatures = {key: signature(text) for key, text in named.items()}
    shuffled = dict(rng.sample(sorted(signatures.items()), len(signatures)))
    found = group(signatures, named.__getitem__)
    assert found == group(shuffled, named.__getitem__)
    assert all(found[story] == story for story in found.values())


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the shared sample is not on this machine")
def test_the_shared_sample() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(SEEDS.glob("*.txt"))]
    assert stories(*texts) == [{0, 1}]
    assert all(stories(a, b) == [] for a, b in itertools.combinations(texts[1:], 2))
