"""LoopBench where one types Python: what was recorded, loaded, shown, plotted, compared."""
