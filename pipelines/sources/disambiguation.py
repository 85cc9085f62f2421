"""Disambiguation pages of a wiki: lists of what a title may mean, which are no articles."""

from __future__ import annotations

import re

_TEMPLATES = (
    r"disambig(?:uation)?(?:[- ]cleanup|[ _]page)?|disamb?|dab(?:page)?|hn-?dis(?:-cleanup)?|letter-numbercombdis"
    r"|(?:geo|number|road|school|hospital|callsign|mil-unit)-?dis|math(?:dab|ematical[ _]disambiguation)"
    r"|(?:airport|biology|chemistry|human[ _]name|place[ _]name|species[ _]latin[ _]name)[ _]disambig(?:uation)?"
    r"|begriffsklärung|homonymie|desambiguación|desambiguação|disambigua|doorverwijspagina|ujednoznacznienie"
    r"|förgrening|flertydig|flertydelse|anlam[ _]ayrımı|неоднозначность|многозначность|пояснение|消歧义"
    r"|曖昧さ回避|aimai|동음이의"
)
_TEMPLATE = re.compile(r"\{\{\s*(?:" + _TEMPLATES + r")\s*(?:\||\}\})", re.IGNORECASE)
_SWITCH = "__DISAMBIG__"


def is_disambiguation(title: str, wikitext: str) -> bool:
    """Whether a page says by its title, a template or a switch that it only tells meanings apart."""
    return title.rstrip().endswith("(disambiguation)") or _SWITCH in wikitext or _TEMPLATE.search(wikitext) is not None
