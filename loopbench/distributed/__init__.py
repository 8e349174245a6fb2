"""Runs and scoring over a Ray cluster; Ray is imported where it is used, never before."""
