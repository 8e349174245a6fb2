"""Published results as JSON, and what builds pages from them.

`entries` makes an entry from a run and checks it against its records, `site` builds the pages,
`elsewhere` holds what others published. Results are never edited by hand.
"""
