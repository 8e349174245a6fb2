"""The leaderboard's pages: complete, escaped, sortable and filterable in a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from browser import chromium, complaints, open_page
from click.testing import CliRunner
from runs import mixed, observed, records
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from loopbench.cli.app import cli
from loopbench.errors import RunError
from loopbench.leaderboards import entries, site
from loopbench.leaderboards.elsewhere import elsewhere
from loopbench.report.runs import Loaded
from loopbench.results.summary import NO_RATE

EVIL = "<script>alert(1)</script>|[x](http://y)"


def kept(
    name: str, dooms: int, circles: int = 0, *, model: str = "a", quantization: str = "Q4_0"
) -> entries.Kept:
    """Return an entry of made-up outcomes on two tasks."""
    outcomes = [*mixed(dooms, 20 - circles), *["circular"] * circles]
    made = [
        *records(outcomes, model=model),
        *records(outcomes, model=model, task="tool_call", category="tools", scores=[1] * 20),
    ]
    header = observed(made).header
    info = msgspec.structs.replace(
        header.models[0], quantization=quantization, parameters=dooms * 10**8
    )
    header = msgspec.structs.replace(header, models=[info])
    run = Loaded(name=name, header=header, records=made, audits=[])
    return entries.Kept(entry=entries.computed(run, name, "a laptop", EVIL), run=run)


BOARD = [kept("one", 2), kept("two", 18, model="b"), kept("three", 8, model=EVIL, quantization="F")]


@pytest.mark.slow
def test_the_site_has_a_page_per_task_and_a_report_per_entry(tmp_path: Path) -> None:
    paths = site.build(BOARD, tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in paths} == {
        "index.html",
        "task-chain_sum.html",
        "task-tool_call.html",
        "leaderboard.md",
        "reports/one.html",
        "reports/two.html",
        "reports/three.html",
    }
    assert 'href="reports/two.html"' in (tmp_path / "index.html").read_text()
    assert "Doom loops in tool_call" in (tmp_path / "task-tool_call.html").read_text()


def test_names_are_escaped_and_published_numbers_stand_apart() -> None:
    page = site.page([one.entry for one in BOARD], ["chain_sum"], reports=False)
    assert "<script>alert" not in page
    assert page.index("Reported elsewhere, other definition") > page.index("</table>")
    assert all(one.source in page for one in elsewhere())
    assert "reports/" not in page


def test_rules_have_a_column_only_where_they_differ() -> None:
    same = [one.entry for one in BOARD]
    page = site.page(same, [], reports=False)
    assert ">rules</button>" not in page
    assert f"Rules: {', '.join(f'{n} v{v}' for n, v in same[0].detectors.items())}." in page
    older = msgspec.structs.replace(same[1], detectors={"suffix": 0})
    page = site.page([same[0], older], [], reports=False)
    assert ">rules</button>" in page
    assert "<small>suffix v0</small>" in page
    assert "Rules:" not in page


def test_stuck_outputs_decide_about_the_rank_and_doom_about_a_tie() -> None:
    board = [
        kept("few", 6, model="doomed"),
        kept("many", 5, 3, model="circling"),
        kept("tie", 2, 6, model="tied"),
    ]
    shown = [one.entry for one in board]
    page = site.page(shown, [], reports=False)
    places = [page.index(f'data-value="{name}"') for name in ("circling", "tied", "doomed")]
    assert places == sorted(places)
    titles = re.findall(r'<button type="button">([^<]+)</button>', page)
    rates = titles[titles.index("n") + 1 : titles.index("budget")]
    assert rates == [
        "stuck %", "corr. stuck", "doom %", "corr. doom", "verb. %", "count. %", "circ. %",
        "trunc. %", "tools",
    ]  # fmt: skip
    assert page.index("aria-sort") < page.index("stuck %</button>") < page.index("doom %</button>")
    head, _, *lines = site.markdown(shown).splitlines()
    assert head.endswith("| n | stuck % | doom % | circ. % | accuracy % | extract F1 | tools |")
    cells = [cell.partition(" ")[0] for cell in lines[0].strip("| ").split(" | ")]
    assert (cells[0], cells[7:10]) == ("circling", ["40.0", "25.0", "15.0"])
    assert [line.split(" | ")[0] for line in lines[1:3]] == ["| tied", "| doomed"]


def test_corrected_rates_are_shown_where_there_was_an_audit() -> None:
    entry = kept("one", 4, 4).entry
    none = {"corrected_doom_rate": NO_RATE, "corrected_stuck_rate": NO_RATE}
    rows = [msgspec.structs.replace(row, **none) for row in entry.rows]
    assert "corr. " in site.page([entry], [], reports=False)
    entry = msgspec.structs.replace(entry, rows=rows)
    assert "corr. " not in site.page([entry], [], reports=False)


def test_the_markdown_table_ranks_by_stuck_rate() -> None:
    lines = site.markdown([one.entry for one in BOARD]).splitlines()
    assert lines[2].startswith("| b | 1,800M |")
    assert "90.0" in lines[2]
    assert "\\|" in lines[3]
    assert "<script>" not in lines[3].replace("\\<", "")
    assert lines[4].startswith("| a | 200M |")


def test_a_quantisation_is_named_once() -> None:
    entry = kept("four", 4, model="m-q4_0").entry
    assert "| m | 400M | Q4\\_0 |" in site.markdown([entry])
    other = kept("five", 4, model="m-q8_0").entry
    assert "| m-q8\\_0 | 400M | Q4\\_0 |" in site.markdown([other])


def test_a_task_name_is_no_path() -> None:
    assert site._task_file("../../etc/x") == "task-------etc-x.html"


def test_building_from_nothing_or_from_edited_numbers_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["leaderboard", "build", "--folder", str(tmp_path)])
    assert isinstance(result.exception, RunError)
    assert "has no entries" in str(result.exception)
    entries.write(tmp_path, BOARD[0])  # made up: its keys are not its own
    result = CliRunner().invoke(cli, ["leaderboard", "build", "--folder", str(tmp_path)])
    assert "do not follow from their records" in str(result.exception)


def models(browser: Any) -> list[str]:
    rows = browser.find_elements(By.CSS_SELECTOR, "#board tbody tr:not([hidden])")
    return [row.find_element(By.CSS_SELECTOR, "td").text for row in rows]


@pytest.mark.slow
def test_it_sorts_and_filters_in_a_browser(tmp_path: Path) -> None:
    site.build(BOARD, tmp_path / "site", reports=False)
    with chromium(tmp_path / "profile") as browser:
        open_page(browser, tmp_path / "site" / "index.html")
        assert models(browser) == ["b", EVIL, "a"]
        heads = browser.find_elements(By.CSS_SELECTOR, "#board th button")
        heads[0].click()
        assert models(browser) == [EVIL, "a", "b"]
        heads[1].click()
        assert models(browser) == ["b", EVIL, "a"]
        heads[1].click()
        assert models(browser) == ["a", EVIL, "b"]
        assert (
            browser.find_element(By.CSS_SELECTOR, "th[aria-sort]").get_attribute("aria-sort")
            == "ascending"
        )
        field = browser.find_element(By.CSS_SELECTOR, "[data-field=quantization]")
        Select(field).select_by_visible_text("Q4_0")
        assert models(browser) == ["a", "b"]
        size = browser.find_element(By.CSS_SELECTOR, "[data-field=size]")
        Select(size).select_by_visible_text("1B to 3B")
        assert models(browser) == ["b"]
        assert browser.find_element(By.ID, "count").text == "1 of 3"
        browser.find_element(By.LINK_TEXT, "tool_call").click()
        assert browser.current_url.endswith("task-tool_call.html")
        assert len(models(browser)) == 3
        assert complaints(browser) == []
