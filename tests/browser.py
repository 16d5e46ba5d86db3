"""Debian's Chromium, headless, for the tests of pages."""

import contextlib
import shutil

from playwright.sync_api import sync_playwright

# The first for root, the others so that it looks up nothing elsewhere.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]


@contextlib.contextmanager
def context(**options):
    """A browser's profile that is forgotten afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield browser.new_context(viewport={"width": 1200, "height": 800}, color_scheme="light", **options)
        browser.close()


def run(steps, *values, after_failure=lambda step: None):
    """Runs functions one after the other, all of them; prints what passed, and gives the exit code."""
    passed, failed = 0, []
    for step in steps:
        name = step.__name__.replace("_", " ")
        try:
            step(*values)
            passed += 1
            print(f"pass {name}", flush=True)
        except Exception as error:  # The next steps tell more.
            after_failure(step)
            failed.append(name)
            print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
    print(f"{passed} passed, {len(failed)} failed")
    return int(bool(failed))
