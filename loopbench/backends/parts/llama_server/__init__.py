"""The protocol of llama-server: what it is asked, and how its streams are read."""
