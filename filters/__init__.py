"""Signals about a text and rules on them: Gopher's quality and repetition filters, language and safety.

`from filters import quality, repetition, language, safety`; each has `RULES`, `measure(texts)` for many texts
and `judge(text)` for one. `filters.gopher` measures quality and repetition in one go. Importing `filters`
itself loads neither NumPy nor Arrow nor Numba.
"""
