"""LoopBench: doom loops of small language models, detected and counted."""

__version__ = "0.1.0"
