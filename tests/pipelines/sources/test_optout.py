"""Lists of hosts and URLs that opted out cover what they say, however it is written, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from filters import language
from filters.mask import EMAIL, IP
from pipelines import inputs
from pipelines.curate import OPTED_OUT, Curate, Subset
from pipelines.sources import optout
from pipelines.sources.optout import OptOut

LIST = """
# hosts
Example.com
*.wild.example.org      # as robots would write it
www.prefixed.net
bücher.example
port.example.com.au:8080
192.0.2.7

https://news.example.net/people/      # a part of a site
blog.example.net/%7Ejane
http://shop.example.net/item?id=7
"""


@pytest.fixture
def listed(tmp_path: Path) -> OptOut:
    (tmp_path / "list.txt").write_text(LIST, "utf-8")
    return optout.load((str(tmp_path / "list.txt"),))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://example.com/",
        "https://www.example.com/a?b#c",
        "HTTPS://EXAMPLE.COM./x",
        "https://deep.down.example.com:8443/",
        "https://user:secret@example.com/x",
        "//example.com/x",
        "example.com/x",
        "ftp://example.com/x",
        "https://wild.example.org/",
        "https://a.wild.example.org/",
        "https://prefixed.net/x",
        "https://www.prefixed.net/x",
        "https://bücher.example/x",
        "https://xn--bcher-kva.example/x",
        "https://BÜCHER.example/x",
        "http://port.example.com.au:8080/x",
        "http://192.0.2.7/x",
        "https://news.example.net/people",
        "http://www.news.example.net/people/",
        "https://news.example.net/people/jane.html?x=1#y",
        "https://news.example.net//sport/../people/jane",
        "https://blog.example.net/~jane/2020",
        "https://blog.example.net/%7ejane",
        "https://shop.example.net/item?id=7#top",
    ],
)
def test_a_line_covers_its_host_or_path_however_the_url_is_written(listed: OptOut, url: str) -> None:
    assert listed.covers(url)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "no URL at all",
        "http://[",
        "http://example.com:port/",
        "https://notexample.com/",
        "https://example.com.evil.org/",
        "https://example.org/example.com",
        "https://port.example.com.au/x",
        "http://1.192.0.2.70/",
        "https://news.example.net/",
        "https://news.example.net/peoples",
        "https://sub.news.example.net/people/",
        "https://news.example.net/People/",
        "https://shop.example.net/item?id=77",
        "https://shop.example.net/item",
    ],
)
def test_what_no_line_names_is_not_covered(listed: OptOut, url: str | None) -> None:
    assert not listed.covers(url)


def test_several_lists_count_together_and_none_covers_nothing(tmp_path: Path) -> None:
    for name, line in (("a", "a.example"), ("b", "b.example/x")):
        (tmp_path / name).write_text(line)
    both = optout.load((str(tmp_path / "a"), str(tmp_path / "b")))
    assert both.covers("http://a.example/1")
    assert both.covers("http://b.example/x/1")
    assert not optout.load(()).covers("http://a.example/1")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("two words.example", "line 2: 'two words.example' has white space inside; write a host or a URL per line"),
        ("https:///path", "line 2: 'https:///path' has no host"),
        ("shop.example/*/x", r"line 2: 'shop.example/\*/x' has a '\*' inside"),
        ("a.example:port", "line 2: .*port"),
    ],
)
def test_a_line_that_is_neither_host_nor_url_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "list.txt").write_text(f"good.example\n{line}\n")
    with pytest.raises(ValueError, match=message):
        optout.load((str(tmp_path / "list.txt"),))


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no opt-out list at '.*gone\.txt'; give the path of a text file"):
        optout.load((str(tmp_path / "gone.txt"),))


def test_listed_records_are_skipped_and_personal_data_masked_before_anything_is_measured(tmp_path: Path) -> None:
    records = [
        {"url": "https://a.example/1", "text": "Write to me@example.com, or to 8.8.8.8 and 8.8.4.4."},
        {"url": "https://www.left.example/", "text": "Nobody reads this."},
        {"text": "No URL here."},
        {"url": "https://b.example/people/jane", "text": "Nor this."},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    (tmp_path / "hosts.txt").write_text("left.example")
    (tmp_path / "urls.txt").write_text("https://b.example/people")
    inputs.write_table(str(tmp_path / "shards.json"), [inputs.Shard(0, "web", "a.jsonl", 1, "v")])
    work = Curate(
        str(tmp_path / "out"),
        str(tmp_path / "shards.json"),
        {"web": Subset(str(tmp_path), None, "trafilatura", 0, mask=("email", "ip"))},
        0,
        0.1,
        str(language.default_model()),
        "",
        "",
        (str(tmp_path / "hosts.txt"), str(tmp_path / "urls.txt")),
    )
    counts = work.run(0).counts["web"]
    assert (counts["records"], counts["documents"], counts["skipped"]) == (4, 2, {OPTED_OUT: 2})
    assert counts["masked"] == {"email": 1, "ip": 2}
    rows = pq.read_table(tmp_path / "out" / "00000.parquet").to_pylist()
    masked = f"Write to {EMAIL}, or to {IP} and {IP}."
    assert [(row["docid"], row["text"]) for row in rows] == [(0, masked), (2, "No URL here.")]
    assert rows[0]["characters"] == len(masked)
