"""LoopBench package."""
