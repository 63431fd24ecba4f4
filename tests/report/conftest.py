"""A real Chromium, headless, that may reach nothing but the page itself."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from phasegrok.report import write
from tests.report.stores import FOUR_AXES, invented

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

# Opens a page at an address, in a browser of these options, and closes it.
Open = Callable[..., AbstractContextManager[Any]]


def until(page: Any, true: str, argument: Any = None) -> None:
    """Wait until an expression is true in the page, whose policy forbids Playwright's own way."""
    for _ in range(3600):
        if page.evaluate(true, argument):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"still not {true}")


@pytest.fixture(scope="package")
def browser(require: Any) -> Iterator[Any]:
    require("chromium", CHROMIUM, "apt-get install -y chromium")
    from playwright.sync_api import sync_playwright

    # Closed before the next package's tests, which may fork.
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any) -> Open:
    """`with opened(address, color_scheme="dark") as page`: ready, or the test fails.

    It fails too if the page asked anything of anyone (its own server excepted), or if the
    console said anything worse than a log that does not match `expected`.
    """

    @contextmanager
    def open_page(address: str, **options: Any) -> Iterator[Any]:
        expected = re.compile(options.pop("expected", "(?!)"))
        context = browser.new_context(viewport=options.pop("viewport", SCREEN), **options)
        page, faults = context.new_page(), []
        page.set_default_timeout(180_000)

        def asked(route: Any) -> None:
            url = route.request.url
            own = url.split("#")[0] == address.split("#")[0] or (
                address.startswith("http") and url.startswith(address.partition("#")[0])
            )
            if own:
                route.continue_()
            else:
                faults.append(f"asked for {url}")
                route.abort()

        page.route("**/*", asked)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: said.type in ("error", "warning")
                and not expected.search(said.text) and faults.append(said.text))  # fmt: skip
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        yield page
        context.close()
        assert not faults

    return open_page


SCREEN = {"width": 1366, "height": 900}


@pytest.fixture(scope="package")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of 4 x 3 cells."""
    return write(invented(tmp_path_factory.mktemp("small") / "store"))


@pytest.fixture(scope="package")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a sweep over four axes, with zero on a log axis and names on another."""
    return write(invented(tmp_path_factory.mktemp("large") / "store", *FOUR_AXES))
