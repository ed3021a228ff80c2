"""Reads a passage for a question: which sentence answers, and which words."""

from __future__ import annotations

from index import convert
from index.nouns import Article
from index.onnx import SpmTokenizer
from index.settings import Settings


def header(article: Article) -> str:
    """What an article says of itself, read before each of its passages, and never quoted."""
    return ". ".join(filter(None, (article.title, ", ".join(filter(None, (article.publisher, article.published))))))


def tokenizer() -> SpmTokenizer:
    return SpmTokenizer(convert.convert(Settings().data_dir, convert.best_precision()))
