"""LoopBench's detectors inside other people's engines.

`transformers` and `llama_cpp` stop a generation that loops; `vllm` writes a rule in the
parameters of vLLM's own check. Each module is imported by name, and only `transformers`
imports what it is named after.
"""
