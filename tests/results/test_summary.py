"""Rows from hand-made records: every number counted by hand."""

from __future__ import annotations

import msgspec
import pytest
from fakes import audit, header, record
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbench.results.summary import NO_RATE, Row, summarise
from loopbench.statistics.intervals import clustered_rate, wilson
from loopbench.types import Audit, Finish, Grade, Outcome, Record

RECORDS = [
    record("v1", "doom", level="verbatim", onset=40, finish="loop", tokens=300, score=0.0),
    record("v2", "doom", level="verbatim", onset=60, tokens=1000, score=0.0),
    record("c1", "doom", level="counter", onset=200, finish="loop", tokens=600, score=0.0),
    record("r1", "recovered", level="counter", onset=5, score=1.0),
    record("t1", "truncated", tokens=1000, score=0.0),
    record("g1", "circular", level="circular", onset=700, tokens=1000, score=0.0),
    record("k1", "clean", score=1.0),
    record("e1", "error", tokens=77),
    record("x1", "clean", task="extract_records", category="extraction", score=0.5),
    record("x2", "clean", task="extract_records", category="extraction", score=1.0),
    record("u1", "clean", task="tool_call", category="tools", score=1.0),
]
AUDITS = [audit("v1", "doom", tokens=700), audit("c1", "recovered", tokens=150)]


def one(records: list[Record], audits: list[Audit] | None = None) -> Row:
    (row,) = summarise(records, audits or [], header())
    return row


def test_a_row_counts_what_the_records_say() -> None:
    row = one(RECORDS, AUDITS)
    assert (row.model, row.temperature, row.budget, row.group) == ("a", 0.0, 1000, "all")
    assert (row.n, row.n_error, row.prompts) == (11, 1, 11)
    assert (row.doom_rate.value, row.doom_rate.low, row.doom_rate.high) == wilson(3, 10)
    assert row.doom_rate.n == 10
    assert row.verbatim_rate.value == 2 / 10
    assert row.counter_rate.value == 1 / 10
    assert row.recovered_rate.value == 1 / 10
    assert row.truncated_rate.value == 1 / 10
    assert row.circular_rate.value == 1 / 10
    assert row.stuck_rate.value == 4 / 10
    assert row.flip_rate == NO_RATE
    assert row.median_onset == 130
    assert (row.early_stopped, row.audited, row.escaped) == (2, 2, 1)
    assert row.escape_rate.value == 0.5
    assert row.corrected_doom_rate.value == pytest.approx(2 / 10)
    assert row.tokens_used == 300 + 1000 + 600 + 100 + 1000 + 1000 + 100 + 3 * 100 + 700 + 150
    assert row.tokens_saved == 700 + 400 - 700 - 150
    assert (row.accuracy.value, row.accuracy.n) == (2 / 7, 7)
    assert (row.extraction_f1.value, row.extraction_f1.n) == (0.75, 2)
    assert (row.tool_score.value, row.tool_score.n) == (1.0, 1)
    # Every stream ran at 10 tokens per second, two at a time.
    assert row.tokens_per_second == pytest.approx(20)
    assert (row.quantization, row.engine) == ("F32", "fake 1")


def test_stuck_is_doom_and_circular_together() -> None:
    row = one(RECORDS)
    assert (row.doom_rate.value, row.circular_rate.value) == (0.3, 0.1)
    assert (row.stuck_rate.value, row.stuck_rate.low, row.stuck_rate.high) == wilson(4, 10)


def test_a_circular_stretch_that_was_left_changes_no_rate() -> None:
    went = [msgspec.structs.replace(r, circled=r.key in ("k1", "t1")) for r in RECORDS]
    row = one(went)
    # Of the five that ended by themselves.
    assert (row.circled_rate.value, row.circled_rate.n) == (0.2, 5)
    assert msgspec.structs.replace(row, circled_rate=one(RECORDS).circled_rate) == one(RECORDS)


def test_each_kind_of_early_stop_is_corrected_by_its_own_audits() -> None:
    stopped = {"v": ("doom", "verbatim"), "w": ("doom", "verbatim"), "c": ("circular", "circular"),
               "d": ("circular", "circular"), "e": ("circular", "circular")}  # fmt: skip
    records = [record(k, o, level=level, finish="loop") for k, (o, level) in stopped.items()]
    records += [record(f"k{i}") for i in range(5)]
    audits = [
        audit("v", "doom"), audit("w", "circular"),
        audit("c", "clean"), audit("d", "doom"), audit("e", "circular"),
    ]  # fmt: skip
    row = one(records, audits)
    assert (row.doom_rate.value, row.stuck_rate.value) == (0.2, 0.5)
    # One doomed stream only went round at the budget, and one that went round was doomed there.
    assert row.corrected_doom_rate.value == pytest.approx(0.2)
    assert row.corrected_stuck_rate.value == pytest.approx(0.4)
    # Without an audit of the circular ones nothing can be said of either.
    assert one(records, audits[:2]).corrected_stuck_rate == NO_RATE
    assert one(records, audits[:2]).corrected_doom_rate == NO_RATE


def test_verbatim_and_counter_are_the_parts_of_doom() -> None:
    row = one(RECORDS)
    assert row.doom_rate.value == pytest.approx(
        (row.verbatim_rate.value or 0) + (row.counter_rate.value or 0)
    )


def test_an_output_in_both_kinds_of_loop_is_a_verbatim_one() -> None:
    verbatim, counter = RECORDS[0], RECORDS[2]
    verdicts = [*counter.verdicts, *verbatim.verdicts]
    row = one([record("b", "doom", level="counter")])
    assert row.counter_rate.value == 1
    row = one([msgspec.structs.replace(verbatim, verdicts=verdicts)])
    assert (row.verbatim_rate.value, row.counter_rate.value, row.median_onset) == (1, 0, 40)


def test_nothing_but_errors_has_no_rates() -> None:
    row = one([record("e", "error")])
    assert (row.n, row.n_error) == (1, 1)
    for rate in (row.doom_rate, row.corrected_doom_rate, row.accuracy, row.flip_rate):
        assert rate == NO_RATE
    assert row.median_onset is None
    assert row.tokens_per_second is None
    assert summarise([], [], header()) == []


def test_without_an_audit_of_a_kind_nothing_is_corrected() -> None:
    row = one(RECORDS, AUDITS[:1])
    assert (row.audited, row.corrected_doom_rate) == (1, NO_RATE)
    assert one(RECORDS[3:]).corrected_doom_rate == one(RECORDS[3:]).doom_rate


def test_a_failed_audit_is_none() -> None:
    row = one(RECORDS, [audit("v1", "error"), audit("c1", "doom")])
    assert (row.audited, row.corrected_doom_rate) == (1, NO_RATE)


def test_a_key_counts_once_as_it_came_last() -> None:
    row = one([record("k", "error"), record("k", "doom", level="verbatim")])
    assert (row.n, row.n_error, row.doom_rate.value) == (1, 0, 1)


def test_flips_are_counted_by_prompt() -> None:
    records = [
        record(f"{prompt}{i}", outcome, level=level, sample=prompt, repeat=i)
        for prompt, outcomes in {"p": "cd", "q": "cc", "r": "dd", "s": "c"}.items()
        for i, letter in enumerate(outcomes)
        for outcome, level in [{"c": ("clean", None), "d": ("doom", "verbatim")}[letter]]
    ]
    row = one(records)
    assert (row.n, row.prompts) == (7, 4)
    assert (row.flip_rate.value, row.flip_rate.n) == (1 / 3, 3)


def test_repeats_of_a_prompt_do_not_narrow_the_interval() -> None:
    once = one([record(f"{i}", "clean") for i in range(20)])
    thrice = one(
        [record(f"{i}-{j}", "clean", sample=f"{i}", repeat=j) for i in range(20) for j in range(3)]
    )
    assert thrice.doom_rate.n == 60
    assert thrice.doom_rate.high == once.doom_rate.high


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("task", [("chain_sum", 8), ("extract_records", 2), ("tool_call", 1)]),
        ("category", [("extraction", 2), ("reasoning", 8), ("tools", 1)]),
        ("level", [("hard", 11)]),
    ],
)
def test_rows_can_be_broken_down(by, groups: list[tuple[str, int]]) -> None:
    assert [(r.group, r.n) for r in summarise(RECORDS, AUDITS, header(), by)] == groups


def test_rows_keep_the_order_of_the_models_and_rising_temperatures() -> None:
    records = [
        record(f"{model}{t}", model=model, temperature=t) for model in "ab" for t in (0.5, 0.0, 0.1)
    ]
    rows = summarise(records, [], header("b", "a"))
    assert [(r.model, r.temperature) for r in rows] == [
        (model, t) for model in "ba" for t in (0.0, 0.1, 0.5)
    ]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.sampled_from(["clean", "doom", "truncated", "recovered", "error"]),
            st.integers(0, 5),
            st.sampled_from(["stop", "loop", "length"]),
        ),
        max_size=60,
    )
)
@settings(deadline=None, max_examples=60)
def test_a_key_counts_once_as_it_came_last_however_often_it_came(
    made: list[tuple[int, Outcome, int, Finish]],
) -> None:
    records = [
        msgspec.structs.replace(
            record(str(key), outcome, level="verbatim", finish=finish)
            if outcome == "doom"
            else record(str(key), outcome, finish=finish),
            sample_id=f"s{key % 4}",
            grade=Grade(score=score / 5, correct=score == 5),
        )
        for key, outcome, score, finish in made
    ]  # fmt: skip
    last = {r.key: r for r in records}
    audits = [audit(key, "clean", tokens=9) for key in last if int(key) % 2]
    assert summarise(records, audits, header()) == summarise(last.values(), audits, header())
    for row in summarise(records, audits, header()):
        valid = [r for r in last.values() if r.outcome != "error"]
        prompts = {r.sample_id: [v for v in valid if v.sample_id == r.sample_id] for r in valid}
        assert (row.n, row.n_error) == (len(last), len(last) - len(valid))
        assert row.prompts == len({r.sample_id for r in last.values()})
        assert row.doom_rate.n == row.accuracy.n == len(valid)
        if valid:
            hits = [[r.outcome == "doom" for r in found] for found in prompts.values()]
            rate = clustered_rate(hits)
            assert (row.doom_rate.value, row.doom_rate.low) == pytest.approx(rate[:2], abs=1e-12)
        repeated = [found for found in prompts.values() if len(found) > 1]
        flipped = sum(len({r.outcome for r in found}) > 1 for found in repeated)
        assert row.flip_rate.value == (flipped / len(repeated) if repeated else None)
        stopped = [r for r in valid if r.generation.finish == "loop"]
        assert row.early_stopped == len(stopped)
        assert row.audited == sum(int(r.key) % 2 for r in stopped)


def goes_round(key: str) -> Record:
    """Return an output that goes round at its end, and may have ended there by itself."""
    made = record(key, "circular", level="circular", onset=1, finish="unknown")
    return msgspec.structs.replace(made, outcome="unknown")


def test_what_ended_nobody_knows_why_enters_only_the_rates_of_its_end() -> None:
    row = one(
        [
            record("d", "doom", level="verbatim", onset=1, finish="unknown"),
            # It goes round at its end, and may have ended there.
            goes_round("g"),
            *(record(f"u{i}", "unknown", finish="unknown") for i in range(3)),
            record("c"), record("r", "recovered", level="verbatim", onset=1),
            record("t", "truncated"), record("l", "doom", level="counter", onset=1),
            record("e", "error"),
        ]
    )  # fmt: skip
    assert (row.n, row.n_error) == (10, 1)
    assert (row.n_unknown, row.stuck_unknown, row.round_unknown) == (4, 1, 1)
    assert (row.stuck_rate.value, row.stuck_rate.n) == (2 / 9, 9)
    assert (row.doom_rate.value, row.circular_rate.value) == (2 / 9, 0)
    assert row.circular_rate.n == 4
    assert (row.unknown_rate.value, row.unknown_rate.n) == (4 / 9, 9)
    assert (row.recovered_rate.value, row.recovered_rate.n) == (1 / 4, 4)
    assert (row.truncated_rate.value, row.truncated_rate.n) == (1 / 4, 4)


def test_repeats_that_ended_nobody_knows_why_flip_nothing() -> None:
    def repeats(*finishes: str) -> list[Record]:
        return [
            record(f"k{i}", "unknown" if finish == "unknown" else "clean", finish=finish,
                   sample="s", repeat=i)
            for i, finish in enumerate(finishes)
        ]  # fmt: skip

    assert one(repeats("unknown", "unknown")).flip_rate == NO_RATE
    assert one(repeats("unknown", "stop")).flip_rate == NO_RATE
    assert one(repeats("unknown", "stop", "stop")).flip_rate.value == 0.0
