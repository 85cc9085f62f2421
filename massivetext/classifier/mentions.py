"""Which texts mention people by who they are: what a word list would drop, and a classifier must not.

The terms measure a classifier; nothing is dropped for holding one.
"""

from __future__ import annotations

import re

TERMS = (
    "african american", "african", "arab", "asian", "atheist", "autistic", "bisexual", "black", "blind", "buddhist",
    "catholic", "chinese", "christian", "deaf", "disabled", "feminist", "gay", "gays", "heterosexual", "hindu",
    "hispanic", "homosexual", "immigrant", "immigrants", "indian", "islam", "islamic", "jewish", "jew", "jews",
    "latina", "latino", "lesbian", "lesbians", "lgbt", "lgbtq", "mexican", "mexicans", "muslim", "muslims",
    "native american", "nonbinary", "pakistani", "protestant", "queer", "refugee", "refugees", "sikh", "straight",
    "trans", "transgender", "transsexual", "white", "women", "woman",
)  # fmt: skip
MENTION = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, TERMS))})(?!\w)", re.IGNORECASE)


def mentions(text: str) -> bool:
    """Whether the text holds a term for a group of people as a word of its own."""
    return MENTION.search(text) is not None
