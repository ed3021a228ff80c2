"""Doors: where a user's own parts take the place of ours. See docs/doors.md, which has an example for each.

A part is named in the settings, as `package.module:factory` or as the name of an installed entry point of the door's
group, and built once per process. What it must be able to do is a protocol beside the part it replaces:

| door | entry points | setting | protocol |
| --- | --- | --- | --- |
| file format | `dossier.formats` | `index.formats`, and every installed entry point | `index.formats.Format` |
| encoder | `dossier.encoders` | `embedding.encoder` | `index.encode.Encoder` |
| vector index | `dossier.vector_indexes` | `vectors.index` | `index.vectors.VectorIndex` |
| reranker | `dossier.rerankers` | `retrieval.reranker` | `rag.rerank.Reranker` |
| reader and checker | `dossier.readers` | `reader.model` | `rag.reader.Reader` |
| chat model | `dossier.chat_models` | `llm.client` | `rag.chat.ChatModel` |
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, TypeVar

from index.errors import SettingsError

T = TypeVar("T")
_parts: dict[tuple[Any, ...], Any] = {}
_lock = threading.Lock()


def named(group: str) -> list[str]:
    """The entry points installed for a door."""
    return sorted({point.name for point in entry_points(group=group)})


def built(group: str, name: str, protocol: type[T], *settings: Any) -> T:
    """The part that `name` makes of these settings (hashable ones), the same for the whole process.

    Raises SettingsError when there is no such part, or it lacks a method of the protocol.
    """
    key = (group, name, *settings)
    with _lock:
        if key not in _parts:
            _parts[key] = make(group, name, protocol, *settings)
        part: T = _parts[key]
        return part


def make(group: str, name: str, protocol: type[T], *arguments: Any) -> T:
    """`built`, made anew: for parts of which a process needs several."""
    what = group.removeprefix("dossier.").replace("_", " ")
    try:
        part = _factory(group, name)(*arguments)
        if not isinstance(part, protocol):
            raise TypeError(f"it makes a {type(part).__name__}, which is no {protocol.__name__}")
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise SettingsError(
            f"`{name}`, named for {what}, cannot be loaded ({type(error).__name__}: {error}).",
            f"Name a factory as `package.module:factory`, or an entry point of the group {group}; "
            "docs/doors.md shows one.",
        ) from error
    return part


def _factory(group: str, name: str) -> Callable[..., Any]:
    if ":" in name:
        module, _, attribute = name.partition(":")
        factory = getattr(importlib.import_module(module), attribute)
    else:
        points = [point for point in entry_points(group=group) if point.name == name]
        if not points:
            raise ImportError(f"no entry point of that name is installed; there are {named(group) or 'none'}")
        factory = points[0].load()
    if not callable(factory):
        raise TypeError("it is nothing that can be called")
    return factory  # type: ignore[no-any-return]
