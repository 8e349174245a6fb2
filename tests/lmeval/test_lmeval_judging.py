"""What is said about a response, with and without its origin."""

from __future__ import annotations

import pytest
from toy import CIRCULAR

from loopbench.detectors.parts.tokens import FALLBACK
from loopbench.lmeval.judging import (
    OUTCOMES_OF,
    TEXT_RATES,
    Judgement,
    budget_of,
    judge_response,
    rates,
)
from loopbench.lmeval.output import Origin, Response

LOOP = [7, 8] * 100


def output(text: str, ids: list[int] | None = None, finish="length", **more) -> Response:
    return Response("cut", Origin(text=text, finish=finish, raw_finish="", token_ids=ids, **more))


@pytest.mark.parametrize(
    ("finish", "outcome"),
    [("length", "doom"), ("loop", "doom"), ("stop", "recovered"), ("error", "error"),
     ("unknown", "doom"), (None, "doom")],
)  # fmt: skip
def test_the_raw_output_is_judged_not_what_was_left_of_it(finish, outcome) -> None:
    judgement = judge_response(output("so it " * 100, LOOP, finish))
    assert (judgement.outcome, judgement.tokenization) == (outcome, "given")
    assert (judgement.period, judgement.tokens) == (None if finish == "error" else 2, 200)


def test_counts_are_seen_by_the_text_of_each_token() -> None:
    pieces = [piece for i in range(100, 200) for piece in (str(i), ", ")]
    ids = [hash(piece) % 1000 for piece in pieces]
    judgement = judge_response(output("".join(pieces), ids, token_chars=list(map(len, pieces))))
    assert (judgement.outcome, judgement.level) == ("doom", "counter")


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("so it goes, " * 60, "doom"), ("so it goes, " * 60 + "until it ends.", "unknown"),
     ("It is 7.", "unknown"), ("", "unknown"), (CIRCULAR, "unknown")],
)  # fmt: skip
def test_a_text_alone_does_not_tell_how_it_ended(text: str, outcome) -> None:
    judgement = judge_response(text)
    assert (judgement.outcome, judgement.finish) == (outcome, "unknown")
    assert judgement.tokenization == FALLBACK


@pytest.mark.parametrize(
    ("finish", "outcome"),
    [("length", "circular"), ("loop", "circular"), ("stop", "clean"), ("unknown", "unknown")],
)
def test_an_output_that_ended_by_itself_is_not_circular(finish, outcome) -> None:
    judgement = judge_response(output(CIRCULAR, finish=finish))
    assert (judgement.outcome, judgement.finish) == (outcome, finish)
    assert judgement.level == ("circular" if outcome == "circular" else None)


def test_a_text_that_left_a_loop_and_then_goes_round_is_circular() -> None:
    text = "so it goes, " * 60 + CIRCULAR
    assert judge_response(output(text)).outcome == "circular"
    assert judge_response(text).outcome == "unknown"
    assert judge_response(output(text, finish="stop")).outcome == "recovered"


def test_a_server_that_tells_the_finish_but_no_ids() -> None:
    assert judge_response(output("It is 7.", finish="stop")).outcome == "clean"
    assert judge_response(output("It is 7.", finish="length")).outcome == "truncated"


def said(outcome, finish="stop") -> Judgement:
    return Judgement(
        outcome=outcome, finish=finish, raw_finish="", level=None, detector=None, period=None,
        repeats=None, onset=None, tokens=1, tokenization="given",
    )  # fmt: skip


def test_rates_average_repeats_first_and_leave_failures_out() -> None:
    found = rates(
        [(0, said("doom")), (0, said("clean")), (1, said("clean")), (1, said("error")),
         (2, said("truncated"))]
    )  # fmt: skip
    assert found["doom_rate"].value == pytest.approx(0.5 / 3)
    # Sample standard deviation of 0.5, 0, 0 over the root of 3.
    assert found["doom_rate"].stderr == pytest.approx(1 / 6)
    assert found["truncated_rate"].value == pytest.approx(1 / 3)
    assert found["doom_rate"].n == 4


def test_recovered_and_truncated_are_rates_of_what_ended_for_a_known_reason() -> None:
    untold = [(0, said("doom", "unknown")), (0, said("unknown", "unknown"))]
    found = rates([*untold, (1, said("recovered"))])
    assert {name: (mean.value, mean.n) for name, mean in found.items()} == {
        "stuck_rate": (0.25, 3), "doom_rate": (0.25, 3), "circular_rate": (0, 1),
        "recovered_rate": (1, 1), "truncated_rate": (0, 1),
    }  # fmt: skip
    assert rates(untold)["recovered_rate"] == rates(untold)["truncated_rate"] == (None, None, 0)
    assert rates([])["doom_rate"] == (None, None, 0)
    assert rates([(0, said("error"))])["doom_rate"].value is None
    assert rates([(0, said("doom"))])["doom_rate"].stderr is None


def test_stuck_is_doom_and_circular_together() -> None:
    found = rates([(i, said(o)) for i, o in enumerate(("doom", "circular", "truncated", "clean"))])
    values = {name: mean.value for name, mean in found.items()}
    assert values["stuck_rate"] == values["doom_rate"] + values["circular_rate"] == 0.5
    assert values["truncated_rate"] == 0.25
    # Two responses to one document.
    assert rates([(0, said("doom")), (0, said("circular"))])["stuck_rate"] == (1, None, 2)


def test_what_a_text_alone_gives_is_what_its_end_says() -> None:
    # What goes round at its end may have ended by itself.
    assert set(TEXT_RATES) == {n for n, of in OUTCOMES_OF.items() if "doom" in of}


def test_the_budget_has_several_names() -> None:
    assert budget_of({}, 256) == 256
    assert budget_of({"max_tokens": 9, "max_gen_toks": 7}, 256) == 7
    assert budget_of({"max_new_tokens": "12"}, 256) == 12
    assert budget_of({"max_gen_toks": None}, 5) == 5
