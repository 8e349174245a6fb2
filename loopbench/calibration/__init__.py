"""How well detectors do on labelled outputs, and how often a flagged stream leaves its loop."""
