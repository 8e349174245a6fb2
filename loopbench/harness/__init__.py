"""Runs: what to do, with which models, and the loop that does it."""
