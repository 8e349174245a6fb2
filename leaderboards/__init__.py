"""Published results as JSON, and what builds pages from them.

Results are generated from run folders and never edited by hand.
"""
