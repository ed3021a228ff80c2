"""index/read.py: real files of every format, damaged ones among them."""

from __future__ import annotations

import csv
import email.message
import json
import os
from pathlib import Path

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.errors import NotFoundError, UnreadableError
from index.nouns import Article
from index.read import FileArticles, Metadata, article_id, list_files, read_articles, read_metadata
from index.settings import IndexSettings

SETTINGS = IndexSettings()
SWEDISH = "Åsa och Örjan gick på promenad i går. Presidenten lovade nya krediter åt länderna, sade han."
ENGLISH = (
    "The harbour opened again on Monday after a strike of three weeks, and the first ships were unloaded."
)


def read(path: Path, metadata: Metadata | None = None) -> FileArticles:
    return read_articles(path, path.parent, SETTINGS, metadata)


def only(path: Path, metadata: Metadata | None = None) -> Article:
    (article,) = read(path, metadata).articles
    return article


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# --- text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "language", "text"),
    [
        ("utf-8", "sv", SWEDISH),
        ("utf-8-sig", "sv", SWEDISH),
        ("utf-16", "sv", SWEDISH),
        ("utf-16-le", "sv", SWEDISH),
        ("utf-16-be", "sv", SWEDISH),
        ("utf-32", "sv", SWEDISH),
        ("latin-1", "sv", SWEDISH),
        ("cp1252", "en", "“We leave,” she said – and left. It’s over for the harbour, said the café owner."),
        ("cp1252", "fr", "Le président a déclaré qu’il était prêt à négocier dès l’été, malgré la crise."),
        ("cp1252", "de", "Die Bundesregierung erklärte am Montag, größere Maßnahmen würden später geprüft."),
        (
            "cp1250",
            "pl",
            "Prezydent powiedział w poniedziałek, że Polska jest gotowa do rozmów.",
        ),
        ("cp1251", "ru", "Президент заявил в понедельник, что страна готова к переговорам о торговле."),
        ("shift_jis", "ja", "大統領は月曜日に、国は交渉の準備ができていると述べた。"),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, language: str, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode(encoding))
    article = only(path)
    assert article.text == text
    assert article.language == language


def test_utf8_with_a_damaged_byte_stays_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes((SWEDISH * 3).encode() + b"\xff slut.")
    reading = read(path)
    assert reading.articles[0].text.startswith("Åsa och Örjan")
    assert "not UTF-8" in reading.warnings[0].reason


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\r\t"), min_size=1)
)
def test_text_is_what_open_gives(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(text.encode("utf-8"))
    try:
        article = only(path)
    except UnreadableError:
        assert (
            not path.read_text(encoding="utf-8-sig").strip()
            or text.startswith("---")
            or not text.strip("\ufeff \n")
        )
        return
    assert article.text == path.read_text(encoding="utf-8-sig")
    assert 0 <= article.body <= len(article.text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([".txt", ".html", ".pdf", ".docx", ".eml", ".jsonl", ".csv"]))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    try:
        articles = read(path).articles
    except UnreadableError as error:
        assert error.message
        return
    for article in articles:
        article.text.encode()  # storable


def test_crlf_offsets_are_those_of_open(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"First line.\r\nSecond line, old Mac:\rThird.\r\n")
    article = only(path)
    start = article.text.index("Third")
    with path.open(encoding="utf-8") as file:
        assert file.read()[start : start + 5] == "Third"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", "no text"),
        ("a.txt", b" \n\t\n", "no text"),
        ("a.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 20, "binary"),
        ("a.txt", bytes(500), "binary"),
        ("a.docx", b"PK\x03\x04 not really", "damaged"),
        ("a.pdf", b"%PDF-1.4 cut off", "damaged"),
        ("a.html", b"<html><body><script>let x = 1</script></body></html>", "no article text"),
        ("a.eml", b"Subject: Empty\r\n\r\n", "no text"),
        ("a.csv", b"name,age\nAnna,4\n", "No column"),
        ("a.jsonl", b"not json\n", "not JSON"),
    ],
)
def test_unreadable_files_say_why(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UnreadableError, match=reason) as caught:
        read(path)
    assert caught.value.hint


def test_vanished_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="cannot be opened"):
        read(tmp_path / "gone.txt")


# --- front matter and metadata files ------------------------------------------------------------------------


def test_front_matter(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.md",
        "---\ntitle: Hamnen öppnar\nutgivare: Kustposten\nförfattare: [Anna Ek, Bo Al]\ndatum: 2023-01-26\n"
        f"språk: no\ngenre: ledare\n---\n\n{SWEDISH}\n",
    )
    article = only(path)
    assert (article.title, article.publisher, article.author) == (
        "Hamnen öppnar",
        "Kustposten",
        "Anna Ek, Bo Al",
    )
    assert (article.published, article.published_basis) == ("2023-01-26", "stated")
    assert (article.language, article.genre) == ("no", "opinion")  # not False, as YAML 1.1 reads `no`
    assert article.text == path.read_text(encoding="utf-8")
    assert article.text[article.body :].strip() == SWEDISH


def test_broken_front_matter_is_saved_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.md", f"---\ntitle: Ports: open again\ndate: 2023-01-26\n---\n{ENGLISH}\n")
    reading = read(path)
    article = reading.articles[0]
    assert (article.title, article.published) == ("Ports: open again", "2023-01-26")
    assert article.text[article.body :] == f"{ENGLISH}\n"
    assert "Front matter" in reading.warnings[0].reason


def test_rulers_are_no_front_matter(tmp_path: Path) -> None:
    article = only(write(tmp_path / "a.md", f"---\n{ENGLISH}\n---\nMore.\n"))
    assert article.body == 0


def test_front_matter_alone_is_no_article(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="no text"):
        read(write(tmp_path / "a.md", "---\ntitle: Alone\n---\n"))


def test_aliases_in_front_matter_do_no_harm(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{n}: &{n} [*{p}, *{p}, *{p}]\n" for p, n in zip("abcdefghij", "bcdefghijk", strict=True)
    )
    article = only(write(tmp_path / "a.md", f"---\n{bomb}title: *k\ndate: 2020\n---\n{ENGLISH}"))
    assert article.published == "2020"


def test_who_wins(tmp_path: Path) -> None:
    """metadata.yaml over front matter over metadata.csv over the text."""
    text = "---\ntitle: Front\npublisher: Front\n---\nBERGEN (Reuters) - " + ENGLISH
    path = write(tmp_path / "sub" / "a.txt", text)
    write(
        tmp_path / "metadata.csv",
        "file;title;publisher;author;datum\nsub/a.txt;Table;Table;Anna Ek;2020-01-02\n",
    )
    write(tmp_path / "metadata.yaml", "sub/a.txt:\n  title: Corrected\n  date: 2021\n")
    metadata, unread = read_metadata(tmp_path)
    assert unread == []
    (article,) = read_articles(path, tmp_path, SETTINGS, metadata).articles
    assert (article.title, article.publisher, article.author) == ("Corrected", "Front", "Anna Ek")
    assert (article.published, article.published_basis) == ("2021", "stated")
    assert article.genre == "report"  # the dateline
    assert article.source == "sub/a.txt"
    assert metadata.touching("sub/a.txt") != metadata.touching("b.txt") == ""


def test_metadata_beside_the_file_in_a_subfolder(tmp_path: Path) -> None:
    path = write(tmp_path / "sub" / "a.txt", ENGLISH)
    write(tmp_path / "sub" / "metadata.yml", "a.txt: {publisher: Nordsyn}\n")
    metadata, _ = read_metadata(tmp_path)
    assert read_articles(path, tmp_path, SETTINGS, metadata).articles[0].publisher == "Nordsyn"


def test_mistakes_in_metadata_are_told(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", ENGLISH)
    write(
        tmp_path / "metadata.yaml",
        "a.txt:\n  date: soon\n  publsher: X\n  title: Good\nb.txt:\n  title: None there\n",
    )
    write(tmp_path / "metadata.csv", "title\nlost\n")
    metadata, unread = read_metadata(tmp_path)
    assert metadata.corrections["a.txt"] == {"title": "Good"}
    reasons = " ".join(one.reason for one in unread)
    for part in ("soon", "publsher", "b.txt", "file"):
        assert part in reasons


@pytest.mark.parametrize("content", ["a: [", "- a\n- b\n", "just text", ""])
def test_metadata_that_is_no_mapping(tmp_path: Path, content: str) -> None:
    write(tmp_path / "metadata.yaml", content)
    metadata, unread = read_metadata(tmp_path)
    assert metadata.corrections == {}
    assert len(unread) == (1 if content else 0)


def test_a_time_stamp_is_no_date(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", ENGLISH)
    os.utime(path, (1_500_000_000, 1_500_000_000))
    article = only(path)
    assert (article.published, article.published_basis) == (None, "unknown")


# --- HTML, PDF, DOCX, mail ----------------------------------------------------------------------------------

PAGE = """<!doctype html><html><head><title>Harbour open | Kustposten</title>{head}</head><body>
<nav><a href="/">Home</a> <a href="/world">World menu</a></nav>
<article><h1>Harbour open</h1><p>{text} {text}</p><p>The second paragraph tells what happened before, in some
detail, and who was against it at that time in the city council.</p></article>
<aside><h3>Read more</h3><ul><li><a href="x">Old</a> <time datetime="2011-02-03">3 Feb 2011</time></li></ul>
Buy a new sofa today</aside><footer>Copyright 2024</footer></body></html>"""
META = (
    '<meta property="og:site_name" content="Kustposten"><meta property="og:title" content="Harbour open">'
    '<meta name="author" content="Anna Ek">'
)


def page(tmp_path: Path, head: str) -> Article:
    return only(write(tmp_path / "a.html", PAGE.format(head=head, text=ENGLISH)))


def test_html(tmp_path: Path) -> None:
    article = page(tmp_path, META + '<meta property="article:published_time" content="2018-01-22T10:00:00Z">')
    assert (article.title, article.publisher, article.author) == ("Harbour open", "Kustposten", "Anna Ek")
    assert (article.published, article.published_basis, article.language) == ("2018-01-22", "stated", "en")
    assert ENGLISH in article.text
    assert "sofa" not in article.text
    assert "World menu" not in article.text


@pytest.mark.parametrize(
    ("head", "published"),
    [
        ("", None),  # neither the related article's date nor the copyright's year
        ('<meta property="article:modified_time" content="2019-05-05">', None),
        ('<link rel="canonical" href="https://x.example/2018/01/22/harbour">', "2018-01-22"),
        (
            '<script type="application/ld+json">{"@type":"NewsArticle","dateModified":"2019-01-01",'
            '"datePublished":"2018-01-22","articleSection":"Opinion"}</script>',
            "2018-01-22",
        ),
        ('<meta itemprop="datePublished" content="2018-01-22">', "2018-01-22"),
    ],
)
def test_html_dates(tmp_path: Path, head: str, published: str | None) -> None:
    article = page(tmp_path, META + head)
    assert article.published == published
    assert article.genre == ("opinion" if "Opinion" in head else "unknown")


def test_html_in_its_declared_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.htm"
    path.write_bytes(PAGE.format(head='<meta charset="iso-8859-1">', text=SWEDISH).encode("latin-1"))
    assert SWEDISH in only(path).text


def pdf(path: Path, pages: list[list[str]]) -> Path:
    """A PDF written by hand: Helvetica, one `Tj` a line; a page without lines is a picture of nothing."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for lines in pages:
        stream = "BT /F1 10 Tf 14 TL 50 750 Td " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}\nendstream")
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {len(objects)} 0 R"
            "/Resources<</Font<</F1 3 0 R>>>>>>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(kids)}]>>"
    objects.append("<</Title(Harbour open)/Author(Anna Ek)/CreationDate(D:20110203000000Z)>>")
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"<</Size {len(objects) + 1}/Root 1 0 R/Info {len(objects)} 0 R>>"
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    path.write_bytes(out + f"{head}{table}trailer{trailer}\nstartxref\n{len(out)}\n%%EOF\n".encode())
    return path


def test_pdf(tmp_path: Path) -> None:
    lines = [
        "The harbour opened again on Monday after a strike of three weeks, and",
        "the first ships were unloaded before noon under the eyes of the mini-",
        "ster. Nobody objected.",
        "A second paragraph follows here, and it runs over the width of the page",
        "too.",
    ]
    reading = read(pdf(tmp_path / "a.pdf", [lines, []]))
    (article,) = reading.articles
    assert (
        "weeks, and the first ships were unloaded before noon under the eyes of the minister." in article.text
    )
    assert (article.title, article.author) == ("Harbour open", "Anna Ek")
    assert article.published is None  # the date of creation is the file's
    assert "1 of 2 pages" in reading.warnings[0].reason


def test_scanned_pdf(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="scan"):
        read(pdf(tmp_path / "a.pdf", [[], []]))


def test_docx(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("Hamnen öppnar", 0)
    document.add_paragraph(SWEDISH)
    row = document.add_table(rows=1, cols=2).rows[0]
    row.cells[0].text, row.cells[1].text = "2021", "450"
    document.save(str(tmp_path / "a.docx"))
    article = only(tmp_path / "a.docx")
    assert article.text == f"Hamnen öppnar\n\n{SWEDISH}\n\n2021 | 450"
    assert (article.title, article.author, article.published) == ("Hamnen öppnar", None, None)
    assert article.language == "sv"


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_mail(tmp_path: Path, subtype: str) -> None:
    message = email.message.EmailMessage()
    message["Subject"], message["From"] = "Hamnen öppnar igen", "Anna Ek <anna@kustposten.example>"
    message["Date"] = "Mon, 22 Jan 2018 10:00:00 +0100"
    message.set_content(
        SWEDISH if subtype == "plain" else PAGE.format(head="", text=SWEDISH), subtype=subtype
    )
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="x.pdf")
    (tmp_path / "a.eml").write_bytes(bytes(message))
    article = only(tmp_path / "a.eml")
    assert SWEDISH in article.text
    assert (article.title, article.author, article.published) == (
        "Hamnen öppnar igen",
        "Anna Ek",
        "2018-01-22",
    )


# --- many articles in one file ------------------------------------------------------------------------------


def test_jsonl(tmp_path: Path) -> None:
    rows = [
        json.dumps({"title": "One", "text": SWEDISH, "date": "2020-01-02", "source": {"name": "Nordsyn"}}),
        "{broken",
        json.dumps({"title": "No text"}),
        "",
        json.dumps({"headline": "Two", "body": f"{ENGLISH}\x00 \ud83d", "authors": ["Anna Ek", "Bo Al"]}),
    ]
    reading = read(write(tmp_path / "a.jsonl", "\n".join(rows)))
    one, two = reading.articles
    assert (one.source, one.title, one.publisher, one.published) == (
        "a.jsonl#1",
        "One",
        "Nordsyn",
        "2020-01-02",
    )
    assert (two.source, two.title, two.author) == ("a.jsonl#5", "Two", "Anna Ek, Bo Al")
    assert two.text == f"{ENGLISH} \N{REPLACEMENT CHARACTER}"
    assert one.id != two.id
    assert [warning.reason[:6] for warning in reading.warnings] == ["Line 2", "Line 3"]


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerows(
            [
                ["Rubrik", "Text", "Datum"],
                ["Ett", SWEDISH, "3.4.2020"],
                ["Två", "Kort."],
                ["Tre", "Lång. " * 40_000, ""],
            ]
        )
    write(tmp_path / "metadata.yaml", "a.csv: {publisher: Nordsyn}\na.csv#3: {title: Rättad}\n")
    reading = read(path, read_metadata(tmp_path)[0])
    one, three = reading.articles
    assert (one.source, one.title, one.text, one.published) == ("a.csv#1", "Ett", SWEDISH, "2020-04-03")
    assert (one.publisher, three.title, len(three.text)) == ("Nordsyn", "Rättad", 240_000)
    assert "Row 2" in reading.warnings[0].reason


# --- which files --------------------------------------------------------------------------------------------


def names(folder: Path, **changes: object) -> tuple[list[str], list[str]]:
    files, unread = list_files(folder, SETTINGS.model_copy(update=changes))
    return [path.relative_to(folder.resolve()).as_posix() for path in files], [one.source for one in unread]


def test_list_files(tmp_path: Path) -> None:
    for name in (
        "b.txt",
        "a/c.MD",
        ".hidden.txt",
        ".git/d.txt",
        "metadata.csv",
        "metadata.yaml",
        "pic.jpg",
        "t.csv",
    ):
        write(tmp_path / name, "x")
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    assert names(tmp_path) == (["a/c.MD", "b.txt", "t.csv"], [])
    assert names(tmp_path, max_file_mb=0.0000001)[1] == ["a/c.MD", "b.txt", "t.csv"]
    with pytest.raises(NotFoundError):
        list_files(tmp_path / "none", SETTINGS)


def test_links(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out"
    write(folder / "a.txt", "x")
    write(folder / ".store" / "real.txt", "x")
    write(outside / "o.txt", "x")
    (folder / "again.txt").symlink_to("a.txt")  # listed once
    (folder / "kept.txt").symlink_to(".store/real.txt")  # as git-annex keeps files
    (folder / "loop").symlink_to(".")
    (folder / "gone.txt").symlink_to("nothing.txt")
    (folder / "o.txt").symlink_to(outside / "o.txt")
    (folder / "outside").symlink_to(outside)
    (outside / "back").symlink_to(folder)
    assert names(folder) == (["a.txt", "kept.txt"], ["gone.txt", "o.txt", "outside"])
    assert names(folder, follow_links=True) == (["a.txt", "kept.txt", "o.txt"], ["gone.txt"])


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("x", encoding="utf-8")
    files, unread = list_files(tmp_path, SETTINGS)
    assert files == []
    unread[0].source.encode()


def test_ids_are_stable() -> None:
    assert article_id("/a", "b.txt") == article_id("/a", "b.txt") != article_id("/a", "c.txt")
    assert len(article_id("/a", "b.txt")) == 16


def test_source_through_a_link_to_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "real" / "sub" / "a.txt", ENGLISH)
    link = tmp_path / "link"
    link.symlink_to("real")
    (listed,), _ = list_files(link, SETTINGS)
    through = read_articles(link / "sub" / "a.txt", link, SETTINGS).articles[0]
    assert read_articles(listed, link, SETTINGS).articles[0] == through
    assert through.source == "sub/a.txt"
