"""Two checkpoints, prompt by prompt."""
