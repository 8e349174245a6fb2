"""Recorded outputs as if they were generated now."""
