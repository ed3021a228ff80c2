"""Chat models: what one is, which one the settings name, and ours, a client of any OpenAI-compatible server."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from index import doors
from index.errors import ModelError
from index.settings import LLMSettings
from index.split import tokenizer

if TYPE_CHECKING:
    from openai import OpenAI


@runtime_checkable
class ChatModel(Protocol):
    """Messages in, a reply out, by many threads at once. Door `dossier.chat_models`, setting `llm.client`: a factory
    that takes the `llm` section of the settings."""

    @property
    def name(self) -> str:
        """What the answers it writes are signed with."""

    def chat(
        self, messages: Sequence[Mapping[str, str]], tokens: dict[str, int], *, limit: int | None = None
    ) -> Iterator[str]:
        """Pieces of the reply as they come, at most `limit` tokens. messages: `role` and `content`, as OpenAI has
        them. tokens: `prompt` and `completion` are added to. Raises ModelError: the answer is quoted instead."""


@functools.cache
def chat_model(settings: LLMSettings) -> ChatModel | None:
    """The model that answers, made once; None when none is set and answers are quoted."""
    if settings.client:
        return doors.built("dossier.chat_models", settings.client, ChatModel, settings)
    return OpenAIModel(settings) if settings.model or settings.base_url else None


class OpenAIModel:
    """A chat model behind an OpenAI-compatible server. Its calls raise ModelError, never the client's own errors."""

    def __init__(self, settings: LLMSettings) -> None:
        self.settings = settings

    @functools.cached_property
    def name(self) -> str:
        """The one set, or else the first that the server has."""
        if self.settings.model:
            return self.settings.model
        with _told(self):
            first: str = self._client.models.list().data[0].id
            return first

    def chat(
        self, messages: Sequence[Mapping[str, str]], tokens: dict[str, int], *, limit: int | None = None
    ) -> Iterator[str]:
        with _told(self):
            stream = self._client.chat.completions.create(
                model=self.name,
                messages=list(messages),
                temperature=self.settings.temperature,
                max_tokens=limit or self.settings.max_tokens,
                stream=True,
            )
            tokens["prompt"] = tokens.get("prompt", 0) + sum(len(tokenizer()(m["content"])) for m in messages)
            for chunk in stream:
                piece = chunk.choices[0].delta.content if chunk.choices else None
                if piece:
                    tokens["completion"] = tokens.get("completion", 0) + len(tokenizer()(piece))
                    yield piece

    @functools.cached_property
    def _client(self) -> OpenAI:
        from openai import OpenAI

        key = self.settings.api_key
        return OpenAI(
            base_url=self.settings.base_url or None,
            api_key=(key.get_secret_value() if key else os.environ.get("OPENAI_API_KEY")) or "none",
            timeout=self.settings.timeout,
            max_retries=1,
        )


@contextmanager
def _told(model: OpenAIModel) -> Iterator[None]:
    """The client's errors, and those of a server that speaks otherwise, as ModelError."""
    import httpx
    import openai

    def error(what: str, *, retryable: bool = True) -> ModelError:
        where = f" at {model.settings.base_url}" if model.settings.base_url else ""
        hint = "Check llm.base_url, llm.model and llm.api_key, and that the server runs."
        return ModelError(f"The language model{where} {what}.", hint, retryable=retryable)

    try:
        yield
    except (openai.APITimeoutError, httpx.TimeoutException) as e:  # the second once the stream has begun
        raise error(f"did not answer within {model.settings.timeout:g} seconds") from e
    except openai.APIConnectionError as e:
        raise error("cannot be reached") from e
    except httpx.HTTPError as e:
        raise error("broke off its reply") from e
    except openai.AuthenticationError as e:
        raise error("refuses the key", retryable=False) from e
    except openai.APIStatusError as e:
        raise error(f"answered with status {e.status_code}", retryable=e.status_code >= 429) from e
    except (openai.OpenAIError, ValueError, AttributeError, TypeError, KeyError, IndexError) as e:
        raise error(f"sent a reply that is not to be understood ({type(e).__name__})") from e
