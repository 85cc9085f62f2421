"""The small sample corpus as the readers give it; the text of a page is that of its article, unextracted."""

from __future__ import annotations

import html.parser
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from massivetext import samples
from pipelines.sources import read
from pipelines.sources.record import Item, Record

Place = tuple[str, int]


class Article(html.parser.HTMLParser):
    """The paragraphs of a page's article."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.inside = False
        self.paragraphs: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: object) -> None:
        if tag == "article":
            self.inside = True
        elif tag == "p" and self.inside:
            self.paragraphs.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside and self.paragraphs and data != "\n":
            self.paragraphs[-1] += data


def items_of(folder: Path) -> dict[Place, Item]:
    """What the readers yield for every file of a subset."""
    found = {}
    for subset in ("massiveweb", "books", "c4", "news", "github", "wikipedia"):
        for path in sorted((folder / subset).iterdir()):
            source = path.relative_to(folder).as_posix()
            found |= {(source, item.row): item for item in read(str(path))}
    return found


def texts_of(folder: Path) -> dict[Place, str]:
    """The text of every document."""
    texts = {}
    for place, item in items_of(folder).items():
        if isinstance(item, Record):
            page = item.html.decode(item.encoding or "utf-8") if item.html is not None else None
            texts[place] = "\n".join(Article(page).paragraphs) if page is not None else item.text or ""
    return texts


@pytest.fixture(scope="session")
def read_texts() -> Callable[[Path], dict[Place, str]]:
    return texts_of


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.make(tmp_path_factory.mktemp("samples") / "corpus", "tests")


@pytest.fixture(scope="session")
def answers(corpus: Path) -> list[dict]:
    return [json.loads(line) for line in (corpus / "answers.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="session")
def promised(answers: list[dict]) -> dict[Place, dict]:
    """The answers about records, by their place."""
    return {(answer["source"], answer["row"]): answer for answer in answers if "row" in answer}


@pytest.fixture(scope="session")
def items(corpus: Path) -> dict[Place, Item]:
    return items_of(corpus)


@pytest.fixture(scope="session")
def documents(corpus: Path) -> dict[Place, str]:
    return texts_of(corpus)
