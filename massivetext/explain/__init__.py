"""`python -m massivetext.explain`: why one page, or one document of a build, was kept or dropped."""
