"""The documents say what the code does: commands, flags, stages, rules, reasons, formats, examples, links."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from massivetext import build, clean, mixtures, options, report, samples, stages, train, train_classifier, verify
from massivetext.explain import __main__ as explain
from massivetext.mixtures.written import RULE_SETS
from massivetext.samples.__main__ import main as write_samples
from massivetext.sources import run as look_at_sources
from pipelines import curate, identify, sources
from pipelines.sources.record import Record

ROOT = Path(__file__).resolve().parents[1]
README, STAGES, COMMANDS, RULES = (
    (ROOT / name).read_text("utf-8")
    for name in ("README.md", "pipelines/README.md", "massivetext/README.md", "filters/README.md")
)
PACKAGES = ("filters", "pipelines", "massivetext")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for package in PACKAGES for path in (ROOT / package).rglob("*.md"))])
LINK = re.compile(r"\]\(([^)\s]+)\)")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks in a language, in order; `text` for those without one is ``."""
    fence: list[str] | None = None
    found = []
    for line in text.splitlines():
        if line.startswith("```") and fence is None:
            kind, fence = line[3:].strip(), []
        elif line.startswith("```"):
            if kind == language:
                found.append("\n".join(fence or []) + "\n")
            fence = None
        elif fence is not None:
            fence.append(line)
    return found


def section(text: str, title: str) -> str:
    """What stands under a heading of the second or third level, up to the next of its level."""
    level, _, rest = re.split(rf"^(#{{2,3}}) ({re.escape(title)})\n", text, maxsplit=1, flags=re.MULTILINE)[1:]
    return re.split(rf"^#{{2,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def is_named(name: str, text: str) -> bool:
    return f"`{name}`" in text


# The front page.


def test_the_readme_has_less_than_150_lines() -> None:
    assert len(README.splitlines()) < 150


def test_the_first_commands_are_make_demo_and_make_test_and_both_are_targets() -> None:
    first = [line.partition("#")[0].strip() for line in blocks(README, "")[0].splitlines()]
    assert first == ["make demo", "make test"]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {"demo", "test"} <= set(targets)


def test_the_python_example_prints_what_stands_below_it() -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(blocks(README, "python")[0], {})
    assert printed.getvalue() == blocks(README, "text")[0]


def test_what_the_file_tree_names_is_there() -> None:
    folder = ""
    for line in section(README, "Files").splitlines():
        if found := re.match(r"( *)(\w+/) ", line):
            folder = found[2] if not found[1] else folder
            assert (ROOT / (found[2] if not found[1] else folder + found[2])).is_dir(), line


# Commands.


@pytest.mark.parametrize(
    ("title", "command"),
    [
        ("build", build.run),
        ("verify", verify.main),
        ("clean", clean.main),
        ("explain", explain.main),
        ("train", train.main),
        ("samples", write_samples),
        ("sources", look_at_sources),
        ("train_classifier", train_classifier.run),
    ],
)
def test_every_flag_of_a_command_is_described_and_no_other(
    title: str, command: Callable[[list[str]], object], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command(["--help"])
    known = re.findall(r"^\s+(?:-h, )?(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)
    described = re.findall(r"^\| `(--[a-z-]+)` \| \S", section(COMMANDS, title), re.MULTILINE)
    assert sorted(described) == sorted(set(known))


def commands() -> list[str]:
    texts = [path.read_text("utf-8").replace("\\\n", " ") for path in DOCUMENTS]
    return [line for text in texts for block in blocks(text, "") for line in block.splitlines() if "python -m" in line]


@pytest.mark.parametrize("line", [line for line in commands() if "massivetext.build" in line])
def test_every_build_command_names_known_options_stages_and_mixtures(line: str) -> None:
    words = shlex.split(line.partition("#")[0])
    given, unknown = options.parser(None).parse_known_args(words[words.index("massivetext.build") + 1 :])
    assert not unknown or given.runner != "DirectRunner"
    assert given.mixture in mixtures.NAMED or given.mixture.endswith(".toml")
    assert {given.first, given.last} <= {None, *stages.NAMES}


def test_every_module_that_a_command_runs_exists() -> None:
    modules = {
        found for line in commands() for found in re.findall(r"-m ((?:massivetext|pipelines|filters)[\w.]*)", line)
    }
    assert {"massivetext.build", "massivetext.verify", "massivetext.train", "massivetext.samples"} <= modules
    for module in modules:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for path in DOCUMENTS:
        assert set(re.findall(r"`make ([a-z-]+)`", path.read_text("utf-8"))) <= targets, path


# Stages, rules and reasons.


def test_every_stage_has_a_section_with_its_in_out_counts_and_failure_or_says_none() -> None:
    headings = re.findall(r"^### (\w+)$", STAGES, re.MULTILINE)
    assert headings == list(stages.NAMES)
    for name in stages.NAMES:
        assert re.search(r"^- In: .*\bOut: ", section(STAGES, name), re.MULTILINE), name
        assert "- Counts: " in section(STAGES, name), name
        assert is_named(name, section(COMMANDS, "build")), name


def drop_rules() -> list[str]:
    return sorted({rule for mixture in mixtures.NAMED.values() for rule in report.rule_order(mixture)})


@pytest.mark.parametrize("rule", drop_rules())
def test_every_drop_rule_is_described(rule: str) -> None:
    assert is_named(rule, STAGES + RULES)


def strings(node: ast.AST | None) -> Iterator[str]:
    """The string constants of an expression, those of conditions left out."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*strings(node.body), *strings(node.orelse))
    elif isinstance(node, ast.BoolOp):
        yield from (found for value in node.values for found in strings(value))


def skip_reasons() -> set[str]:
    """Every reason that a reader gives, and those that `curate` and `identify` give."""
    found = {identify.RULE, curate.OPTED_OUT}
    for path in (ROOT / "pipelines" / "sources").glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Skipped":
                found.update(strings(node.args[1]))
            if isinstance(node, ast.FunctionDef) and path.name == "code.py":
                for made in (n.value for n in ast.walk(node) if isinstance(n, ast.Return)):
                    if node.name in ("reason_by_name", "reason_by_text"):
                        found.update(strings(made))
                    elif node.name == "judge" and isinstance(made, ast.Tuple):
                        found.update(strings(made.elts[-1]))
    return found


def test_every_skip_reason_has_a_row_and_no_row_is_stale() -> None:
    table = section(STAGES, "curate").partition("| reason |")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == skip_reasons()


def test_every_ending_that_a_reader_takes_is_named() -> None:
    table = section(STAGES, "curate").partition("| reason |")[0]
    for suffixes in sources.SUFFIXES.values():
        plain = [suffix for suffix in suffixes if not suffix.endswith((".gz", ".bz2", ".xz", ".zst"))]
        assert plain
        assert all(is_named(suffix, table) for suffix in plain)


def test_every_format_key_is_named_and_none_is_stale() -> None:
    code = "".join(path.read_text("utf-8") for path in sorted((ROOT / "pipelines").rglob("*.py")))
    written = re.findall(r"(?:metadata=|check_format\(path, )\{b?\"(massivetext\.\w+)\"", code)
    named = re.findall(r"`(massivetext\.\w+)`", section(STAGES, "Formats and versions"))
    assert sorted(set(named)) == sorted(set(written))


# A finished build.


def test_every_file_and_folder_of_a_build_is_described(built: Path) -> None:
    described = re.findall(r"^\| `([\w.]+)/?` \|", section(COMMANDS, "OUT"), re.MULTILINE)
    there = {path.name for path in built.iterdir()}
    assert there <= set(described)
    assert set(described) - there <= {"sample", "driver.lock", "workers.log"}


def test_the_sidecar_folders_that_the_documents_name_hold_sidecars(built: Path) -> None:
    named = re.findall(r"`(stages/[a-z/]+)`", section(COMMANDS, "OUT").rpartition("Sidecars")[2])
    assert len(named) == len(stages.DROPPING) + 1
    for folder in named:
        assert (built / folder / "00000.parquet").is_file(), folder


def test_every_count_of_a_mark_is_described(built: Path) -> None:
    folders = {
        "identify": "stages/identify",
        "decide": "stages/decide",
        "exclude": "stages/exclude",
        "tokenize": "tokens/encoded",
        "cut": "stages/cut/final",
    }
    for name, folder in folders.items():
        for key in counts(built / folder):
            assert is_named(key, section(STAGES, name)), f"{name}: {key}"
    for of_subset in counts(built / "documents").values():
        for key in of_subset:
            assert key == "unreadable_at" or is_named(key, section(STAGES, "curate")), key


def counts(folder: Path) -> dict[str, dict[str, object]]:
    shards = json.loads((folder / "stage.json").read_text())["shards"]
    return next(iter(shards.values()))["counts"]


def test_every_field_of_the_report_is_described(built: Path) -> None:
    made = json.loads((built / "report.json").read_text())
    for key in (*next(iter(made["subsets"].values())), "sampling", "notes"):
        assert is_named(key, section(COMMANDS, "Accounting")), key


# Examples.


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The worked example, `mine.toml` beside `mine.py`, in a folder on the path."""
    (tmp_path / "mine.toml").write_text(blocks(COMMANDS, "toml")[0])
    (tmp_path / "mine.py").write_text(next(block for block in blocks(COMMANDS, "python") if "def read" in block))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("mine", None)


def test_the_toml_example_is_the_mixture_that_it_spells_out(example: Path) -> None:
    written = tomllib.loads(blocks(COMMANDS, "toml")[0])
    mixture = mixtures.load(str(example / "mine.toml"))
    assert mixture.name == "mine"
    assert [subset.name for subset in mixture.subsets] == [subset["name"] for subset in written["subsets"]]
    bounds = {rule.name: rule.low for rule in mixture.subset("web").rules}
    assert bounds["word_count"] == 20
    assert [rule.name for rule in mixture.subset("letters").rules] == ["empty", "language", "long_enough"]


def test_the_reader_of_the_toml_example_reads(example: Path) -> None:
    reader = mixtures.load(str(example / "mine.toml")).subset("letters").reader
    (example / "a.txt").write_text("Erster Absatz.\n\nZweiter Absatz.")
    records = list(sources.read(str(example / "a.txt"), reader))
    assert [record.text for record in records if isinstance(record, Record)] == ["Erster Absatz.", "Zweiter Absatz."]


def test_the_table_of_mixtures_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ((?:\d+ % \| ){6})", section(COMMANDS, "Mixtures"), re.MULTILINE)
    names = re.findall(r"\w+", section(COMMANDS, "Mixtures").strip().splitlines()[0])[:6]
    assert {name for name, _ in rows} == set(mixtures.NAMED)
    for name, cells in rows:
        shown = dict(zip(names, map(int, re.findall(r"\d+", cells)), strict=True))
        assert shown == {s.name: round(100 * s.weight) for s in mixtures.NAMED[name].subsets}


def test_every_rule_set_that_a_mixture_may_name_is_named() -> None:
    assert all(is_named(name, section(COMMANDS, "Mixtures")) for name in RULE_SETS)


def test_the_editions_of_the_sample_corpus_are_named() -> None:
    for edition in samples.EDITIONS:
        assert is_named(edition, section(COMMANDS, "samples"))


# Links and what must stand nowhere.


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text("utf-8")):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{path.name}: {link}"
        assert not anchor or anchor in anchors(file.read_text("utf-8")), f"{path.name}: {link}"


def text_files() -> list[Path]:
    """The files that git tracks or would track; a copy without git is looked through whole."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this copy is not a git checkout, so which files belong to the project is not known")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_file_names_a_path_of_one_machine_or_the_host_of_a_registry() -> None:
    machine = re.compile(r"(?<![\w.>}$*])/(?:" + "|".join(("work", "tmp", "root", "home")) + r")(?:/|\b)(?!file)")
    registry = re.compile(r"(?:index|find)-(?:url|links)|python" r"hosted\.org|py" r"pi\.org|/simple/\b")
    wrong = []
    for path in text_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if machine.search(line) or registry.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert wrong == []
