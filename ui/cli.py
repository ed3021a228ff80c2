"""The `dossier` command. It parses, calls and prints; what it prints is made in `ui/text.py`.

Heavy libraries are imported by the commands that need them, so that `--help` and an `index` run that finds
nothing new stay fast. With `--json`, stdout gets exactly one JSON value; logs and progress go to stderr.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from index.archive import Archive
    from index.nouns import Filters, IndexReport
    from index.settings import Settings

log = logging.getLogger(__name__)

_HELP = {"help_option_names": ["-h", "--help"]}
_UNREAD_SHOWN = 20


class Session:
    """What every command is handed. The settings are read when first asked for."""

    def __init__(self, toml: Path | None) -> None:
        self.toml = toml

    @cached_property
    def settings(self) -> Settings:
        from index.settings import load_settings

        return load_settings(self.toml)

    @cached_property
    def archive(self) -> Archive:
        from index.archive import Archive

        return Archive(self.settings)


def main() -> None:
    """Entry point: exit 0 when done, 1 when it failed, 2 on wrong usage."""
    sys.exit(run(sys.argv[1:]))


def run(args: list[str]) -> int:
    as_json = "--json" in args
    try:
        result = dossier.main(args, prog_name="dossier", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.UsageError as error:
        error.show()
        return _failed(as_json, 2, "usage", error.format_message())
    except click.ClickException as error:
        error.show()
        return _failed(as_json, 1, "error", error.format_message())
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped.", err=True)
        return 1
    except BrokenPipeError:  # `dossier ask ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the outermost boundary: a sentence for the user, the rest in the log
        return _explain(error, as_json)


def _explain(error: Exception, as_json: bool) -> int:
    from index.errors import DossierError, InputError, NotFoundError

    if isinstance(error, DossierError):
        click.echo(f"dossier: {error}", err=True)
        wrong_usage = isinstance(error, InputError) and not isinstance(error, NotFoundError)
        return _failed(as_json, 2 if wrong_usage else 1, error.code, error.message, error.hint)
    log.info("Details:", exc_info=error)
    message = f"Something went wrong that Dossier did not expect ({type(error).__name__}: {error})."
    hint = "`dossier --verbose ...` shows the details; please report them."
    click.echo(f"dossier: {message} {hint}", err=True)
    return _failed(as_json, 1, "internal", message, hint)


def _failed(as_json: bool, code: int, name: str, message: str, hint: str = "") -> int:
    if as_json:
        _print_json({"error": {"code": name, "message": message, "hint": hint}})
    return code


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def _width() -> int:
    return min(shutil.get_terminal_size((100, 24)).columns, 100)


# ------------------------------------------------------------------------------------------------ options

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON value and nothing else.")


class _Day(click.ParamType[Any]):
    """A year, month or day, ISO. Becomes the (first, last) day it covers."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from index.catalogue import days

        span = days(value) if isinstance(value, str) else value
        if span is None:
            self.fail(f"“{value}” is no date. Write 2018, 2018-01 or 2018-01-31.", param, ctx)
        return span


def _filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--before", type=_Day(), help="Published then or earlier: 2018, 2018-01 or 2018-01-31."),
        click.option("--after", type=_Day(), help="Published then or later."),
        click.option("--genre", type=click.Choice(["report", "opinion", "unknown"])),
        click.option("--publisher", metavar="NAME"),
        click.option("--source", metavar="GLOB", help="Files whose path matches: '2018/*'."),
        click.option("--language", metavar="CODE", help="en, sv, ..."),
    ):
        command = option(command)
    return command


def _filters(given: dict[str, Any]) -> Filters | None:
    from index.nouns import Filters

    after, before = given.pop("after"), given.pop("before")
    filters = Filters(after=after[0] if after else None, before=before[1] if before else None, **given)
    if filters.after and filters.before and filters.after > filters.before:
        raise click.UsageError(f"No day is after {filters.after} and before {filters.before}.")
    return filters or None


def _question(ctx: click.Context, param: click.Parameter, value: str) -> str:
    text = sys.stdin.read() if value == "-" else value
    if not text.strip():
        raise click.UsageError("The question is empty. Ask something in a sentence or a few words.")
    return text.strip()


# ----------------------------------------------------------------------------------------------- commands


@click.group(context_settings=_HELP)
@click.option("--settings", "toml", type=click.Path(path_type=Path), metavar="FILE", help="A dossier.toml.")
@click.option("--verbose", is_flag=True, help="Say more on stderr.")
@click.version_option(package_name="dossier-news", prog_name="dossier")
@click.pass_context
def dossier(ctx: click.Context, toml: Path | None, verbose: bool) -> None:
    """Answers about a folder of articles, with the exact words that each sentence rests on."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.WARNING,
        format="%(message)s",
        force=True,
    )
    logging.getLogger("ui.progress").setLevel(logging.INFO)
    ctx.obj = Session(toml)


@dossier.command("index")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH ...]")
@click.option(
    "--forget", multiple=True, type=click.Path(path_type=Path), metavar="PATH", help="Drop a folder."
)
@click.option("--rebuild", is_flag=True, help="Make the whole index anew.")
@click.option("--watch", is_flag=True, help="Go on, and index again whenever a file changes.")
@_as_json
@click.pass_obj
def index_command(
    session: Session,
    paths: tuple[Path, ...],
    forget: tuple[Path, ...],
    rebuild: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Bring the index up to date with its folders.

    Folders named are added to those indexed before; with none, those are brought up to date (at first the
    folders of the settings, or the sample articles).
    """
    from index import sync
    from ui.progress import follower

    if watch and (forget or rebuild):
        raise click.UsageError("--watch goes with neither --forget nor --rebuild.")

    def report(done: IndexReport) -> None:
        for unread in done.unread[:_UNREAD_SHOWN]:
            click.echo(f"{unread.source}: {unread.reason}", err=True)
        if len(done.unread) > _UNREAD_SHOWN:
            click.echo(f"... and {len(done.unread) - _UNREAD_SHOWN} more; see `dossier status`.", err=True)
        if as_json:
            _print_json(asdict(done))
        else:
            click.echo(_summary(done))
        if not _articles(done):
            click.echo("No articles were found. Put .txt, .md, .html, .pdf or .docx files there.", err=True)
        sys.stdout.flush()

    if watch:
        sync.watch(session.settings, paths, report, follower(as_json))
    else:
        report(
            sync.update(session.settings, paths, forget=forget, rebuild=rebuild, progress=follower(as_json))
        )


def _articles(done: IndexReport) -> int:
    return done.added + done.changed + done.moved + done.unchanged


def _summary(done: IndexReport) -> str:
    kinds = ("added", "changed", "moved", "removed", "unchanged")
    counts = ", ".join(f"{getattr(done, kind)} {kind}" for kind in kinds)
    text = f"{_articles(done):,} articles in {done.passages:,} passages: {counts}"
    if done.unread:
        text += f", {len(done.unread)} with problems"
    text += f". {done.seconds:.1f} s"
    if done.passages_embedded:
        share = done.seconds_embedding / max(done.seconds, 0.001)
        text += f", {done.passages_embedded:,} passages embedded ({share:.0%} of the time)"
    return text + "."


@dossier.command("search")
@click.argument("question", callback=_question)
@click.option("--limit", type=click.IntRange(1, 100), help="At most so many passages.")
@click.option("--explain", is_flag=True, help="Show where each score comes from.")
@_filter_options
@_as_json
@click.pass_obj
def search_command(
    session: Session, /, question: str, limit: int | None, explain: bool, as_json: bool, **given: Any
) -> None:
    """Show the passages found for a QUESTION (- reads it from stdin)."""
    filters = _filters(given)
    from rag.retrieve import search
    from ui import text as plain

    hits = search(question, session.archive, filters=filters, limit=limit)
    articles = session.archive.catalogue.articles_by_id({hit.passage.article_id for hit in hits})
    names = {name: article.source for name, article in articles.items()}
    if as_json:
        _print_json({"hits": [_hit(hit, names) for hit in hits]})
    elif hits:
        click.echo(plain.found(hits, names, _width(), explain))
    else:
        click.echo("Nothing was found.")


def _hit(hit: Any, names: dict[str, str]) -> dict[str, Any]:
    p = hit.passage
    where = {"article_id": p.article_id, "source": names.get(p.article_id), "start": p.start, "end": p.end}
    return {**where, "text": p.text, "language": p.language, "score": hit.score, "origin": hit.origin,
            "also_in": hit.also_in}  # fmt: skip


@dossier.command("ask")
@click.argument("question", callback=_question)
@_filter_options
@_as_json
@click.pass_obj
def ask_command(session: Session, /, question: str, as_json: bool, **given: Any) -> None:
    """Answer a QUESTION (- reads it from stdin)."""
    filters = _filters(given)
    from rag.answer import ask
    from ui import text as plain

    answer = ask(question, session.archive, filters=filters)
    if as_json:
        _print_json(asdict(answer))
    else:
        click.echo(plain.terminal(answer, _width()))


@dossier.command("verify")
@click.argument("file", type=click.File(encoding="utf-8"))
@_filter_options
@_as_json
@click.pass_obj
def verify_command(session: Session, /, file: Iterable[str], as_json: bool, **given: Any) -> None:
    """Check a draft, sentence by sentence, against the articles. FILE may be - for stdin."""
    filters = _filters(given)
    try:
        text = "".join(file)
    except UnicodeDecodeError as error:
        raise click.UsageError("The draft is not UTF-8 text. Save it as plain text first.") from error
    if not text.strip():
        raise click.UsageError("The draft is empty. Give it the sentences to be checked.")
    from rag.verify import verify_text
    from ui import text as plain

    checked = verify_text(text, session.archive, filters=filters)
    if as_json:
        _print_json(
            {
                "statements": list(map(asdict, checked.statements)),
                "citations": list(map(asdict, checked.citations)),
            }
        )
    else:
        click.echo(plain.verdicts(checked.statements, checked.citations, _width()))


@dossier.command("serve")
@click.option("--host", help="Default 127.0.0.1, this machine alone; 0.0.0.0 for the network.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default 7860; 0 takes any that is free.")
@click.pass_obj
def serve_command(session: Session, host: str | None, port: int | None) -> None:
    """Serve page and endpoint on one port. Indexes first where nothing is indexed yet."""
    settings = session.settings
    from index.settings import where_text_goes
    from ui.port import take_port

    sock = take_port(host or settings.server.host, settings.server.port if port is None else port)
    with sock:
        _index_first(settings)
        from ui.server import serve

        def ready(address: str) -> None:
            click.echo(f"Dossier is at {address}")
            click.echo(where_text_goes(settings))

        serve(settings, sock, ready)


def _index_first(settings: Settings) -> None:
    from index.catalogue import Catalogue, current
    from index.sync import update
    from ui.progress import follower

    path = current(settings.data_dir)
    if path is None or not Catalogue(path).counts()[0]:
        click.echo("Nothing is indexed yet: indexing first.", err=True)
        click.echo(_summary(update(settings, progress=follower(False), wait=600)), err=True)


@dossier.command(
    "eval",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def evaluate(session: Session, args: Sequence[str]) -> Any:
    """Run a question set, compare with the baseline, write a report."""
    from evals.cli import eval_command

    return eval_command.main(list(args), prog_name="dossier eval", standalone_mode=False, obj=session)


@dossier.command("status")
@click.option("--check", is_flag=True, help="Verify that catalogue, word index and vectors agree.")
@click.option("--repair", is_flag=True, help="Mend what --check finds.")
@click.option(
    "--settings", "show_settings", is_flag=True, help="Show every setting in force (secrets hidden)."
)
@_as_json
@click.pass_obj
def status_command(session: Session, check: bool, repair: bool, show_settings: bool, as_json: bool) -> int:
    """Show what is indexed, with what, and how healthy it is."""
    from ui.status import describe

    found = describe(session.settings, check=check or repair, repair=repair, settings_too=show_settings)
    if as_json:
        _print_json(found)
    else:
        click.echo(_status_text(found))
    return 1 if found.get("problems") else 0


def _status_text(found: dict[str, Any]) -> str:
    lines = [f"Data directory: {found['data_dir']}"]
    if found["indexed"]:
        languages = ", ".join(f"{code} {n:,}" for code, n in found["passages_by_language"].items())
        lines += [
            f"Indexed: {found['articles']:,} articles in {found['passages']:,} passages ({languages})",
            *(f"Folder: {folder}" for folder in found["folders"]),
            f"Embedder: {found['embedder']}",
            f"Size on disk: {found['bytes'] / 1e6:.1f} MB",
        ]
    else:
        lines.append("Nothing is indexed yet. Run `dossier index FOLDER`.")
    lines += [f"Answers: {found['answers']}", f"Text: {found['text_goes']}"]
    if found["unread"]:
        lines.append(f"{len(found['unread'])} files with problems:")
        lines += [f"  {item['source']}: {item['reason']}" for item in found["unread"]]
    if "problems" in found:
        lines += [f"Repaired: {p}" for p in found.get("repaired", [])]
        lines += [f"Problem: {p}" for p in found["problems"]]
        lines.append(
            "`dossier status --repair` mends them."
            if found["problems"]
            else "Health: catalogue, word index and vectors agree."
        )
    lines += [f"{key} = {json.dumps(value, default=str)}" for key, value in found.get("settings", {}).items()]
    return "\n".join(lines)
