"""llama.cpp through llama-cpp-python's batch API."""
