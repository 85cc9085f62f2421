"""The main job: what must happen to every planted document, the sums, the bytes, and what a user can get wrong."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from massivetext import build
from massivetext.errors import BuildError
from massivetext.mixtures.gopher import GOPHER
from massivetext.samples import damaged
from massivetext.verify import verify
from pipelines import documents


def options(sample: Path, out: Path, *more: str) -> list[str]:
    given = ["--mixture", "gopher", "--input", str(sample), "--output", str(out), "--workers", "1"]
    return [*given, "--vocabulary", "1024", *more]


def sums(out: Path) -> dict[str, str]:
    """sha256 of every file in train/."""
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted((out / "train").iterdir())}


def report(out: Path) -> dict[str, dict[str, dict[str, object]]]:
    return json.loads((out / "report.json").read_text())


def fates(out: Path) -> dict[tuple[str, int], str]:
    """(source, row) -> the rule that dropped the document, `same_record`, or `kept`."""
    shards = json.loads((out / "stages" / "shards.json").read_text())
    rules: dict[int, str] = {}
    for folder in ("identify", "decide", "exact", "near", "exclude", "cut/final"):
        for path in sorted((out / "stages" / folder).glob("[0-9][0-9][0-9][0-9][0-9].parquet")):
            table = pq.read_table(path, columns=["docid", "rule"])
            rules.update(zip(table.column("docid").to_pylist(), table.column("rule").to_pylist(), strict=True))
    found = {}
    for path in sorted((out / "documents").glob("*.parquet")):
        for docid in pq.read_table(path, columns=["docid"]).column("docid").to_pylist():
            found[shards[docid >> 32]["source"], docid & 0xFFFFFFFF] = rules.get(docid, "kept")
    return found


def answers(sample: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (sample / "answers.jsonl").read_text().splitlines()]


def test_every_planted_document_meets_the_fate_its_answer_names(sample: Path, built: Path) -> None:
    fate = fates(built)
    wrong = []
    checked: Counter[str] = Counter()
    for answer in answers(sample):
        if answer.get("outcome") not in ("kept", "dropped"):
            continue
        place = (str(answer["source"]), int(str(answer["row"])))
        expected = "kept" if answer["outcome"] == "kept" else answer["rule"]
        checked[str(expected)] += 1
        if fate.get(place) != expected:
            wrong.append((place, fate.get(place), expected, answer.get("note")))
    assert not wrong
    assert checked["kept"] > 100
    named = {"language", "unsafe_host", "unsafe_probability", "word_count", "stop_word_count", "dup_5", "test_set"}
    assert named | {"test_set_title"} <= set(checked)
    assert any(answer.get("note") == "near to spam" and answer["outcome"] == "kept" for answer in answers(sample))


def test_without_the_files_of_the_user_the_report_says_which_rules_are_off(sample: Path, tmp_path: Path) -> None:
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    shutil.copytree(sample, corpus, ignore=shutil.ignore_patterns("safety"))
    build.run(options(corpus, out, "--until", "decide"))
    notes = report(out)["notes"]
    assert "no list of unsafe hosts (safety/hosts.txt): the rule unsafe_host is off and drops nothing" in notes
    assert "no safety model (safety/model.bin): the rule unsafe_probability is off and drops nothing" in notes
    dropped = {rule for made in report(out)["subsets"].values() for rule in made["dropped"]}
    assert not dropped & {"unsafe_host", "unsafe_probability"}


def test_a_model_that_a_mixture_names_and_that_is_not_there_stops_the_build(sample: Path, tmp_path: Path) -> None:
    mixture = tmp_path / "mine.toml"
    mixture.write_text('safety_model = "no/such.bin"\n' + toml_with(low=50))
    with pytest.raises(BuildError, match=r"safety_model is 'no/such\.bin', and there is no such file"):
        build.run(["--mixture", str(mixture), *options(sample, tmp_path / "out", "--until", "curate")[2:]])


def test_of_every_group_of_copies_one_is_kept(sample: Path, built: Path) -> None:
    fate = fates(built)
    groups: dict[str, list[tuple[str, str]]] = {}
    for answer in answers(sample):
        if answer.get("outcome") == "one_kept":
            place = (str(answer["source"]), int(str(answer["row"])))
            groups.setdefault(str(answer["group"]), []).append((fate[place], str(answer["rule"])))
    assert len(groups) >= 3
    for name, members in groups.items():
        found = Counter(fate for fate, _ in members)
        rule = members[0][1]
        assert found == {"kept": 1, rule: len(members) - 1}, name


def test_skipped_and_unreadable_records_are_no_documents(sample: Path, built: Path) -> None:
    fate = fates(built)
    skipped = [a for a in answers(sample) if a.get("outcome") in ("skipped", "unreadable")]
    assert len(skipped) > 5
    for answer in skipped:
        assert (answer["source"], answer["row"]) not in fate


def test_a_planted_passage_stands_whole_once(sample: Path, built: Path) -> None:
    texts = [t for f in sorted((built / "text").glob("*.parquet")) for t in pq.read_table(f)["text"].to_pylist()]
    passages = [a for a in answers(sample) if "passage" in a]
    assert passages
    for answer in passages:
        words = re.compile(r"\s+".join(map(re.escape, str(answer["passage"]).split())))
        assert sum(len(words.findall(text)) for text in texts) == 1


def test_the_three_sums_hold_and_every_subset_is_there(built: Path) -> None:
    subsets = report(built)["subsets"]
    assert list(subsets) == ["books", "c4", "github", "massiveweb", "news", "wikipedia"]
    for name, made in subsets.items():
        assert made["records"] == sum(made["skipped"].values()) + made["unreadable"] + made["documents"], name
        assert made["documents"] == made["kept"] + sum(made["dropped"].values()), name
    fate = Counter(fates(built).values())
    assert fate["kept"] == sum(made["kept"] for made in subsets.values())


def test_shares_are_met_within_a_thousandth_of_all_tokens(built: Path) -> None:
    for name, figures in report(built)["sampling"].items():
        assert figures["reached_share"] == pytest.approx(figures["wanted_share"], abs=0.001), name


def test_verify_finds_nothing_wrong(built: Path) -> None:
    manifest, problems = verify(str(built / "train"), deep=True)
    assert problems == []
    assert sum(subset["documents"] for subset in manifest["subsets"].values()) > 150


def test_a_build_of_a_copy_elsewhere_with_two_workers_has_the_same_bytes(
    sample: Path, built: Path, tmp_path: Path
) -> None:
    shutil.copytree(sample, tmp_path / "elsewhere")
    out = tmp_path / "out"
    build.run([*options(tmp_path / "elsewhere", out), "--workers", "2", "--exchange", "files"])
    assert sums(out) == sums(built)


def test_a_finished_build_is_not_redone(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    build.run(options(sample, out, "--until", "decide"))
    before = {
        f: f.stat().st_mtime_ns for f in out.rglob("*") if f.is_file() and f.name not in ("run.json", "report.json")
    }
    build.run(options(sample, out, "--until", "decide", "--exchange", "files"))
    after = {f: f.stat().st_mtime_ns for f in before if f.name != "shards.json"}
    assert after == {f: before[f] for f in after}


def test_a_changed_bound_redoes_the_verdicts_and_reads_nothing_again(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build.run(options(sample, out, "--until", "decide"))
    mixture = tmp_path / "gopher.toml"
    mixture.write_text(toml_with(low=60))
    read = {f.name: f.stat().st_mtime_ns for f in (out / "documents").iterdir()}
    judged = {f.name: f.stat().st_mtime_ns for f in (out / "stages" / "decide").glob("*.json")}
    build.run(["--mixture", str(mixture), *options(sample, out, "--until", "decide")[2:]])
    assert {f.name: f.stat().st_mtime_ns for f in (out / "documents").iterdir()} == read
    again = {f.name for f in (out / "stages" / "decide").glob("[0-9]*.json") if f.stat().st_mtime_ns != judged[f.name]}
    shards = json.loads((out / "stages" / "shards.json").read_text())
    assert again == {f"{s['number']:05d}.json" for s in shards if s["subset"] == "massiveweb"}


def toml_with(low: int) -> str:
    """Gopher's subsets as far as `decide` sees them, with another bound on MassiveWeb's word count."""
    subsets = {
        "massiveweb": ("*.gz", ["empty", "english", "safety", "quality", "repetition"], 0.48),
        "books": ("*", ["empty", "english"], 0.27),
        "c4": ("*", ["empty", "english"], 0.10),
        "news": ("*", ["empty", "english"], 0.10),
        "github": ("*", ["empty"], 0.03),
        "wikipedia": ("*", ["empty", "english"], 0.02),
    }
    fields = GOPHER.subset("github").fields
    lines = []
    for name, (pattern, rules, weight) in subsets.items():
        lines += [
            "[[subsets]]",
            f'name = "{name}"',
            f"weight = {weight}",
            f'patterns = ["{name}/{pattern}"]',
            f"rules = {json.dumps(rules)}",
        ]
        if name == "massiveweb":
            lines += ["[subsets.bounds]", f"word_count = {{ low = {low} }}"]
        if name == "github":
            lines += ["[subsets.fields]", *(f'{field} = "{column}"' for field, column in fields.items())]
    return "\n".join(lines)


def test_an_input_file_replaced_by_one_of_equal_size_is_read_again_alone(sample: Path, tmp_path: Path) -> None:
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    shutil.copytree(sample, corpus)
    build.run(options(corpus, out, "--until", "curate"))
    before = {f.name: f.stat().st_mtime_ns for f in (out / "documents").glob("[0-9]*.json")}
    book = next(f for f in sorted((corpus / "books").iterdir()) if f.suffix == ".txt")
    text = book.read_bytes()
    book.write_bytes(text.replace(b" the ", b" teh ", 3))
    assert book.stat().st_size == len(text)
    build.run(options(corpus, out, "--until", "curate"))
    shards = json.loads((out / "stages" / "shards.json").read_text())
    changed = {f"{s['number']:05d}.json" for s in shards if s["source"].endswith(book.name)}
    again = {n for n, t in before.items() if (out / "documents" / n).stat().st_mtime_ns != t}
    assert again == changed


def test_from_a_stage_redoes_it_and_ends_with_the_same_bytes(sample: Path, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(built, out)
    before = (out / "stages" / "cut" / "final" / "stage.json").stat().st_mtime_ns
    kept = (out / "stages" / "decide" / "stage.json").stat().st_mtime_ns
    build.run(options(sample, out, "--from", "cut"))
    assert (out / "stages" / "cut" / "final" / "stage.json").stat().st_mtime_ns > before
    assert (out / "stages" / "decide" / "stage.json").stat().st_mtime_ns == kept
    assert sums(out) == sums(built)


def test_damaged_input_costs_the_damaged_records_alone(sample: Path, tmp_path: Path) -> None:
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    shutil.copytree(sample, corpus)
    expected = answers(damaged(corpus))
    build.run(options(corpus, out, "--until", "curate", "--unreadable-share", "1"))
    subsets = report(out)["subsets"]
    found = {(source, row) for made in subsets.values() for source, row, _, _ in made["unreadable_at"]}
    promised = {(a["source"], a["row"]) for a in expected if a["outcome"] == "unreadable"}
    assert promised <= found
    assert {source for source, _ in found - promised} <= {"c4/truncated.json.gz"}
    readable = {(a["source"], a["row"]) for a in expected if a["outcome"] in ("kept", "dropped")}
    assert len(readable) > 8
    assert readable <= set(fates(out))


def test_too_much_unreadable_input_fails_the_build_with_the_list(sample: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(sample, corpus)
    (corpus / "news" / "broken.jsonl").write_text("this is no JSON\n" * 50)
    with pytest.raises(
        BuildError, match=r"(?s)news: 50 of \d+ records are unreadable, more than 1.00%.*news/broken.jsonl, record 0"
    ):
        build.run(options(corpus, tmp_path / "out"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mixture", "gohper"], "no mixture 'gohper'; did you mean 'gopher'"),
        (["--until", "dedup"], r"--until dedup: no such stage; did you mean 'dedup|--until dedup: no such stage"),
        (["--from", "decied"], "--from decied: no such stage; did you mean 'decide'"),
        (["--outptu", "x"], "unknown option --outptu; did you mean '--output'"),
        (["--source", "nwes=x/*.json"], "no subset 'nwes'; did you mean 'news'"),
        (["--source", "news"], "expected SUBSET=GLOB"),
        (["--record-seconds", "0"], "record_seconds is 0.0, expected more than 0"),
        (["--from", "pack", "--until", "decide"], "--from pack comes after --until decide"),
        (["--runner", "DataflowRunner", "--tokns", "5"], r"unknown option --tokns; did you mean '--tokens'"),
    ],
)
def test_a_mistake_on_the_command_line_is_named_with_its_remedy(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises((BuildError, ValueError), match=message):
        build.run([*arguments, "--output", str(tmp_path / "out")] if "--outptu" not in arguments else arguments)


def test_options_of_another_runner_pass_even_where_they_resemble_ours(tmp_path: Path) -> None:
    options = ["--runner", "DataflowRunner", "--num_workers=4", "--max_num_workers=9", "--input", str(tmp_path)]
    with pytest.raises(BuildError, match="no input for books"):
        build.run([*options, "--output", str(tmp_path / "out")])


def test_an_opt_out_list_lies_in_the_input_folder_or_where_it_is_named(sample: Path, tmp_path: Path) -> None:
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    shutil.copytree(sample, corpus)
    with pytest.raises(BuildError, match="opt_out names missing, which is neither here nor in the input folder"):
        build.run(options(corpus, out, "--until", "curate", "--opt-out", "missing"))
    build.run(options(corpus, out, "--until", "curate"))
    before = report(out)["subsets"]["c4"]
    rows = pq.read_table(sorted((out / "documents").glob("*.parquet")), columns=["subset", "url"]).to_pylist()
    url = next(row["url"] for row in rows if row["subset"] == "c4" and row["url"])
    (corpus / "out.txt").write_text(f"{url}\n")
    build.run(options(corpus, out, "--until", "curate", "--opt-out", "out.txt"))
    after = report(out)["subsets"]["c4"]
    assert after["skipped"]["opted_out"] >= 1
    assert after["documents"] + after["skipped"]["opted_out"] == before["documents"]


def test_an_input_folder_without_a_subset_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "in" / "books").mkdir(parents=True)
    with pytest.raises(
        BuildError, match=r"(?s)no input for books, c4, github.*looked for.*books/\*\*/\*.txt.*give --source"
    ):
        build.run(["--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")])


def test_a_corpus_too_small_for_the_vocabulary_names_the_flag(sample: Path, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(built, out)
    arguments = [a if a != "1024" else "200000" for a in options(sample, out)]
    with pytest.raises((ValueError, RuntimeError), match="--vocabulary"):
        build.run(arguments)


def test_the_tokens_of_a_build_decode_to_the_curated_text(built: Path) -> None:
    from pipelines import tokens
    from pipelines.tokenization import tokenizer

    encoder = tokenizer.load(tokens.model_path(str(built / "tokens")))
    texts = {}
    for path in sorted((built / "text").glob("*.parquet")):
        table = pq.read_table(path, columns=["id", "text"])
        texts.update(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    manifest = json.loads((built / "train" / "manifest.json").read_text())
    shard = manifest["subsets"]["github"]["train"][0]
    from pipelines.packing.records import Layout, read_records

    layout = Layout(manifest["sequence_length"], manifest["vocabulary"], manifest["eos"])
    stream = np.concatenate(list(read_records(str(built / "train" / shard["path"]), layout)), axis=None)
    rows = pq.read_table(built / "train" / shard["provenance"]["path"]).to_pylist()
    whole = [r for r in rows if encoder.decode(stream[r["first_token"] :][: r["tokens"]].tolist()) == texts[r["id"]]]
    assert len(whole) >= len(rows) - 1  # the document at the boundary of the epoch is cropped
    assert rows


def test_documents_hold_a_row_group_per_batch_and_every_signal(built: Path) -> None:
    path = next((built / "documents").glob("*.parquet"))
    table = pq.read_table(path)
    assert table.schema.equals(documents.SCHEMA)
    assert table.column("dup_10").null_count == 0
