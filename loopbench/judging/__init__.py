"""What decides how an output ended: detectors on a stream or a whole output, outcome, grade."""
