"""Recorded outputs, wherever they were recorded."""
