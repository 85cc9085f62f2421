"""`python -m massivetext.train_classifier`: a fastText model of two labels from labelled files, and how good it is.

Writes model.bin, metrics.json and roc.png. The same files, flags and seed give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from filters import fasttext_format, model
from filters.rule import suggestion
from filters.text import buffers
from massivetext.classifier import curve, labelled
from massivetext.classifier.labelled import Labelled
from massivetext.classifier.mentions import mentions
from massivetext.classifier.training import Settings, passes, train

EXAMPLES = """\
examples:
  python -m massivetext.train_classifier comments.jsonl --positive unsafe --out safety
      objects with "text" and "label"; put safety/model.bin into the input folder of a build
  python -m massivetext.train_classifier tweets.csv.gz sms.csv.gz --text tweet --text v2 --label class --label v1 \\
      --positive 0 --positive 1 --positive spam --name unsafe --out safety
      several files with fields of other names: a file uses the first that it has
"""
WRONG_SHARES = (0.001, 0.01, 0.05)
MOST_KINDS = 100


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m massivetext.train_classifier",
        description=__doc__,
        epilog=EXAMPLES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help=".jsonl, .csv, .tsv or __label__ lines (.txt)"
    )
    made.add_argument("--positive", action="append", required=True, metavar="LABEL", help="what to find; repeatable")
    made.add_argument("--name", metavar="NAME", help="the model's label for it (default: the first --positive)")
    made.add_argument("--text", action="append", metavar="FIELD", help="field of the text; repeatable (default: text)")
    made.add_argument("--label", action="append", metavar="FIELD", help="field of the label; repeatable (label)")
    made.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the model and its figures")
    made.add_argument("--held-out", type=float, default=0.2, metavar="SHARE", help="of texts, to measure on (0.2)")
    made.add_argument("--bound", type=float, default=0.5, metavar="P", help="probability that a rule keeps up to (0.5)")
    default = Settings()
    for name, help_text in (
        ("epochs", "passes over the texts, 0: 5 to 50 by their number"),
        ("dimension", "length of a word's vector"),
        ("word-ngrams", "longest n-gram of words"),
        ("buckets", "rows that n-grams share"),
        ("min-count", "how often a word must stand"),
        ("seed", "of first vectors and order"),
    ):
        value = getattr(default, name.replace("-", "_"))
        made.add_argument(f"--{name}", type=int, default=value, metavar="N", help=f"{help_text} ({value})")
    made.add_argument("--rate", type=float, default=default.rate, metavar="R", help=f"learning rate ({default.rate})")
    made.add_argument("--subwords", default="0,0", metavar="MIN,MAX", help="characters of subwords, such as 3,5 (none)")
    return made


def run(argv: Sequence[str]) -> None:
    given = parser().parse_args(argv)
    if not 0 < given.held_out < 1:
        raise ValueError(f"--held-out is {given.held_out}, expected a share between 0 and 1")
    names = given.text or ["text"], given.label or ["label"]
    texts = [item for file in given.files for item in labelled.read(file, *names)]
    _check_labels(texts, given.positive)
    name = given.name or given.positive[0]
    settings = _settings(given)
    held = np.array([labelled.is_held_out(item.text, given.held_out) for item in texts], bool)
    positive = np.array([item.label in given.positive for item in texts], bool)
    learnt = [item.text for item, is_held in zip(texts, held, strict=True) if not is_held]
    made = train(learnt, positive[~held].tolist(), name, settings)
    given.out.mkdir(parents=True, exist_ok=True)
    tokens = int(made.counts[: made.words].sum())
    (given.out / "model.bin").write_bytes(fasttext_format.write(made, passes(settings, len(learnt)), tokens))
    measured = [item.text for item, is_held in zip(texts, held, strict=True) if is_held]
    sets = _sets(made, name, measured, positive[held])
    figures = {
        "label": name,
        "settings": asdict(settings),
        "trained_on": {"texts": len(learnt), name: int(positive[~held].sum()), "words": made.words},
        "held_out": {title: curve.summary(found, given.bound, WRONG_SHARES) for title, found in sets.items()},
    }
    (given.out / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    curve.draw(sets, given.bound, given.out / "roc.png")
    print(_report(figures, given.out))


def _settings(given: argparse.Namespace) -> Settings:
    try:
        shortest, longest = map(int, given.subwords.split(","))
    except ValueError:
        raise ValueError(f"--subwords is {given.subwords!r}, expected two numbers such as 3,5") from None
    return Settings(
        dimension=given.dimension,
        word_ngrams=given.word_ngrams,
        buckets=given.buckets,
        shortest=shortest,
        longest=longest,
        min_count=given.min_count,
        epochs=given.epochs,
        rate=given.rate,
        seed=given.seed,
    )


def _check_labels(texts: Sequence[Labelled], positive: Sequence[str]) -> None:
    found = Counter(item.label for item in texts)
    if len(found) > MOST_KINDS:
        raise ValueError(f"{len(found)} different labels; is the field of the label the one that --label names?")
    for label in positive:
        if label not in found:
            there = ", ".join(f"{name} ({count})" for name, count in sorted(found.items()))
            raise ValueError(f"--positive {label}: no text has that label{suggestion(label, found)}; there are {there}")


def _sets(made: fasttext_format.Model, name: str, texts: Sequence[str], positive: np.ndarray) -> dict[str, curve.Curve]:
    """The curve of all held-out texts, and that of those which mention people by who they are."""
    judge = model.classifier(made)
    values = judge.probabilities(*buffers(texts))[:, judge.labels.index(name)]
    mentioning = np.array([mentions(text) for text in texts], bool)
    sets = {"all": curve.curve(values, positive)}
    kinds = positive[mentioning]
    if kinds.any() and not kinds.all():
        sets["mentioning identity"] = curve.curve(values[mentioning], kinds)
    return sets


def _report(figures: dict, out: Path) -> str:
    trained, name = figures["trained_on"], figures["label"]
    lines = [f"trained on {trained['texts']:,} texts, {trained[name]:,} of them {name}: {out / 'model.bin'}"]
    for title, of in figures["held_out"].items():
        lines.append(
            f"held out, {title}: {of['positives']:,} {name} and {of['others']:,} others, "
            f"area under the ROC curve {of['area_under_curve']:.4f}"
        )
        lines.append(
            f"  above {of['bound']:g}: {of['caught']:.2%} caught, {of['wrongly_caught']:.2%} of the others wrongly; "
            f"accuracy {of['accuracy']:.2%}"
        )
        lines += [
            f"  above {advice['threshold']:g}: {advice['caught']:.2%} caught, "
            f"at most {advice['wrongly_caught_at_most']:.1%} wrongly"
            for advice in of["thresholds"]
        ]
    return "\n".join(lines)


def main() -> None:
    try:
        run(sys.argv[1:])
    except ValueError as error:
        sys.exit(f"massivetext.train_classifier: {error}")


if __name__ == "__main__":
    main()
