"""The converted model: read right, written once and whole, made of standard operators."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest

from index import convert
from index.errors import EmbeddingError, StorageError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def weights() -> convert.Weights:
    return convert.read_weights(convert.builtin_weights())


@pytest.fixture
def header() -> Iterator[bytearray]:
    with convert.builtin_weights().open("rb") as file:
        yield bytearray(file.read(4096))


def test_q4_blocks_unpack_low_halves_then_high_halves() -> None:
    block = np.zeros(1, convert._BLOCK)
    block["scale"] = 0.5
    block["halves"][0] = np.arange(16) + 16 * np.arange(16)[::-1]
    expected = np.concatenate([np.arange(16), np.arange(16)[::-1]])
    assert convert.unpack(block)[0].tolist() == ((expected - 8) * 0.5).tolist()


def test_header_is_read(weights: convert.Weights) -> None:
    assert (weights.hidden, weights.layers, weights.heads) == (384, 12, 12)
    assert weights.pieces[:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert weights.normalise[0xA0] == " "
    assert weights.matrix("l3.fi").shape == (weights.ffn, weights.hidden)


def test_another_version_is_refused(header: bytearray, tmp_path: Path) -> None:
    struct.pack_into("<I", header, 4, 2)
    other = tmp_path / convert.WEIGHTS
    other.write_bytes(header)
    with pytest.raises(EmbeddingError, match="version 2"):
        convert.read_weights(other)


@pytest.mark.parametrize("size", [0, 3, 40, 4096])
def test_a_file_cut_short_is_refused(header: bytearray, tmp_path: Path, size: int) -> None:
    other = tmp_path / convert.WEIGHTS
    other.write_bytes(header[:size])
    with pytest.raises(EmbeddingError):
        convert.read_weights(other)


def test_weights_id_changes_with_the_file(header: bytearray, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(header)
    header[-1] ^= 1
    other.write_bytes(header)
    assert convert.weights_id(one) != convert.weights_id(other)


def test_precision_follows_the_cpu(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: some\nflags\t\t: fpu avx2 avx512f avx512_vnni\n")
    assert convert.best_precision(cpuinfo) == "int8"
    cpuinfo.write_text("flags\t\t: fpu avx2\n")
    assert convert.best_precision(cpuinfo) == "fp32"
    cpuinfo.write_text("Features\t: fp asimd\n")
    assert convert.best_precision(cpuinfo) == "fp32"
    assert convert.best_precision(tmp_path / "none") == "fp32"


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_the_model_is_standard_onnx(precision: convert.Precision, tmp_path: Path) -> None:
    folder = convert.convert(tmp_path, precision)
    onnx.checker.check_model(str(folder / convert.MODEL_FILE), full_check=True)
    model = onnx.load(folder / convert.MODEL_FILE, load_external_data=False)
    assert {node.domain for node in model.graph.node} == {""}


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    folder = convert.convert(tmp_path, "int8")
    model = folder / convert.DATA_FILE
    whole = model.read_bytes()
    made = model.stat().st_mtime_ns
    assert convert.convert(tmp_path, "int8") == folder
    assert model.stat().st_mtime_ns == made
    with model.open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff\xfe")
    assert convert.convert(tmp_path, "int8") == folder
    assert model.read_bytes() == whole


def test_processes_that_start_at_once_share_one_conversion(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from index.convert import convert;"
        "print(convert(Path(sys.argv[1]), 'int8'))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(3)
    ]
    folders = {process.communicate()[0].strip() for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(folders) == 1
    left = sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".lock")
    assert left == [Path(folders.pop()).name]


def test_a_cache_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        convert.convert(tmp_path / "file" / "cache", "int8")
