"""What the endpoint takes and gives: forms with their limits, shapes that are no noun of a lower room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from index.nouns import Article, Filters
from rag.nouns import Citation, Statement

LONGEST_QUESTION = 4000
LONGEST_DRAFT = 50_000
MOST_TURNS = 20


def wrong(message: str, hint: str) -> PydanticCustomError:
    """A validation error in our own words."""
    return PydanticCustomError("dossier", "{message}", {"message": message, "hint": hint})


def _question(value: str) -> str:
    if not value.strip():
        raise wrong("The question is empty.", "Ask something in a sentence or a few words.")
    if len(value) > LONGEST_QUESTION:
        raise wrong(
            f"The question has {len(value):,} characters, and at most {LONGEST_QUESTION:,} are taken.",
            "Shorten it; to check a longer text, send it to /api/v1/verify.",
        )
    return value


def _draft(value: str) -> str:
    if not value.strip():
        raise wrong("The text is empty.", "Send the sentences to be checked.")
    if len(value) > LONGEST_DRAFT:
        raise wrong(
            f"The text has {len(value):,} characters, and at most {LONGEST_DRAFT:,} are taken.",
            "Send it in several parts.",
        )
    return value


Question = Annotated[str, AfterValidator(_question)]
Draft = Annotated[str, AfterValidator(_draft)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FiltersForm(_Form):
    """What the search is limited to; every field given must hold."""

    language: str | None = Field(default=None, pattern="^[A-Za-z]{2,3}$", description="ISO 639, `en`")
    source: str | None = Field(
        default=None, max_length=500, description="a glob over the file's path, `2018/*`"
    )
    publisher: str | None = Field(default=None, max_length=300)
    genre: Literal["report", "opinion", "unknown"] | None = None
    after: date | None = Field(default=None, description="published on this day or later")
    before: date | None = Field(default=None, description="published on this day or earlier")

    @model_validator(mode="after")
    def _order(self) -> FiltersForm:
        if self.after and self.before and self.after > self.before:
            raise wrong(
                f"No day is after {self.after} and before {self.before}.", "Put the earlier day into `after`."
            )
        return self

    def filters(self) -> Filters | None:
        return Filters(**{name: getattr(self, name) for name in FiltersForm.model_fields}) or None


class PastMessage(_Form):
    role: Literal["user", "assistant"]
    content: str = Field(max_length=20_000)


class AskForm(_Form):
    question: Question
    history: list[PastMessage] = Field(
        default=[], max_length=2 * MOST_TURNS, description="earlier turns, oldest first"
    )
    filters: FiltersForm = FiltersForm()
    stream: bool = Field(default=False, description="answer as server-sent events")


class GivenPassage(_Form):
    text: Draft
    language: str | None = Field(default=None, pattern="^[A-Za-z]{2,3}$")


class VerifyForm(_Form):
    text: Draft
    passages: list[GivenPassage] | None = Field(
        default=None, min_length=1, max_length=100, description="check against these alone, not the index"
    )
    filters: FiltersForm = FiltersForm()


class SearchForm(_Form):
    question: Question
    limit: int | None = Field(default=None, ge=1, le=100)
    filters: FiltersForm = FiltersForm()


class ArticlesQuery(FiltersForm):
    limit: int = Field(default=50, ge=1, le=1000)
    offset: int = Field(default=0, ge=0)


class FeedbackForm(_Form):
    """A verdict on an answer. Question and answer may be sent along, or are looked up by `answer_id`."""

    answer_id: str = Field(min_length=1, max_length=100)
    verdict: Literal["up", "down"]
    comment: str | None = Field(default=None, max_length=4000)
    question: str | None = Field(default=None, max_length=LONGEST_QUESTION)
    answer: str | None = Field(default=None, max_length=20_000)


class Recorded(BaseModel):
    recorded: bool = True


class FoundPassage(BaseModel):
    article_id: str
    source: str
    start: int
    end: int
    text: str
    language: str
    score: float
    origin: dict[str, float]
    also_in: tuple[str, ...]


class SearchResult(BaseModel):
    hits: list[FoundPassage]


class VerifyResult(BaseModel):
    statements: tuple[Statement, ...]
    citations: tuple[Citation, ...]


class ArticleInfo(BaseModel):
    """An article without its text. The folder it lies in stays the server's business."""

    id: str
    source: str
    title: str | None
    publisher: str | None
    author: str | None
    published: str | None
    published_basis: str
    language: str
    genre: str
    story: str

    @classmethod
    def of(cls, article: Article, **more: Any) -> ArticleInfo:
        names = ArticleInfo.model_fields
        return cls(**{name: getattr(article, name) for name in names}, **more)


class ArticleText(ArticleInfo):
    text: str
    body: int = Field(description="where the article proper starts, after any front matter")


class Articles(BaseModel):
    total: int
    articles: list[ArticleInfo]


class ErrorDetail(BaseModel):
    code: str
    message: str
    hint: str


class Error(BaseModel):
    error: ErrorDetail


def pairs(turns: Sequence[PastMessage]) -> list[tuple[str, str]]:
    """Turns as (question, answer) pairs; a question nobody answered has an empty answer."""
    found: list[tuple[str, str]] = []
    for turn in turns:
        if turn.role == "user":
            found.append((turn.content, ""))
        elif found:
            question, said = found[-1]
            found[-1] = (question, f"{said}\n{turn.content}".strip())
    return found
