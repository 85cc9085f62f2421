"""Parameter counts against the names and tables of the papers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from massivetext.trainer.config import (
    MODELS,
    ModelConfig,
    describe_models,
    find_model,
    parameter_count,
    parameter_table,
)

EXACT = {
    "44m": 43_720_448,
    "117m": 116_713_472,
    "417m": 417_420_032,
    "1.4b": 1_374_684_416,
    "7.1b": 7_111_740_672,
    "280b": 279_710_317_824,
    "chinchilla-70b": 70_061_956_352,
}
# Chinchilla, Table A9, as width, key size, heads: millions of parameters @ layers.
TABLE_A9 = """
 512  64  8: 44@8
 576  64  9: 57@9
 640  64 10: 74@10 90@13 106@16
 768  64 12: 117@12 140@15 163@18
 896  64 14: 175@14 196@16 217@18
1024  64 16: 251@16 278@18 306@20
1280 128 10: 425@18 489@21 552@24
1408 128 11: 509@18 587@21 664@24
1536 128 12: 632@19 724@22 816@25
1792 128 14: 893@20 1018@23 1143@26
2048 128 16: 1266@22 1429@25 1593@28
2176 128 17: 1424@22 1609@25 1794@28
2304 128 18: 1731@24 2007@28 2283@32
2560 128 20: 2298@26 2639@30 2980@34
2688 128 22: 3530@36
2816 128 22: 3802@36
2944 128 22: 4084@36
3072 128 24: 4516@36
3584 128 28: 6796@40
4096 128 32: 9293@42
4352 128 32: 11452@47
4608 128 36: 12295@44
4608 128 32: 12569@47
4864 128 32: 13735@47
4992 128 32: 14940@49
5120 128 40: 16183@47
"""


def table_a9() -> list[tuple[int, ModelConfig]]:
    rows = []
    for line in TABLE_A9.strip().splitlines():
        shape, sizes = line.split(":")
        width, key_size, heads = map(int, shape.split())
        for millions, layers in re.findall(r"(\d+)@(\d+)", sizes):
            rows.append((int(millions), ModelConfig("", int(layers), heads, key_size, width, 0, 0)))
    return rows


def test_the_seven_published_models_have_their_exact_counts() -> None:
    assert {name: parameter_count(MODELS[name]) for name in EXACT} == EXACT


def test_all_fifty_rows_of_table_a9_are_met_to_the_million() -> None:
    rows = table_a9()
    assert len(rows) == 50
    assert [round(parameter_count(config) / 1e6) for _, config in rows] == [millions for millions, _ in rows]


def test_the_count_grows_with_the_vocabulary_by_a_row_and_a_bias_each() -> None:
    tiny = MODELS["tiny"]
    assert parameter_count(replace(tiny, vocabulary=32_010)) - parameter_count(tiny) == 10 * (tiny.width + 1)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_has_an_axis_per_dimension(name: str) -> None:
    assert all(len(row.shape) == len(row.axes) for row in parameter_table(MODELS[name]).values())


def test_the_list_of_models_shows_each_exact_count() -> None:
    shown = describe_models()
    assert all(f"{count:,}" in shown for count in EXACT.values())


def test_a_misspelt_model_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'1\.4bb'.*did you mean 1\.4b\?"):
        find_model("1.4bb")
    assert find_model("Chinchilla-70B") is MODELS["chinchilla-70b"]
