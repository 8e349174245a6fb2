"""Hugging Face checkpoints through transformers."""
