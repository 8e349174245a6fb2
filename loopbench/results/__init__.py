"""Finished outputs: stored, judged again, summed up and laid out."""
