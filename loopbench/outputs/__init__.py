"""Outputs that somebody has already: read from any file, judged, counted, listed."""
