"""Agent episodes: questions answered over several turns with tools."""
