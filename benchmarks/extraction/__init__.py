"""How good and how fast main text is taken from HTML: gold pages, extractors, scores, and a page to look at."""
