"""Article -> sentences and passages, with exact offsets.

Sentences come from NLTK's Punkt (its models ship inside LlamaIndex), line by line, since a line break ends a
sentence in news text. Passages are LlamaIndex's `SentenceSplitter` over those sentences, sized in tiktoken
tokens, without overlap: every non-blank character of the article's body lies in exactly one passage.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from unittest.mock import patch

from index.languages import cldr, pack
from index.nouns import Article, Passage

if TYPE_CHECKING:
    from nltk.tokenize.punkt import PunktSentenceTokenizer


def sentences(text: str, language: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """(start, end) of each sentence in text[start:end], counted in `text`, without surrounding blanks."""
    stop = len(text) if end is None else end
    found = []
    for line in re.compile(r"[^\n\r\u2028\u2029]+").finditer(text, start, stop):
        for a, b in _in_line(line.group(), language):
            found.append((line.start() + a, line.start() + b))
    return found


def passages(article: Article, passage_tokens: int) -> list[Passage]:
    """The passages of an article's body, in order. Their ids are stable: article id, start and end."""
    splitter = _splitter(passage_tokens, article.language)
    body = article.text[article.body :]
    found = []
    cursor = article.body
    for chunk in splitter(body) if body.strip() else []:
        text = chunk.strip()
        if not text:
            continue
        start = article.text.index(text, cursor)
        cursor = end = start + len(text)
        found.append(
            Passage(
                id=f"{article.id}:{start}:{end}",
                article_id=article.id,
                start=start,
                end=end,
                text=text,
                language=article.language,
                sentences=tuple(sentences(article.text, article.language, start, end)),
            )
        )
    return found


def _in_line(line: str, language: str) -> list[tuple[int, int]]:
    cuts = _punkt(language).span_tokenize(line, realign_boundaries=True)
    spans = [(a, b) for a, b in cuts if line[a:b].strip()]
    opens = pack(language).spelling.openers.beginning
    joined: list[tuple[int, int]] = []
    for a, b in spans:
        # Punkt cuts after "U.S." before a capital, and leaves a closing quote to the next sentence
        glued = joined and (
            (
                re.search(r"\b(?:[A-Z]\.){2,}$", line[joined[-1][0] : joined[-1][1]])
                and re.match(r"[A-Z][a-z]+", line[a:b])
                and not opens.match(line[a:b])
            )
            or re.match(r"[\"”’»]*\s*[a-zåäöéüß]", line[a:b])
            or not re.search(r"\w", line[a:b])
        )
        if glued:
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    trimmed = []
    for a, b in joined:
        piece = line[a:b]
        trimmed.append((a + len(piece) - len(piece.lstrip()), b - len(piece) + len(piece.rstrip())))
    return trimmed


@cache
def _punkt(language: str) -> PunktSentenceTokenizer:
    # importing any part of NLTK imports all of it, and with it SciPy where that is installed: 70 MB and 1.8 s for
    # measures of association that nothing here asks for; NLTK does without when it finds none
    with patch.dict(sys.modules):
        sys.modules.setdefault("scipy", None)  # type: ignore[arg-type]
        from nltk.tabdata import PunktDecoder
        from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    # NLTK's own loader refuses hard-linked files, which is how uv installs; these four are plain text
    models = shipped("nltk_cache/tokenizers/punkt_tab")
    own = models / (cldr.name(language) or language).lower()
    model = own if own.is_dir() else models / "english"  # which knows most abbreviations
    decode, parameters = PunktDecoder(), PunktParameters()

    def read(name: str) -> TextIO:
        return (model / name).open(encoding="utf-8")

    with read("collocations.tab") as file:
        parameters.collocations = set(decode.tab2tups(file))
    with read("sent_starters.txt") as file:
        parameters.sent_starters = decode.txt2set(file)
    with read("abbrev_types.txt") as file:
        parameters.abbrev_types = decode.txt2set(file)
    with read("ortho_context.tab") as file:
        parameters.ortho_context = decode.tab2intdict(file)
    return PunktSentenceTokenizer(parameters)


@cache
def _splitter(passage_tokens: int, language: str) -> Callable[[str], list[str]]:
    use_shipped_data()
    from llama_index.core.node_parser import SentenceSplitter

    count = tokenizer()

    def cut(text: str) -> list[str]:
        """Sentences that add up to `text`, blanks included, as SentenceSplitter wants them."""
        starts = [a for a, _ in sentences(text, language)]
        borders = [0, *starts[1:], len(text)] if starts else [0, len(text)]
        return [text[a:b] for a, b in itertools.pairwise(borders)]

    splitter = SentenceSplitter(
        chunk_size=passage_tokens,
        chunk_overlap=0,
        tokenizer=count,
        paragraph_separator="\n",
        chunking_tokenizer_fn=cut,
        include_metadata=False,
        include_prev_next_rel=False,
    )
    return splitter.split_text


@cache
def tokenizer() -> Callable[[str], list[int]]:
    """Text -> tiktoken tokens (cl100k_base), offline."""
    use_shipped_data()
    import tiktoken

    encoding = tiktoken.get_encoding("cl100k_base")

    def encode(text: str) -> list[int]:
        # special tokens in an article are text; tiktoken needs quadratic time on one endless word
        return [t for piece in _bites(text) for t in encoding.encode(piece, disallowed_special=())]

    return encode


def _bites(text: str, size: int = 4000) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)] if len(text) > size else [text]


def use_shipped_data() -> None:
    """Point tiktoken at the tables that LlamaIndex ships, so that nothing is fetched at run time."""
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(shipped("tiktoken_cache")))


def shipped(path: str) -> Path:
    """A data file that comes inside LlamaIndex."""
    return _static() / path


@cache
def _static() -> Path:
    spec = importlib.util.find_spec("llama_index.core")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "_static"
