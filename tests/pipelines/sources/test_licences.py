from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipelines.sources import How, Item, Record, Skipped, read
from pipelines.sources.languages import language_of
from pipelines.sources.licences import expression, in_package, in_text, may_stay

MIT = """MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\nof this software
... subject to the following conditions:\n\nThe above copyright notice and this permission notice shall be included"""
GPL = "                    GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (MIT, "MIT"),
        (GPL, "GPL-3.0"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n Version 2.1, February 1999", "LGPL-2.1"),
        ("Apache License\nVersion 2.0, January 2004", "Apache-2.0"),
        ("Redistribution and use in source and binary\nforms ... may be used to endorse or\npromote", "BSD-3-Clause"),
        ("Redistribution and use in source and binary forms", "BSD-2-Clause"),
        ("Redistribution and use in source and binary forms\nAll advertising materials ...", "BSD-4-Clause"),
        ("Mozilla Public License Version 2.0", "MPL-2.0"),
        ("distribute this software for any\npurpose with or without fee is hereby granted, provided that", "ISC"),
        ("All rights reserved.", None),
    ],
)
def test_a_licence_is_known_by_its_words(text: str, name: str | None) -> None:
    assert in_text(text) == name


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("MIT", ("MIT",)),
        ("mit", ("MIT",)),
        ("(MIT OR Apache-2.0)", ("MIT",)),
        ("GPL-3.0 OR BSD-3-Clause", ("BSD-3-Clause",)),
        ("MIT AND GPL-2.0", ("MIT", "GPL-2.0")),
        ("Apache-2.0 WITH LLVM-exception", ("Apache-2.0",)),
        ("MIT/Apache-2.0", ("MIT",)),
        ("", ()),
    ],
)
def test_an_expression_names_its_licences_and_of_alternatives_a_permissive_one(text: str, names: tuple[str]) -> None:
    assert expression(text) == names


def test_package_metadata_names_a_licence() -> None:
    assert in_package("package.json", '{"license": "ISC"}') == ("ISC",)
    assert in_package("package.json", '{"license": {"type": "MIT"}}') == ("MIT",)
    assert in_package("PKG-INFO", "Name: a\nLicense: BSD\n") == ("BSD-3-Clause",)
    assert in_package("Cargo.toml", 'name = "a"\nlicense = "MIT OR GPL-2.0"\n') == ("MIT",)
    assert in_package("package.json", "{") == ()


def test_an_unknown_licence_stays_only_where_the_list_says_so() -> None:
    assert not may_stay((), ("permissive",))
    assert may_stay((), ("permissive", "unknown"))
    assert may_stay(("GPL-3.0",), ("permissive", "GPL-3.0"))
    assert not may_stay(("MIT", "GPL-3.0"), ("permissive",))
    assert may_stay(("GPL-3.0",), ("any",))


TREE = {
    "p/a.py": b"a\n",
    "p/third/b.py": b"b\n",
    "p/third/COPYING": GPL.encode(),
    "p/third/deep/c.py": b"c\n",
    "p/own.py": b"# SPDX-License-Identifier: GPL-2.0-only\n",
    "p/LICENSE": MIT.encode(),
    "q/d.py": b"d\n",
}


def tree(folder: Path, kind: str) -> str:
    path = folder / f"t{kind}"
    if kind == ".zip":
        with zipfile.ZipFile(path, "w") as made:
            for name, data in TREE.items():
                made.writestr(name, data)
    elif kind == "/":
        for name, data in TREE.items():
            (folder / "t" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "t" / name).write_bytes(data)
    else:
        with tarfile.open(path, "w:gz") as packed:
            for name, data in TREE.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                packed.addfile(info, io.BytesIO(data))
    return f"{folder}/t{kind}"


@pytest.mark.parametrize("kind", [".tar.gz", ".zip", "/"])
def test_a_file_has_the_licence_of_the_nearest_folder_wherever_it_stands_in_the_archive(
    tmp_path: Path, kind: str
) -> None:
    path = tree(tmp_path, kind)

    def kept(*licences: str) -> dict[str, str | None]:
        items: list[Item] = list(read(path, how=How(licences=licences)))
        assert all(isinstance(item, Record) or item == Skipped(item.row, "licence") for item in items)
        records = [item for item in items if isinstance(item, Record)]
        return {(r.metadata or {})["path"]: (r.metadata or {}).get("licence") for r in records}

    assert kept("permissive") == {"p/a.py": "MIT", "p/LICENSE": "MIT"}
    assert set(kept("permissive", "unknown")) == {"p/a.py", "p/LICENSE", "q/d.py"}
    assert kept("GPL-3.0") == {f"p/third/{name}": "GPL-3.0" for name in ("b.py", "COPYING", "deep/c.py")}
    assert len(kept("any")) == len(TREE)


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.py", "Python"),
        ("x.CPP", "C++"),
        ("Makefile", "Makefile"),
        ("a.d.ts", "TypeScript"),
        ("LICENSE", None),
        ("py", None),
    ],
)
def test_the_language_is_told_by_the_name(path: str, language: str | None) -> None:
    assert language_of(path) == language


def test_the_shared_source_trees_are_all_permissive(shared_data: Path) -> None:
    for path in sorted((shared_data / "github").glob("*.tar.gz")):
        plain = [item for item in read(str(path)) if isinstance(item, Record)]
        allowed = [item for item in read(str(path), how=How(licences=("permissive",))) if isinstance(item, Record)]
        assert len(plain) == len(allowed) > 0, path
