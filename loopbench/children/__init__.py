"""Child processes that are asked in lines of JSON, for what may crash, hang or be hostile."""
