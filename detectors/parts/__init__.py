"""What several detectors are made of: periods, runs, and the reading of tokens."""
