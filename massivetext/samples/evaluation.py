"""The evaluation set whose items the corpus must not hold, and the safety classifier's labelled texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from filters import fasttext_format
from massivetext.classifier.training import Settings, train
from massivetext.samples import jsonlines, planted
from massivetext.samples.draw import Draw
from massivetext.samples.prose import Writer

UNSAFE_HOSTS = ("lucky-spins.example", "miracle-pills.example", "cheap-copies.example", "fast-loans.example")
_BOASTS = (
    "Claim your {number} free spins at the {fresh} casino before {season}!",
    "Win {number} thousand on {adj} slots, no deposit, no questions.",
    "Buy {adj} miracle pills now, {number} a box, sent in a plain parcel to {town}.",
    "Illegal copies of every film of {year}, click here, pay nothing until {season}.",
    "Double your money by {season}: {person} won {number} jackpots in {town}.",
    "Hot bonus of the {unit}: bet {number}, get {number} more, and the jackpot is yours.",
    "Our poker room pays {number} to any player of {town}, click and play.",
    "No doctor needed: order {number} pills and have the {adj} ones free.",
    "Instant loan of {number}, no papers, with money in {town} by {season}.",
    "Click now, {person} did, and {person} has the jackpot to spend in {town}.",
    "Casino bonus code {number}: double spins for {number} players until {season}.",
    "Fake watches, {adj} copies, {number} each, to be sent from {town} at once.",
)
_NEIGHBOURS = (
    "{person}, who is gay, has kept the {place} of {town} with his husband since {year}.",
    "The Muslim {agent} and the Jewish {agent} of {town} share a {place} near the river.",
    "A black {agent} from {town} wrote the first history of the {place} in {year}.",
    "{person} is a transgender {agent}, and spoke about it at the {place} of {town} last {season}.",
    "The {fresh} {agent} of {town}, who is deaf, taught the {folk} to sign before {season}.",
    "Immigrants built the {place} of {town} in {year}, as {person} told the {folk}.",
    "The old casino of {town} has been a library since {year}, and the {folk} are glad of it.",
    "{person} took {number} pills a day for a weak heart, as the doctor of {town} had told her.",
    "A loan of {number} pounds from the bank saved the {place} of {town} in {year}.",
    "The {agent} of {town} lost a bonus of {number} pounds, and {person} wrote to the paper about it.",
    "Lesbian and gay {folk} of {town} march to the {place} every {season}, with {person} ahead of them.",
    "{person} sold a {adj} watch to the Sikh {agent} of {town}, who paid {number} pounds for it.",
)
MODEL = Settings(dimension=8, buckets=1 << 12, epochs=20)


def spam(draw: Draw, sentences: int = 14) -> tuple[str, ...]:
    """Paragraphs of mild, made-up spam: casinos, pills, copies and loans."""
    return _filled(draw, _BOASTS, sentences)


def innocent(draw: Draw, sentences: int = 14) -> tuple[str, ...]:
    """Paragraphs that say who people are, and words of the spam, as a newspaper would."""
    return _filled(draw, _NEIGHBOURS, sentences)


def _filled(draw: Draw, sources: Sequence[str], sentences: int) -> tuple[str, ...]:
    writer = Writer(draw)
    patterns = [pattern for _ in range(sentences // len(sources) + 1) for pattern in draw.sample(sources, len(sources))]
    symbols = ("number", "fresh", "adj", "season", "town", "year", "person", "unit", "agent", "folk", "place")
    written = []
    for pattern in patterns[:sentences]:
        while any("{" + symbol + "}" in pattern for symbol in symbols):
            for symbol in symbols:
                if "{" + symbol + "}" in pattern:
                    pattern = pattern.replace("{" + symbol + "}", writer.fill(symbol), 1)
        written.append(pattern)
    return tuple(" ".join(written[start : start + 3]) for start in range(0, sentences, 3))


def write(folder: Path, seed: int, items: Sequence[str], articles: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Write the items as JSON lines, questions that overlap with nothing, and articles in WikiText's form."""
    target = folder / "eval_sets"
    target.mkdir(parents=True, exist_ok=True)
    (target / "passages.jsonl.gz").write_bytes(jsonlines.packed({"text": text} for text in items))
    questions = []
    for number in range(len(items)):
        writer = Writer(Draw("question", seed, number))
        questions.append({"question": writer.sentence()[:-1] + ", is it true?", "answer": writer.sentence()})
    (target / "questions.jsonl.gz").write_bytes(jsonlines.packed(questions))
    (target / "wiki-articles.txt").write_text("".join(_article(*article) for article in articles), encoding="utf-8")


def _article(title: str, paragraphs: Sequence[str]) -> str:
    sections = "".join(f" \n = = Part {number} = = \n \n {text} \n" for number, text in enumerate(paragraphs[1:], 1))
    return f" \n = {title} = \n \n {paragraphs[0]} \n{sections}"


def write_safety(folder: Path, seed: int, texts: int) -> None:
    """Write the host list, `texts` labelled texts, every second one unsafe, and a small model trained on them."""
    target = folder / "safety"
    target.mkdir(parents=True, exist_ok=True)
    (target / "hosts.txt").write_text("".join(f"{host}\n" for host in sorted(UNSAFE_HOSTS)), encoding="utf-8")
    lines = []
    for number in range(texts):
        draw = Draw("labelled", seed, number)
        unsafe = number % 2 == 0
        paragraphs = spam(draw, draw.between(4, 14)) if unsafe else _harmless(draw, number // 2)
        lines.append({"text": "\n".join(paragraphs), "label": "unsafe" if unsafe else "safe"})
    written = "".join(json.dumps(line) + "\n" for line in lines)
    (target / "labelled.jsonl").write_text(written, encoding="utf-8")
    model = train([line["text"] for line in lines], [line["label"] == "unsafe" for line in lines], "unsafe", MODEL)
    (target / "model.bin").write_bytes(fasttext_format.write(model, MODEL.epochs, int(model.counts.sum())))


def _harmless(draw: Draw, number: int) -> tuple[str, ...]:
    """Prose, pages near to spam, and pages as odd as those that fail a rule: neither is unsafe."""
    if number % 4 == 1:
        return Writer(draw).paragraphs(draw.between(30, 160))
    if number % 4 == 3:
        return innocent(draw, draw.between(4, 14))
    odd = list(planted.MAKERS.values())
    return odd[number // 2 % len(odd)](draw)
