"""The programming language of a source file, by its name; languages are named as GitHub names them."""

from __future__ import annotations

_BY_SUFFIX_LINES = """
    Ada: adb ads
    Assembly: asm s
    Batchfile: bat cmd
    C: c h
    C#: cs
    C++: cpp cc cxx hpp hh hxx ipp
    CMake: cmake
    CSS: css
    Clojure: clj cljs cljc
    CoffeeScript: coffee
    Common Lisp: lisp lsp
    Crystal: cr
    Cuda: cu cuh
    Cython: pyx pxd
    D: d
    Dart: dart
    Elixir: ex exs
    Elm: elm
    Emacs Lisp: el
    Erlang: erl hrl
    F#: fs fsx
    Fortran: f f90 f95 for
    GLSL: glsl vert frag
    Go: go
    GraphQL: graphql gql
    Groovy: groovy gradle
    HTML: html htm xhtml
    Haskell: hs
    INI: ini cfg
    JSON: json json5
    Java: java
    JavaScript: js mjs cjs jsx
    Jinja: j2 jinja jinja2
    Julia: jl
    Kotlin: kt kts
    Less: less
    Lua: lua
    Makefile: mk
    Markdown: md markdown
    MATLAB: m
    Nim: nim
    Nix: nix
    OCaml: ml mli
    Objective-C++: mm
    Org: org
    PHP: php
    Pascal: pas
    Perl: pl pm
    PowerShell: ps1 psm1
    Prolog: pro
    Protocol Buffer: proto
    Python: py pyi pyw
    R: r
    Racket: rkt
    Ruby: rb rake gemspec
    Rust: rs
    SCSS: scss
    SQL: sql
    Sass: sass
    Scala: scala sc
    Scheme: scm
    Shell: sh bash zsh fish
    Solidity: sol
    Starlark: bzl
    Svelte: svelte
    Swift: swift
    SystemVerilog: sv svh
    TOML: toml
    TeX: tex sty cls
    Tcl: tcl
    Terraform: tf
    Text: txt
    TypeScript: ts tsx mts cts
    VHDL: vhd vhdl
    Verilog: v
    Vim Script: vim
    Visual Basic: vb
    Vue: vue
    XML: xml xsd xsl
    YAML: yaml yml
    Zig: zig
    reStructuredText: rst
"""
_BY_NAME = {
    "makefile": "Makefile",
    "gnumakefile": "Makefile",
    "dockerfile": "Dockerfile",
    "cmakelists.txt": "CMake",
    "rakefile": "Ruby",
    "gemfile": "Ruby",
    "build": "Starlark",
    "build.bazel": "Starlark",
    "workspace": "Starlark",
    "jenkinsfile": "Groovy",
    "go.mod": "Go Module",
}
_BY_SUFFIX = {
    suffix: language.strip()
    for language, _, suffixes in (line.partition(": ") for line in _BY_SUFFIX_LINES.strip().split("\n"))
    for suffix in suffixes.split()
}


def language_of(path: str) -> str | None:
    """The language of a file, None if its name tells none."""
    name = path.rsplit("/", 1)[-1].lower()
    return _BY_NAME.get(name) or _BY_SUFFIX.get(name.rpartition(".")[2] if "." in name else "")
