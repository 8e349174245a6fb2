"""What several engines are made of; no engine itself."""
