"""Names of fields by flag: `text=content,url=link` for one source, `SUBSET:text=content` for one of a mixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from filters.rule import suggestion
from massivetext.errors import BuildError
from massivetext.mixture import Mixture
from pipelines.sources.how import FIELDS


def parse(text: str) -> dict[str, str]:
    """Field by role. Raises BuildError for another form and for an unknown role."""
    found: dict[str, str] = {}
    for part in text.split(","):
        role, equals, name = part.partition("=")
        if not equals or not name:
            raise BuildError(f"--fields {text}: expected ROLE=FIELD, such as text=content,url=link")
        if role not in FIELDS:
            raise BuildError(
                f"--fields {text}: no role {role!r}{suggestion(role, FIELDS)}; there are {', '.join(FIELDS)}"
            )
        found[role] = name
    return found


def with_fields(mixture: Mixture, given: Sequence[str]) -> Mixture:
    """The mixture with the fields that flags name, in place of what it says of them."""
    names = [subset.name for subset in mixture.subsets]
    subsets = {subset.name: subset for subset in mixture.subsets}
    for item in given:
        name, colon, text = item.partition(":")
        if not colon:
            raise BuildError(f"--fields {item}: expected SUBSET:ROLE=FIELD, such as news:text=content,url=link")
        if name not in names:
            known = ", ".join(names)
            raise BuildError(f"--fields {item}: no subset {name!r}{suggestion(name, names)}; there are {known}")
        subsets[name] = replace(subsets[name], fields={**subsets[name].fields, **parse(text)})
    return replace(mixture, subsets=tuple(subsets.values()))
