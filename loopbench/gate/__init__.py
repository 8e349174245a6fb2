"""The gate: thresholds in, observations in, a decision out."""
