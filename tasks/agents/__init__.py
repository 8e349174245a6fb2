"""What agent episodes need beside a model: an invented world, and tools to ask it with.

A subpackage, not a task: `loopbench.tasks.agent_lookup` asks the questions, and
`loopbench.episodes.running` drives the turns.
"""
