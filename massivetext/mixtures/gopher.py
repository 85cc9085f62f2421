"""Gopher's mixture (Rae et al. 2021, Table 2 and appendix A; weights as Hoffmann et al. 2022 print them in Table A1).

Quality and repetition rules apply to MassiveWeb, the language rule to all but GitHub. Exact copies fall everywhere;
near-duplicates and repeated substrings are looked for over MassiveWeb, Books, C4 and News together, because cutting
repeated spans out of code or Wikipedia breaks it.
"""

from __future__ import annotations

from filters import language, quality, repetition, safety
from filters.rule import Rule
from massivetext.mixture import Mixture, Subset

EMPTY = Rule(
    "empty", low=1, unit="characters", source="a document without a character has nothing to learn", signal="characters"
)
PROSE = (EMPTY, *language.RULES)
WEB = (EMPTY, *language.RULES, *safety.RULES, *quality.RULES, *repetition.RULES)
COMPRESSED = ("", ".gz", ".bz2", ".zst")


def _patterns(folder: str, *endings: str) -> tuple[str, ...]:
    return tuple(f"{folder}/**/*{ending}{packed}" for ending in endings for packed in COMPRESSED)


SUBSETS = (
    Subset(name="massiveweb", weight=0.48, patterns=_patterns("massiveweb", ".warc", ".wet", ".arc"), rules=WEB),
    Subset(name="books", weight=0.27, patterns=(*_patterns("books", ".txt"), "books/**/*.epub"), rules=PROSE),
    Subset(name="c4", weight=0.10, patterns=_patterns("c4", ".json", ".jsonl"), rules=PROSE),
    Subset(name="news", weight=0.10, patterns=_patterns("news", ".json", ".jsonl"), rules=PROSE),
    Subset(
        name="github",
        weight=0.03,
        rules=(EMPTY,),
        near="none",
        cut="none",
        patterns=(
            *("github/**/*.tar", "github/**/*.tar.*", "github/**/*.tgz", "github/**/*.zip"),
            *_patterns("github", ".jsonl"),
            "github/**/*.parquet",
        ),
        fields={"text": "content", "path": "path", "repository": "repo_name", "licence": "license"},
    ),
    Subset(
        name="wikipedia",
        exclude_titles=True,
        weight=0.02,
        rules=PROSE,
        near="none",
        cut="none",
        patterns=_patterns("wikipedia", ".xml"),
    ),
)

GOPHER = Mixture(name="gopher", subsets=SUBSETS)
