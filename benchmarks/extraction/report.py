"""The tables that the benchmark prints, from the pages and what each extractor made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from benchmarks.extraction.extractors import OURS, TRAFILATURA, Run
from benchmarks.extraction.gold import Page
from benchmarks.extraction.measure import Score, found, interval, score

NEEDED = -0.005  # the interval of our F1 difference must lie above
FASTER = 40  # times trafilatura, per core


@dataclass(frozen=True)
class Scored:
    """One extractor's scores of the pages, in their order; None where the gold has no text."""

    run: Run
    scores: list[Score | None]


@dataclass(frozen=True)
class Difference:
    """Ours against the mode of trafilatura that is better on these pages."""

    group: str
    pages: int
    mode: str
    mean: float
    low: float
    high: float


def scored(pages: Sequence[Page], runs: Iterable[Run]) -> list[Scored]:
    return [Scored(each, _scores(pages, each.texts)) for each in runs]


def _scores(pages: Sequence[Page], texts: Sequence[str]) -> list[Score | None]:
    """Of each page; none for an extractor that did not run."""
    pairs = zip(pages, texts, strict=True) if texts else ()
    return [score(text, page.text) if page.text else None for page, text in pairs]


def golds(pages: Sequence[Page]) -> list[str]:
    """The names of the golds, in their order."""
    return list(dict.fromkeys(page.gold for page in pages))


def kinds(pages: Sequence[Page]) -> list[str]:
    return sorted({page.kind for page in pages if page.text})


def quality(pages: Sequence[Page], all_scored: Sequence[Scored], gold: str) -> list[str]:
    """A line per extractor: means over the pages of a gold, and shares of its snippets."""
    mine = [number for number, page in enumerate(pages) if page.gold == gold]
    texts = sum(pages[number].text is not None for number in mine)
    lines = [
        f"{gold}: {texts} pages with text, {_count(pages, mine, _kept)} snippets to keep, "
        f"{_count(pages, mine, _left_out)} to leave out",
        f"  {'':<22}{'F1':>7}{'precision':>11}{'recall':>8}{'kept':>7}{'leaked':>8}",
    ]
    for each in all_scored:
        if each.run.missing:
            lines.append(f"  {each.run.name:<22}{each.run.missing}")
            continue
        scores = [found for number in mine if (found := each.scores[number]) is not None]
        means = [_mean(getattr(one, field) for one in scores) for field in ("f1", "precision", "recall")]
        shares = [_share(pages, each.run.texts, mine, snippets) for snippets in (_kept, _left_out)]
        widths = zip([*means, *shares], (7, 11, 8, 7, 8), strict=True)
        lines.append(f"  {each.run.name:<22}" + "".join(f"{value:>{width}.3f}" for value, width in widths))
    return lines


def by_kind(pages: Sequence[Page], all_scored: Sequence[Scored]) -> list[str]:
    """A line per kind of page: mean F1 of each extractor that ran."""
    ran = [each for each in all_scored if not each.run.missing]
    heads = "".join(f"{each.run.name.replace('trafilatura ', 't. '):>13}" for each in ran)
    lines = [f"mean F1 by kind of page\n  {'':<26}{'pages':>6}{heads}"]
    for kind in kinds(pages):
        mine = [number for number, page in enumerate(pages) if page.kind == kind and page.text]
        means = (_mean(found.f1 for number in mine if (found := each.scores[number])) for each in ran)
        lines.append(f"  {kind:<26}{len(mine):>6}" + "".join(f"{value:>13.3f}" for value in means))
    return lines


def differences(pages: Sequence[Page], all_scored: Sequence[Scored]) -> list[Difference]:
    """Ours against the better mode of trafilatura, of each gold and of each kind; none if ours did not run."""
    ran = {each.run.name: each for each in all_scored if not each.run.missing}
    if OURS not in ran or not set(TRAFILATURA) & set(ran):
        return []
    groups: list[tuple[str, Callable[[Page], bool]]] = [
        *((gold, lambda page, gold=gold: page.gold == gold) for gold in golds(pages)),
        *((kind, lambda page, kind=kind: page.kind == kind) for kind in kinds(pages)),
    ]
    found = []
    for name, chosen in groups:
        mine = [number for number, page in enumerate(pages) if page.text and chosen(page)]
        if mine:
            f1 = {
                each: [_f1(ran[each].scores[number]) for number in mine] for each in (OURS, *TRAFILATURA) if each in ran
            }
            mode = max((each for each in f1 if each != OURS), key=lambda each: mean(f1[each]))
            found.append(Difference(name, len(mine), mode, *interval(f1[OURS], f1[mode])))
    return found


def difference_lines(found: Sequence[Difference]) -> list[str]:
    return ["F1 of ours less the better mode of trafilatura, 95 % interval of a paired bootstrap"] + [
        f"  {each.group:<26}{each.pages:>4} pages  {each.mean:+.3f} [{each.low:+.3f}, {each.high:+.3f}]  "
        f"{'holds' if each.low > NEEDED else 'no':<6} {each.mode}"
        for each in found
    ]


def speed(runs: Sequence[Run]) -> list[str]:
    """A line per extractor: CPU milliseconds a page, and how many times faster than the `trafilatura` of a build."""
    ran = {each.name: each for each in runs if not each.missing}
    base = ran.get("trafilatura")
    lines = ["CPU time, one core, the same pages in one run"]
    for each in ran.values():
        ratio = f"{base.milliseconds() / each.milliseconds():>8.1f}x trafilatura" if base else ""
        lines.append(f"  {each.name:<22}{each.milliseconds():>9.3f} ms a page{ratio}")
    return lines


def verdict(pages: Sequence[Page], found: Sequence[Difference], runs: Sequence[Run]) -> str:
    """Whether ours may become the default: F1 on every gold, and speed."""
    ran = {each.name: each for each in runs if not each.missing}
    if not found or "trafilatura" not in ran:
        return "default: undecided, ours and trafilatura have to run"
    behind = [each.group for each in found if each.group in golds(pages) and each.low <= NEEDED]
    times = ran["trafilatura"].milliseconds() / ran[OURS].milliseconds()
    reasons = [f"F1 on {group}" for group in behind] + ([f"{times:.0f}x < {FASTER}x"] if times < FASTER else [])
    return f"default: not yet ({', '.join(reasons)})" if reasons else f"default: yes ({times:.0f}x trafilatura)"


def worst(pages: Sequence[Page], each: Scored, number: int) -> list[str]:
    """The pages on which an extractor has the lowest F1."""
    ranked = sorted((one.f1, place) for place, one in enumerate(each.scores) if one is not None)[:number]
    lines = [f"lowest F1 of {each.run.name}"]
    for f1, place in ranked:
        one = each.scores[place]
        assert one is not None
        page = pages[place]
        lines.append(
            f"  {f1:.3f}  precision {one.precision:.3f}  recall {one.recall:.3f}  {page.kind}  {page.url or page.name}"
        )
    return lines


def _f1(one: Score | None) -> float:
    assert one is not None
    return one.f1


def _kept(page: Page) -> tuple[str, ...]:
    return page.kept


def _left_out(page: Page) -> tuple[str, ...]:
    return page.left_out


def _count(pages: Sequence[Page], mine: Iterable[int], snippets: Callable[[Page], tuple[str, ...]]) -> int:
    return sum(len(snippets(pages[number])) for number in mine)


def _share(
    pages: Sequence[Page], texts: Sequence[str], mine: Sequence[int], snippets: Callable[[Page], tuple[str, ...]]
) -> float:
    """Share of the pages' snippets that the texts hold, 0 if there are none."""
    held = sum(found(snippet, texts[number]) for number in mine for snippet in snippets(pages[number]))
    return held / max(1, _count(pages, mine, snippets))


def _mean(values: Iterable[float]) -> float:
    every = list(values)
    return mean(every) if every else 0.0
