"""The class tables are those of the running Python."""

from __future__ import annotations

import sys

from filters.kernels.classes import ALPHABETIC, ALPHANUMERIC, SPACE, class_tables


def test_every_code_point_has_the_classes_that_str_gives_it():
    index, classes = class_tables()
    found = classes.reshape(-1, 256)[index].ravel()
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        bits = character.isspace() * SPACE | character.isalpha() * ALPHABETIC | character.isalnum() * ALPHANUMERIC
        assert found[point] == bits, hex(point)


def test_the_tables_are_small_and_begin_with_ascii():
    index, classes = class_tables()
    assert index[0] == 0
    assert index.nbytes + classes.nbytes < 50_000
