from __future__ import annotations

import pytest

from loopbench import tasks
from loopbench.tasks.agents.encyclopedia import world
from loopbench.tasks.base import AgentTask
from loopbench.types import Sample

TASK = tasks.get("agent_lookup")


def asked(answer: type, n: int = 60) -> Sample:
    """Return a question whose answer is a number or a name."""
    drawn = TASK.samples(n, level="easy")
    return next(s for s in drawn if isinstance(s.reference["answer"], answer))


def outcome(sample: Sample, text: str) -> tuple[bool | None, str | None, float]:
    grade = TASK.grade(sample, text)
    return grade.correct, grade.problem, grade.parts["hallucinated"]


RIGHT, WRONG = (True, None, 0.0), (False, "wrong", 1.0)
NOTHING, ABSTAINED = (None, "no_answer", 0.0), (False, "abstained", 0.0)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("Answer: {}", RIGHT),
        ("**Answer:** {}.", RIGHT),
        ("\\boxed{{{}}}", RIGHT),
        ("The answer is {}.", RIGHT),
        ("It is {}.", RIGHT),
        ("Answer: {} or 1", WRONG),
        ("Answer: 1", WRONG),
        ("It is 1.", WRONG),
        ("The answer is 2018-01-01.", WRONG),
        ("Answer: a long story", WRONG),
        ("Answer: {}\nAnswer: 1", WRONG),
        ("Answer: unknown", ABSTAINED),
        ("The answer is not known.", ABSTAINED),
        ("I do not know.", ABSTAINED),
        ("The answer is clear to me.\nIt follows.", NOTHING),
        ("First {}\nand then more", NOTHING),
        ("", NOTHING),
    ],
)
def test_numbers(form: str, expected: tuple[bool | None, str | None, float]) -> None:
    sample = asked(int)
    assert outcome(sample, form.format(sample.reference["answer"])) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("Answer: {right}", RIGHT),
        ("Answer: the town of {right}.", RIGHT),
        ("The answer is {right}.", RIGHT),
        ("It was {right}.", RIGHT),
        ("Answer: {asked} belongs to {right}", RIGHT),
        ("Answer: {right} or {other}", WRONG),
        ("Answer: {other}", WRONG),
        ("Answer: {asked}", WRONG),
        ("Answer: Paris", WRONG),
        ("The answer is the River Tiber.", WRONG),
        ("Answer: {right}s", WRONG),
        ("Answer: unknown", ABSTAINED),
        ("Answer: I cannot find it", ABSTAINED),
        ("It was Paris.", WRONG),
        ("The town lies on the River Arno in the Italian region of Tuscia.", WRONG),
        ("Is it the town of {asked}?", NOTHING),
        ("Is it in Paris?", NOTHING),
        ('"Answer: <answer>".\n\nAnswer: "Answer: <answer>".', NOTHING),
        ('Answer: {right}\nI wrote "Answer: <answer>".', RIGHT),
        ("Let me look for it.", NOTHING),
    ],
)
def test_names(form: str, expected: tuple[bool | None, str | None, float]) -> None:
    sample = asked(str)
    right = sample.reference["answer"]
    about = world("test-0")
    named = next(iter(about.titles_in(sample.prompt)))
    other = next(title for title in about.articles if title not in (right, named))
    assert outcome(sample, form.format(right=right, other=other, asked=named)) == expected


def test_it_is_an_agent_task_and_others_are_none() -> None:
    assert isinstance(TASK, AgentTask)
    assert not isinstance(tasks.get("tool_call"), AgentTask)
    assert TASK.category == "agents"


@pytest.mark.parametrize(("level", "most"), [("easy", 1), ("medium", 2), ("hard", 3)])
def test_levels_need_more_articles(level: str, most: int) -> None:
    steps = [len(s.reference["steps"]) for s in TASK.samples(60, level=level)]
    assert max(steps) == most
    assert min(steps) == 1 if level != "medium" else 2


def test_every_seed_and_split_asks_about_a_world_of_its_own() -> None:
    for seed, split in ((0, "test"), (1, "test"), (0, "train")):
        sample = next(iter(TASK.samples(1, level="hard", seed=seed, split=split)))
        assert TASK.world(sample) == f"{split}-{seed}"  # type: ignore[attr-defined]


def test_hard_questions_need_every_kind_of_tool() -> None:
    drawn = list(TASK.samples(60, level="hard"))
    tools = {(s.reference["compute"] or {"tool": "search"})["tool"] for s in drawn}
    assert tools == {"search", "calculator", "python"}
    assert {s.reference["kind"] for s in drawn} == {"lookup", "arithmetic", "program"}


def test_a_question_needs_a_world() -> None:
    with pytest.raises(ValueError, match="draw samples with `samples`"):
        TASK.draft(None, "easy")  # type: ignore[attr-defined]
