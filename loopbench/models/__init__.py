"""Model files before any engine sees them: names, GGUF headers, quantisations."""
