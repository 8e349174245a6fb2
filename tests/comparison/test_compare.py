"""Comparisons: what counts as a change, and what cannot be compared."""

from __future__ import annotations

import json

import msgspec
import pytest
from runs import mixed, observed, records

from loopbench.comparison.outcomes import Comparison, Entry, Moved, compare, entries
from loopbench.comparison.report import details, json_text, markdown, rich_table, sentence, title
from loopbench.results.observed import Observed
from loopbench.statistics.paired import mcnemar, paired_difference
from loopbench.types import Sampling


def side(outcomes: list[str], model: str, **fields) -> Observed:
    return observed(records(outcomes, model=model), **fields)


def compared(before: list[str], after: list[str], **fields) -> Comparison:
    pair = entries([("runs/a", side(before, "a")), ("runs/b", side(after, "b", **fields))])
    (comparison,) = compare(pair)
    return comparison


def test_a_cured_checkpoint() -> None:
    comparison = compared(["doom"] * 30 + ["clean"] * 30, ["clean"] * 58 + ["doom"] * 2)
    head = comparison.changes[0]
    assert (head.task, head.measure, head.pairs) == ("all", "doom", 60)
    assert (head.first, head.second) == (0.5, pytest.approx(2 / 60))
    assert head.p == mcnemar(2, 30)
    assert head.low < head.difference < head.high < 0
    assert comparison.word == "less"
    assert len(comparison.stopped) == 30
    assert [moved.sample for moved in comparison.started] == ["58", "59"]
    assert sentence(comparison).startswith(
        "b loops less often than a at T=0: 50.0 → 3.3 %, -46.7 ["
    )


def test_the_numbers_are_those_of_the_paired_table() -> None:
    comparison = compared(
        ["doom", "doom", "clean", "clean"] * 10, ["doom", "clean", "doom", "clean"] * 10
    )
    head = comparison.changes[0]
    assert (head.difference, head.low, head.high) == paired_difference(10, 10, 10, 10)
    assert (head.p, comparison.word) == (mcnemar(10, 10), "undecided")
    assert sentence(comparison).startswith("No difference in doom loops is shown between a and b")


def test_going_round_is_stuck_and_no_doom_loop() -> None:
    before = ["doom"] * 5 + ["truncated"] * 5 + ["clean"] * 50
    after = ["circular"] * 25 + ["clean"] * 30 + ["doom"] * 2 + ["truncated"] * 3
    comparison = compared(before, after)
    changes = {c.measure: c for c in comparison.changes if c.task == "all"}
    assert list(changes) == ["doom", "stuck", "circular", "truncated"]
    assert [(c.first, c.second) for c in changes.values()] == [
        (pytest.approx(a / 60), pytest.approx(b / 60))
        for a, b in ((5, 2), (5, 27), (0, 25), (5, 3))
    ]
    doom, stuck = changes["doom"], changes["stuck"]
    assert (doom.p, doom.p_holm, comparison.word) == (mcnemar(2, 5), mcnemar(2, 5), "undecided")
    assert (stuck.p, stuck.difference) == (mcnemar(22, 0), pytest.approx(22 / 60))
    assert (stuck.difference, stuck.low, stuck.high) == paired_difference(5, 22, 0, 33)
    # Among the measures besides doom: of circular the p-value is smaller still.
    assert changes["circular"].p_holm == pytest.approx(3 * mcnemar(25, 0))
    assert stuck.p_holm == pytest.approx(2 * stuck.p)
    said = sentence(comparison)
    assert said.startswith("No difference in doom loops is shown between a and b at T=0: 8.3 → 3.3")
    assert "; stuck (doom or circular) 8.3 → 45.0 %, +36.7 [" in said
    assert "p < 0.0001 (Holm), more often on 22 prompts and less often on 0; " in said
    assert said.endswith("also beyond noise (Holm): circular rate +41.7 pp.")
    few = compared(["clean"] * 20, ["circular"] * 6 + ["clean"] * 14)
    assert few.changes[1].p == pytest.approx(0.03125)
    assert sentence(few).endswith("p = 0.094 (Holm), more often on 6 prompts and less often on 0.")


def test_prompts_that_moved_are_listed_with_their_outcomes() -> None:
    before = ["clean", "doom", "circular", "doom", "clean", "circular", "truncated"]
    after = ["circular", "recovered", "doom", "circular", "truncated", "circular", "doom"]
    comparison = compared(before, after)
    assert [one.sample for one in comparison.started] == ["0", "6"]
    assert [one.sample for one in comparison.stopped] == ["1"]
    assert [one.sample for one in comparison.otherwise] == ["2", "3"]
    assert details(comparison) == [
        "stuck more often (2): chain_sum/0 (clean → circular), chain_sum/6 (truncated → doom)",
        "stuck less often (1): chain_sum/1 (doom → recovered)",
        "stuck in another way (2): chain_sum/2 (circular → doom), chain_sum/3 (doom → circular)",
    ]


def test_repeats_that_failed_take_no_part_in_what_moved() -> None:
    def made(model: str, *repeats: str) -> Observed:
        return observed(
            [r for i, end in enumerate(repeats) for r in records([end], model=model, repeat=i)]
        )

    pair = [
        Entry("a", made("a", "doom", "circular", "error")),
        Entry("b", made("b", "clean", "doom", "circular")),
    ]
    (comparison,) = compare(pair)
    assert details(comparison)[0] == (
        "stuck less often (1): chain_sum/0 (1 doom, 1 circular → 1 clean, 1 doom, 1 circular)"
    )


def test_tasks_are_corrected_for_their_number() -> None:
    def made(model: str, dooms: int) -> Observed:
        parts = [records(mixed(0, 20), task=task, model=model)
                 for task in ("countdown", "enumeration")]  # fmt: skip
        hit = ["doom"] * dooms + ["clean"] * (20 - dooms)
        return observed([*records(hit, task="chain_sum", model=model), *parts[0], *parts[1]])

    (comparison,) = compare([Entry("a", made("a", 0)), Entry("b", made("b", 6))])
    (one,) = (c for c in comparison.changes if c.task == "chain_sum")
    assert one.p == pytest.approx(0.03125)
    assert one.p_holm == pytest.approx(3 * 0.03125)
    assert comparison.changes[0].p_holm == comparison.changes[0].p


def test_scores_are_compared_by_bootstrap() -> None:
    def made(model: str, score: float) -> Observed:
        return observed(records(["clean"] * 20, task="tool_call", category="tools", model=model,
                                scores=[score, 0.2] * 10))  # fmt: skip

    (comparison,) = compare([Entry("a", made("a", 0.4)), Entry("b", made("b", 0.9))])
    (tools,) = (c for c in comparison.changes if c.measure == "tool_score")
    assert tools.difference == pytest.approx(0.25)
    assert 0.1 < tools.low < 0.25 < tools.high < 0.4
    assert tools.p < 0.01
    assert "also beyond noise (Holm): tool score +25.0 pp" in sentence(comparison)
    assert not [c for c in comparison.changes if c.measure == "accuracy"]


def test_repeats_are_averaged_by_prompt() -> None:
    def made(model: str, dooms: list[str]) -> Observed:
        return observed([*records(["clean"] * 20, model=model),
                         *records(dooms, model=model, repeat=1)])  # fmt: skip

    (comparison,) = compare(
        [
            Entry("a", made("a", ["clean"] * 20)),
            Entry("b", made("b", ["doom"] * 12 + ["clean"] * 8)),
        ]
    )
    head = comparison.changes[0]
    assert (head.pairs, head.difference) == (20, pytest.approx(0.3))
    assert head.p < 0.01
    assert comparison.started[0] == Moved(
        task="chain_sum", sample="0", first=["clean", "clean"], second=["clean", "doom"]
    )
    assert "chain_sum/0 (2 clean → 1 clean, 1 doom), " in details(comparison)[0]


def test_every_temperature_and_every_other_run_is_compared() -> None:
    def made(model: str) -> Observed:
        return observed([*records(mixed(3, 9), model=model),
                         *records(mixed(1, 9), model=model, temperature=0.7)])  # fmt: skip

    result = compare(entries([("x", made("a")), ("y", made("b")), ("z", made("c"))]))
    assert [(c.second, c.temperature) for c in result] == [
        ("b", 0.0), ("b", 0.7), ("c", 0.0), ("c", 0.7),
    ]  # fmt: skip


def test_the_models_of_one_run_are_compared_with_each_other() -> None:
    run = observed([*records(mixed(3, 9), model="a"), *records(mixed(1, 9), model="b")])
    assert [entry.label for entry in entries([("x", run)])] == ["a", "b"]
    (comparison,) = compare(entries([("x", run)]))
    assert (comparison.first, comparison.second) == ("a", "b")


def test_labels_tell_runs_of_one_model_apart() -> None:
    run = side(["clean"], "a")
    assert [e.label for e in entries([("r/old/", run), ("r/new", run)])] == ["a (old)", "a (new)"]
    assert [e.label for e in entries([("1/r", run), ("2/r", run)])] == ["a (1/r)", "a (2/r)"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tasks": {"chain_sum": 2}}, "task chain_sum v1 against v2"),
        ({"tasks": {"chain_sum": 1, "x": 1}}, "task x missing against v1"),
        ({"items_hash": "sha256:9"}, "items hash sha256:0 against sha256:9"),
        ({"samples": 9}, "samples 8 against 9"),
        ({"repeats": 3}, "repeats 1 against 3"),
        ({"measure": []}, "Judge the older one again"),
        ({"stop": []}, "early stopping suffix(min_repeats=8, min_tokens=256) + counter"),
    ],
)
def test_what_measured_something_else_is_refused(fields: dict, words: str) -> None:
    with pytest.raises(ValueError, match="a and b measured different things") as told:
        compared(["clean"] * 8, ["clean"] * 8, **fields)
    assert words in str(told.value)


def test_texts_that_were_split_otherwise_are_refused() -> None:
    old, new = side(["clean"] * 8, "a"), side(["clean"] * 8, "b")

    def split(one: Observed, name: str) -> Entry:
        models = [msgspec.structs.replace(m, tokenization=name) for m in one.header.models]
        header = msgspec.structs.replace(one.header, models=models)
        return Entry(name, msgspec.structs.replace(one, header=header))

    with pytest.raises(ValueError, match="split of texts words-v1 against words-v2"):
        compare([split(old, "words-v1"), split(new, "words-v2")])
    # A model's own ids are another engine's way to the same text.
    assert compare([split(old, "model"), split(new, "words-v2")])


def test_other_samplings_are_refused() -> None:
    old = side(["clean"] * 8, "a")
    for field, value, words in (
        ("max_new_tokens", 2048, "budget 1000 against 2048"),
        ("temperature", 0.3, "temperature 0 against 0.3"),
        ("top_p", 0.9, "top_p 1 against 0.9"),
        ("seed", 5, "seed 0 against 5"),
        ("repetition_penalty", 1.1, "repetition_penalty 1 against 1.1"),
    ):
        sampling = msgspec.structs.replace(old.header.samplings[0], **{field: value})
        new = side(["clean"] * 8, "b", samplings=[sampling])
        with pytest.raises(ValueError, match="measured different things") as told:
            compare([Entry("a", old), Entry("b", new)])
        assert words in str(told.value)


def test_engines_and_quantisations_may_differ_and_are_named() -> None:
    old = side(mixed(3, 9), "a")
    model = msgspec.structs.replace(
        old.header.models[0], quantization="Q8_0", engine="transformers", engine_version="5"
    )
    new = msgspec.structs.replace(old, header=msgspec.structs.replace(old.header, models=[model]))
    (comparison,) = compare([Entry("a", old), Entry("b", new)])
    assert comparison.notes == [
        "the weights are the same",
        "quantisation F32 against Q8_0",
        "engine fake 1 against transformers 5",
    ]


def test_missing_and_failed_generations_are_told() -> None:
    comparison = compared(["clean"] * 8, ["clean"] * 6 + ["error"], samples=8)
    assert comparison.notes == [
        "b is not complete, 1 of 8 generations are missing: its rates are too low if it was "
        "interrupted",
        "1 generations of b failed and are left out",
    ]
    assert comparison.changes[0].pairs == 6
    with pytest.raises(ValueError, match="share no prompt that both have finished"):
        compared(["clean"] * 8, ["error"] * 8)
    with pytest.raises(ValueError, match="A comparison needs two models"):
        compare([Entry("a", side(["clean"], "a"))])


def test_formats() -> None:
    before, after = ["clean"] * 40, ["doom"] * 15 + ["clean"] * 25
    comparison = compared(before, after)
    assert title(comparison) == "a → b, T=0, budget 1000"
    (line,) = details(comparison)
    assert line.startswith("stuck more often (15): chain_sum/0 (clean → doom), chain_sum/1 (")
    assert line.endswith("and 5 more (--all)")
    assert "more (--all)" not in details(comparison, everything=True)[0]
    assert rich_table(comparison).row_count == len(comparison.changes)
    page = markdown([comparison])
    assert page.startswith("### a → b, T=0, budget 1000\n")
    assert "b loops more often than a at T=0: 0.0 → 37.5 %" in page
    (read,) = json.loads(json_text([comparison]))
    assert read["word"] == "more"
    assert read["sentence"] == sentence(comparison)
    assert len(read["started"]) == 15
    assert read["started"][0]["second"] == ["doom"]
    assert [change["measure"] for change in read["changes"]][:4] == [
        "doom", "stuck", "circular", "truncated",
    ]  # fmt: skip
    assert "| all | stuck rate | 0.0 | 37.5 |" in page
    assert "| all | circular rate | 0.0 | 0.0 |" in page
    assert "chain_sum/0 (clean → doom), " in page.replace("\\", "")


def test_hostile_names_stay_text() -> None:
    bad = "b\x1b[1m|<i>\n"
    pair = [Entry("a", side(mixed(0, 9), "a")), Entry(bad, side(mixed(9, 9), bad))]
    (comparison,) = compare(pair)
    for text in (sentence(comparison), title(comparison), *details(comparison)):
        assert "\x1b" not in text and "\n" not in text
    assert "<i>" not in markdown([comparison]).replace("\\<i\\>", "")


def test_outcomes_that_were_named_otherwise_are_not_compared() -> None:
    now = observed(records(["doom", "clean"]))
    earlier = msgspec.structs.replace(now, header=msgspec.structs.replace(now.header, judgement=1))
    with pytest.raises(ValueError, match=r"naming of outcomes v1 against v2. Judge the older one"):
        compare(entries([("old", earlier), ("new", now)]))


def test_pairs_that_ended_nobody_knows_why_count_for_the_end_alone() -> None:
    made = [["doom", "unknown", "truncated"], ["unknown", "truncated", "truncated"]]
    sides = [
        observed([
            msgspec.structs.replace(
                one, generation=msgspec.structs.replace(
                    one.generation,
                    finish="length" if one.outcome == "truncated" else "unknown",
                ),
            )
            for one in records(outcomes)
        ])
        for outcomes in made
    ]  # fmt: skip
    (found,) = compare(entries([("old", sides[0]), ("new", sides[1])]))
    changes = {c.measure: (c.pairs, c.first, c.second) for c in found.changes if c.task == "all"}
    assert changes["stuck"] == (3, 1 / 3, 0)
    assert changes["truncated"] == (1, 1, 1)  # the prompt of which both sides know it
    assert [len(moved) for moved in (found.started, found.stopped)] == [0, 1]
    assert [note.split(" it is not known")[0] for note in found.notes if "not known" in note] == [
        "of 2 generations of a (old)", "of 1 generations of a (new)",
    ]  # fmt: skip


def test_files_of_outputs_are_compared_though_their_longest_outputs_differ() -> None:
    def of_file(outcomes: list[str], longest: int, fingerprint: str) -> Observed:
        run = observed(records(outcomes, budget=longest))
        model = msgspec.structs.replace(run.header.models[0], fingerprint=fingerprint)
        sampling = Sampling(max_new_tokens=longest)
        header = msgspec.structs.replace(run.header, models=[model], samplings=[sampling])
        return msgspec.structs.replace(run, header=header)

    old = of_file(["doom", "clean"], 700, "recording:1")
    (found,) = compare(entries([("x", old), ("y", of_file(["clean"] * 2, 900, "recording:2"))]))
    assert found.changes[0].pairs == 2
    assert "longest output 700 tokens against 900 tokens" in found.notes
    with pytest.raises(ValueError, match="budget 700 against 900"):
        compare(entries([("x", old), ("y", of_file(["clean"] * 2, 900, "sha256:2"))]))
