"""A headless Chromium for the tests of pages."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service


@contextlib.contextmanager
def chromium(profile: Path, *, width: int = 1280, height: int = 900) -> Iterator[Any]:
    """Start a browser; a system without one fails the test with what to install.

    Selenium looks for a browser of its own where the system's package manager gave none.
    """
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",  # tests run as root in containers; pages are our own
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
        f"--window-size={width},{height}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary:
        options.binary_location = binary
    try:
        browser = webdriver.Chrome(options=options, service=Service(driver) if driver else None)
    except Exception as error:
        raise AssertionError(
            "The tests of pages need Chromium and its driver: "
            "apt-get install chromium chromium-driver, or deselect them with -m 'not slow'."
        ) from error
    try:
        yield browser
    finally:
        browser.quit()


def open_page(browser: Any, path: Path) -> None:
    """Open a file, and drop what earlier pages logged."""
    browser.get_log("browser")
    browser.get(path.as_uri())


def complaints(browser: Any) -> list[str]:
    """Return what the console says since the page was opened: errors and refused content."""
    return [entry["message"] for entry in browser.get_log("browser")]
