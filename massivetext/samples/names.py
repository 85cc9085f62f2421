"""Names of people and towns, put together from parts: there are thousands, none real on purpose."""

from __future__ import annotations

from functools import cache

from massivetext.samples.draw import Draw

FIRST_NAMES = (
    "Edith|Walter|Agnes|Hubert|Mabel|Cyril|Ivy|Rupert|Olive|Ernest|Flora|Percy|Hilda|Basil|Nora|Cecil"
    "|Winifred|Amos|Beatrice|Silas|Clara|Jonah|Dora|Lionel|Esther|Gilbert|Ada|Horace|Ruth|Magnus|Cora"
    "|Felix|Irene|Otto|Sybil|Leopold|Maud|Tobias|Greta|Alban|Lydia|Ambrose|Phoebe|Conrad|Rosalind"
    "|Jasper|Marian|Quentin|Stella|Rufus"
)
SURNAME_STARTS = (
    "Ash|Black|Brad|Brook|Cald|Carr|Clay|Dray|Elder|Fair|Farn|Gold|Gray|Hath|Hazel|Hold|Kel|Lang|Lock"
    "|Marl|Mild|Nor|Oak|Pem|Quar|Rad|Ridg|Sand|Shel|Stan|Thorn|Under|Vin|Wal|Weather|Whit|Wil|Win|Wood"
    "|Yar"
)
SURNAME_ENDS = "by|croft|den|er|field|ford|gate|ham|head|ing|land|ley|low|man|mere|more|row|sby|son|ston|well|wick"
TOWN_STARTS = (
    "Alder|Amber|Bar|Beck|Bram|Bright|Castle|Cold|Copper|Crow|Dun|East|Ember|Fen|Fox|Glen|Green|Grim"
    "|Hal|Harrow|High|Iron|Kirk|Lam|Lin|Long|Maple|Mer|Mill|Nether|North|Otter|Pen|Raven|Red|Salt|Scar"
    "|Silver|Skel|South|Stone|Swan|Tarn|Thorpe|Up|Wend|West|Whin|Wither|Wolf"
)
TOWN_ENDS = (
    "borough|bridge|burn|bury|caster|combe|cross|dale|ferry|fleet|garth|gill|haven|holme|hurst|mouth"
    "|ness|port|rigg|shaw|side|stead|thwaite|ton|wold|worth"
)


@cache
def _names(starts: str, ends: str) -> tuple[str, ...]:
    return tuple(start + end for start in starts.split("|") for end in ends.split("|") if start[-1] != end[0])


def person(draw: Draw) -> tuple[str, str]:
    """A first name and a surname."""
    surnames = _names(SURNAME_STARTS, SURNAME_ENDS)
    return draw.pick(FIRST_NAMES.split("|")), draw.pick(surnames)


def town(draw: Draw) -> str:
    """The name of a town that is on no map of ours."""
    return draw.pick(_names(TOWN_STARTS, TOWN_ENDS))
