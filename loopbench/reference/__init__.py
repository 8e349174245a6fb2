"""The reference model: LFM2's architecture at laptop size, and the recipe that trains it.

Nothing here is imported by the harness; only the modules that train or sample import torch.
"""
