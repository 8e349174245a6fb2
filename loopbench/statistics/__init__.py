"""Intervals and tests. Pure functions over numbers."""
