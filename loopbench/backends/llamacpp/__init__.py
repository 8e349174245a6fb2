"""llama.cpp in a child process of its own: the default engine."""
