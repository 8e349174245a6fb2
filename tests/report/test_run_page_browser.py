"""The report in a real browser: it opens, filters, highlights, and survives hostile text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from browser import chromium, complaints, open_page
from going_round import CIRCULAR, circular
from looping_runs import COUNTER, HOSTILE, VERBATIM, few, said, write
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from loopbench.report.run_charts import charts_of
from loopbench.report.run_page import run_page
from loopbench.report.runs import load, series_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Callable[..., Any]:
    """Open the report of some records."""

    def shown(records: list[Any], **options: Any) -> Any:
        runs = [load(write(tmp_path / "run", records))]
        series = series_of(runs)
        charts = charts_of(series) if options.pop("charts", False) else []
        page = tmp_path / "report.html"
        page.write_text(run_page(runs, series, charts, **options), encoding="utf-8")
        open_page(browser, page)
        return browser

    return shown


def text_of(browser: Any, selector: str) -> str:
    return browser.execute_script(
        "return document.querySelector(arguments[0])?.textContent ?? ''", selector
    )


def count(browser: Any, selector: str) -> int:
    return len(browser.find_elements(By.CSS_SELECTOR, selector))


def until(browser: Any, condition: Callable[[], bool]) -> None:
    WebDriverWait(browser, 20, poll_frequency=0.02).until(lambda _: condition())


def choose(browser: Any, field: str, value: str) -> None:
    Select(browser.find_element(By.ID, field)).select_by_value(value)


def test_it_opens_without_a_complaint_and_asks_nobody(show: Callable[..., Any]) -> None:
    page = show(few(), charts=True)
    assert "Doom loops of a" in page.title
    assert count(page, "figure.chart svg") == 6
    assert text_of(page, "#count") == "5 of 5"
    assert complaints(page) == []
    asked = page.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert asked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window_and_ink_differs_from_paper(
    show: Callable[..., Any], scheme: str, width: int
) -> None:
    page = show(few(), charts=True)
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
        paper, ink = page.execute_script(
            "const s = getComputedStyle(document.body), "
            "t = getComputedStyle(document.querySelector('figure svg text'));"
            "return [s.backgroundColor, t.fill]"
        )
        light = [sum(map(int, re.findall(r"\d+", colour)[:3])) > 384 for colour in (paper, ink)]
        assert light == ([True, False] if scheme == "light" else [False, True])
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_it_prints_dark_on_white_whatever_the_screen(show: Callable[..., Any]) -> None:
    page = show(few(), charts=True)
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    try:
        ink = page.execute_script(
            "return getComputedStyle(document.querySelector('figure svg text')).fill"
        )
        assert sum(map(int, re.findall(r"\d+", ink)[:3])) < 384
        assert not page.find_element(By.ID, "list").is_displayed()
        assert page.find_element(By.CSS_SELECTOR, "pre.out").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def test_filters_by_outcome_task_and_text(show: Callable[..., Any]) -> None:
    page = show(few())
    choose(page, "by-outcome", "doom")
    assert text_of(page, "#count") == "2 of 5"
    choose(page, "by-task", "tool_call")
    assert text_of(page, "#count") == "1 of 5"
    choose(page, "by-outcome", "")
    choose(page, "by-task", "")
    page.find_element(By.ID, "search").send_keys("LILY LIES")
    until(page, lambda: text_of(page, "#count") == "1 of 5")
    assert page.execute_script("return CSS.highlights.get('found').size") > 2
    page.find_element(By.ID, "search").send_keys(" [never")
    until(page, lambda: text_of(page, "#count") == "0 of 5")
    assert "No output passes" in text_of(page, "#trace")
    assert complaints(page) == []


def test_the_loop_is_marked_tinted_and_folded(show: Callable[..., Any]) -> None:
    page = show(few())
    choose(page, "by-outcome", "doom")
    assert "token 6" in text_of(page, ".onset")
    assert text_of(page, ".loop .a").strip(", ") == "so it goes"
    assert count(page, ".loop .a, .loop .b") == 4
    assert "× 57 more repeats" in text_of(page, ".fold")
    page.find_element(By.CSS_SELECTOR, ".fold").click()
    assert count(page, ".loop .a, .loop .b") == 61  # the last one is cut
    assert text_of(page, ".loop") == VERBATIM.removeprefix("We try this.")


def test_a_counting_loop_is_cut_where_its_lines_begin(show: Callable[..., Any]) -> None:
    page = show(few())
    choose(page, "by-task", "tool_call")
    page.execute_script("document.querySelector('.fold').click()")
    parts = page.execute_script(
        "return [...document.querySelectorAll('.loop > span')].map(e => e.textContent)"
    )
    assert "31. Lily lies.\n" in parts
    assert "".join(parts) == COUNTER[COUNTER.index("".join(parts)[:9]) :]


def test_a_circular_stretch_is_tinted_to_its_end_and_one_round_is_marked(
    show: Callable[..., Any],
) -> None:
    record = circular()
    verdict = record.verdicts[-1]
    page = show([few()[0], record, *few()[1:]])
    # The first stuck output is open.
    assert text_of(page, "[aria-selected=true]").startswith("circular")
    choose(page, "by-outcome", "circular")
    assert text_of(page, "#count") == "1 of 6"
    assert text_of(page, "pre .onset").endswith(f"goes round from about token {verdict.onset}")
    assert text_of(page, ".loop .turn").endswith(f"about one round · {verdict.period} tokens")
    before, last_round = page.execute_script(
        "return [...document.querySelectorAll('.loop > .a, .loop > .b')].map(e => e.textContent)"
    )
    assert CIRCULAR.endswith(before + last_round)
    assert len(last_round) < len(before)
    assert count(page, ".fold") == 0
    again = f"{100 * verdict.score:.0f} % of the last words said again · circular v"
    assert f"about {verdict.period} tokens a round · {again}" in text_of(page, "#trace")
    tints = page.execute_script(
        "return ['.a', '.b'].map(c => getComputedStyle("
        "document.querySelector('.loop ' + c)).backgroundColor)"
    )
    assert len({*tints, "rgba(0, 0, 0, 0)"}) == 3
    assert complaints(page) == []


def test_no_two_outcomes_have_the_same_dot(show: Callable[..., Any]) -> None:
    page = show([*few(), circular()])
    dots = page.execute_script(
        "return [...document.querySelectorAll('th .dot')].map(e => {"
        "const s = getComputedStyle(e); return [s.backgroundColor, s.borderTopColor]})"
    )
    assert len(dots) == len(set(map(tuple, dots))) == 5
    clean, recovered, doom, circular_, truncated = dots
    hollow = "rgba(0, 0, 0, 0)"
    # By hue and by shape: a ring has the colour of the kind that it belongs to.
    assert recovered == [hollow, clean[1]]
    assert circular_ == [hollow, doom[1]]
    assert hollow not in (clean[0], doom[0], truncated[0])


def test_keys_move_search_and_unfold(show: Callable[..., Any]) -> None:
    page = show(few())
    body = page.find_element(By.TAG_NAME, "body")
    # The first doomed output is open.
    assert "verbatim loop" in text_of(page, "#trace")
    body.send_keys("j")
    assert "counter loop" in text_of(page, "#trace")
    body.send_keys("k")
    assert "verbatim loop" in text_of(page, "#trace")
    body.send_keys("u")
    assert count(page, ".loop > span") == 61
    body.send_keys("u")
    assert count(page, ".fold") == 1
    body.send_keys("/")
    assert page.switch_to.active_element.get_attribute("id") == "search"
    page.switch_to.active_element.send_keys("jk")
    until(page, lambda: text_of(page, "#count") == "0 of 5")
    page.switch_to.active_element.send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.BACKSPACE)
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    until(page, lambda: text_of(page, "#count") == "5 of 5")
    assert page.switch_to.active_element.get_attribute("id") == "list"
    for key, position in ((Keys.END, 5), (Keys.ARROW_UP, 4), (Keys.HOME, 1), (Keys.ARROW_DOWN, 2)):
        page.switch_to.active_element.send_keys(key)
        selected = page.find_element(By.CSS_SELECTOR, "[aria-selected=true]")
        assert selected.get_attribute("aria-posinset") == str(position)
        active = page.find_element(By.ID, "list").get_attribute("aria-activedescendant")
        assert active == selected.get_attribute("id")


def test_hostile_text_is_text(show: Callable[..., Any]) -> None:
    record = said("evil", HOSTILE, prompt=HOSTILE, sample_id=HOSTILE, task="<b>t</b>")
    page = show([record], charts=True)
    assert page.execute_script("return window.hacked") is None
    assert count(page, "#trace img, #trace script, #trace b, .item b") == 0
    shown = text_of(page, "pre.out")
    assert "</script><script>window.hacked = 1</script><img src=x" in shown
    marks = [e.text for e in page.find_elements(By.CSS_SELECTOR, "pre.out .ctl")]
    assert marks == ["2028", "2029", "202E", "202C", "001B", "0000"]
    assert "{{ 7 * 7 }} \U0001f600" in shown
    assert complaints(page) == []


def test_a_line_of_five_megabytes_is_shown_in_parts(show: Callable[..., Any]) -> None:
    one = said("long", "x", finish="length")
    # One token: as many of one letter would be a loop.
    line = msgspec.structs.replace(one.generation, text="x" * 5_000_000, token_chars=[5_000_000])
    page = show([msgspec.structs.replace(one, generation=line)])
    assert len(text_of(page, "pre.out")) < 25_000
    button = page.find_element(By.CSS_SELECTOR, ".more")
    assert "4,980,000 more characters" in button.text
    page.execute_script("arguments[0].click()", button)
    assert 100_000 < len(text_of(page, "pre.out")) < 150_000
    page.find_element(By.ID, "search").send_keys("xxxxxxxx")
    until(page, lambda: text_of(page, "#count") == "1 of 1")
    assert complaints(page) == []


def test_of_thousands_of_outputs_only_the_visible_ones_exist(show: Callable[..., Any]) -> None:
    base = few()[:3]
    records = [
        msgspec.structs.replace(base[i % 3], key=str(i), sample_id=str(i)) for i in range(6000)
    ]
    page = show(records)
    assert text_of(page, "#count") == "6000 of 6000"
    assert 5 < count(page, ".item") < 40
    page.execute_script("document.getElementById('list').scrollTop = 4000 * 48")
    until(page, lambda: first_shown(page) == 3997)
    assert count(page, ".item") < 40
    page.find_element(By.ID, "list").send_keys(Keys.END)
    assert text_of(page, "[aria-selected=true]").startswith("doom")
    page.find_element(By.ID, "search").send_keys("lily")
    until(page, lambda: text_of(page, "#count") == "2000 of 6000")
    assert complaints(page) == []


def first_shown(page: Any) -> int:
    return page.execute_script(
        "return Number(document.querySelector('.item').getAttribute('aria-posinset'))"
    )
