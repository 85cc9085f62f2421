"""What a skip reason says of a record."""

from __future__ import annotations

REASONS = {
    "not_a_response": "a request, metadata or information record",
    "revisit": "a pointer to an earlier response",
    "not_success": "an HTTP status that is not 2xx",
    "not_text": "neither HTML nor text, by type or by content",
    "namespace": "a page that is no article",
    "redirect": "a page that only points to another",
    "disambiguation": "a page that only tells meanings of its title apart",
    "vendored": "code of others, by the name of a folder",
    "generated": "a file that a program wrote",
    "minified": "lines that nobody wrote",
    "data": "data rather than code",
    "licence": "a licence that is not in the mixture's list, or none",
    "unsafe_name": "an absolute path, or one that leads out of its archive",
    "opted_out": "its host or URL stands in a list of --opt-out",
    "unreadable": "it could not be read",
}
