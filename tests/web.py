#!/usr/bin/env python3
"""The web page in a real browser, on a cluster of daemons of its own: what a user does there, with screenshots.

    tests/web.py [--prun BINARY] [--screenshots DIRECTORY]

Needs Playwright (PyPI) and Debian's Chromium. Ends with a line of what passed; exit code 1 when something did not.
"""

import argparse
import contextlib
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from playwright.sync_api import expect

import browser

TOP = pathlib.Path(__file__).resolve().parent.parent
RANKS = """#!/bin/bash
#SBATCH --job-name=ranks
#SBATCH --ntasks=4
#SBATCH --output=ranks.out
echo the script begins
srun bash -c 'for i in 1 2 3; do echo "line $i of rank $SLURM_PROCID"; sleep 0.2; done; exec sleep 300'
"""


@contextlib.contextmanager
def cluster(prun):
    """Three nodes of two CPUs with a page; gives the directory and the page's address."""
    work = pathlib.Path(tempfile.mkdtemp(prefix="prun-web-"))
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PRUN_", "SLURM_", "SBATCH_"))}
    env["PRUN_DIR"] = str(work / "home")
    for name in ("job.sh", "test.py"):
        shutil.copy(TOP / "examples/jobs" / name, work / name)
    (work / "ranks.sh").write_text(RANKS)
    try:
        up = subprocess.run([prun, "up", "--local", "3x2:1000", "--web=127.0.0.1:0"], cwd=work, env=env, text=True,
                            capture_output=True)
        assert up.returncode == 0, up.stderr
        address = up.stderr.split("page: ")[1].strip()
        yield work, address, env
    finally:
        subprocess.run([prun, "down", "--purge"], cwd=work, env=env, check=False)
        shutil.rmtree(work, ignore_errors=True)


class Page:
    """The page, and pictures of it."""

    def __init__(self, page, address, pictures):
        self.page, self.address, self.pictures = page, address, pictures
        self.complaints = []
        page.set_default_timeout(20000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        # What the server refuses, or that it is away, is shown by the page; browsers say it once more.
        page.on("console", lambda said: said.type == "error" and "Failed to load resource" not in said.text
                and self.complaints.append(said.text))
        page.on("dialog", lambda dialog: dialog.accept())

    def picture(self, name):
        if self.pictures:
            self.pictures.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True)

    def without_complaints(self, step):
        """The same step, which fails when the browser complains meanwhile."""
        @functools.wraps(step)
        def run(*values):
            self.complaints.clear()
            step(*values)
            assert not self.complaints, self.complaints
        return run

    def tab(self, name):
        self.page.get_by_role("tab", name=name).click()

    def row(self, name, table="queue-rows"):
        return self.page.locator(f"#{table} tr", has_text=name)


def lets_in_who_has_the_token(web, work, env):
    web.page.goto(web.address.split("#")[0])
    expect(web.page.get_by_label("Token")).to_be_focused()
    web.page.get_by_label("Token").fill("0" * 48)
    web.page.keyboard.press("Enter")
    expect(web.page.locator("#login-error")).to_have_text("the token is missing or wrong")
    web.page.get_by_label("Token").fill(web.address.split("token=")[1])
    web.page.keyboard.press("Enter")
    expect(web.page.locator("#link")).to_have_text("live")


def shows_the_nodes(web, work, env):
    web.page.goto(web.address)
    web.page.reload()
    expect(web.page.locator("#nodes li")).to_have_count(3)
    expect(web.page.locator(".cpu")).to_have_count(6)
    assert "token" not in web.page.url, "the token stays in the address"
    web.picture("idle")


def submits_a_file(web, work, env):
    web.tab("Submit")
    web.page.get_by_role("button", name="job.sh").click()
    expect(web.page.locator("#script")).to_have_value((work / "job.sh").read_text())
    web.picture("submit")
    web.page.get_by_role("button", name="Submit", exact=True).click()
    expect(web.page.locator("#submit-said")).to_contain_text("Submitted batch job")
    web.tab("Queue")
    expect(web.row("test")).to_contain_text("RUNNING")
    expect(web.page.locator(".cpu.held")).to_have_count(6)
    web.picture("running")
    expect(web.row("test")).to_have_count(0)
    web.tab("History")
    expect(web.row("test", "history-rows")).to_contain_text("COMPLETED")
    lines = (work / "result.out").read_text().splitlines()
    first = [line for line in lines if line.startswith("task ")]
    assert first == [f"task {rank} of 6 on slurmnode{rank // 2 + 1}" for rank in range(6)], lines


def shows_ranks_and_their_output(web, work, env):
    web.tab("Submit")
    web.page.get_by_role("button", name="Clear").click()
    web.page.get_by_label("Script").fill(RANKS)
    web.page.get_by_role("button", name="Submit", exact=True).click()
    web.page.locator("#submit-said button").click()
    details = web.page.locator("#details")
    expect(details).to_contain_text("· ranks")
    expect(details.locator(".rank")).to_have_count(4)
    expect(web.page.locator("#output")).to_contain_text("the script begins")
    source = web.page.locator("#output-source")
    # The labels name the step whose number the controller gave.
    all_ranks = source.locator("option", has_text="all ranks").get_attribute("value")
    source.select_option(all_ranks)
    for rank in range(4):
        expect(web.page.locator("#output")).to_contain_text(f"{rank}: line 3 of rank {rank}")
    source.select_option(all_ranks + "?rank=2")
    expect(web.page.locator("#output")).to_have_text("".join(f"line {line} of rank 2\n" for line in (1, 2, 3)))
    web.picture("details")


def holds_releases_and_cancels(web, work, env):
    web.tab("Submit")
    web.page.get_by_label("Script").fill("#!/bin/bash\n#SBATCH -n 6 -J waits -o /dev/null\nsleep 300\n")
    web.page.get_by_role("button", name="Submit", exact=True).click()
    web.tab("Queue")
    waits = web.row("waits")
    expect(waits).to_contain_text("(Resources)")
    waits.get_by_role("button", name="hold").click()
    expect(waits).to_contain_text("JobHeld")
    web.picture("held")
    waits.get_by_role("button", name="release").click()
    expect(waits).not_to_contain_text("JobHeld")
    waits.get_by_role("button", name="cancel").click()
    expect(waits).to_have_count(0)
    web.row("ranks").get_by_role("button", name="cancel").click()
    expect(web.row("ranks")).to_have_count(0)
    web.tab("History")
    expect(web.row("ranks", "history-rows")).to_contain_text("CANCELLED")
    web.picture("history")


def says_what_is_wrong_with_a_script(web, work, env):
    web.tab("Submit")
    web.page.get_by_label("Script").fill("#!/bin/bash\n#SBATCH --ntasks=never\n")
    web.page.get_by_role("button", name="Submit", exact=True).click()
    expect(web.page.locator("#submit-said .error")).to_contain_text("sbatch: error: Invalid numeric value")
    web.page.get_by_label("Script").fill("#!/bin/bash\n#SBATCH --nodes=9\ntrue\n")
    web.page.get_by_role("button", name="Submit", exact=True).click()
    expect(web.page.locator("#submit-said .error")).to_contain_text("Batch job submission failed")


def shows_names_as_text(web, work, env):
    web.page.get_by_label("Script").fill("#!/bin/bash\n#SBATCH -J <img/src=x/onerror=alert(1)> -o /dev/null\nsleep 300\n")
    web.page.get_by_role("button", name="Submit", exact=True).click()
    web.tab("Queue")
    expect(web.row("<img/src=x")).to_have_count(1)
    web.row("<img/src=x").get_by_role("button", name="cancel").click()
    expect(web.row("<img/src=x")).to_have_count(0)


def works_by_keys_alone(web, work, env):
    subprocess.run([work / "home/bin/sbatch", "ranks.sh"], cwd=work, check=True, capture_output=True,
                   env=env | {"PRUN_CONTROLLER": f"unix:{work}/home/controller/socket"})
    expect(web.row("ranks")).to_contain_text("RUNNING")
    tab = web.page.get_by_role("tab", name="Queue")
    tab.focus()
    web.page.keyboard.press("End")
    expect(web.page.get_by_role("tab", name="Submit")).to_be_focused()
    web.page.keyboard.press("Home")
    expect(tab).to_be_focused()
    link = web.row("ranks").locator(".link")
    for _ in range(10):
        web.page.keyboard.press("Tab")
        if link.evaluate("element => element === document.activeElement"):
            break
    web.page.keyboard.press("Enter")
    expect(web.page.locator("#details")).to_be_focused()
    expect(web.page.locator("#details .rank")).to_have_count(4)
    # A picture with the dark colours, of a page that is busy.
    web.page.emulate_media(color_scheme="dark")
    expect(web.page.locator("body")).to_have_css("background-color", "rgb(18, 22, 27)")
    web.picture("dark")
    web.page.emulate_media(color_scheme="light")
    web.page.keyboard.press("Escape")
    expect(web.page.locator("#details")).to_be_hidden()


def goes_on_when_the_controller_has_been_away(web, work, env):
    subprocess.run([env["PRUN"], "down"], cwd=work, env=env, check=True)
    port = web.address.split(":")[2].split("/")[0]
    expect(web.page.locator("#link")).to_have_class("lost")
    again = subprocess.run([env["PRUN"], "up", f"--web=127.0.0.1:{port}"], cwd=work, env=env, check=True, text=True,
                           capture_output=True)
    assert web.address in again.stderr, "the token has changed"
    expect(web.page.locator("#link")).to_have_text("live")
    expect(web.page.locator("#nodes .state", has_text="IDLE")).to_have_count(3)


STEPS = [lets_in_who_has_the_token, shows_the_nodes, submits_a_file, shows_ranks_and_their_output,
         holds_releases_and_cancels, says_what_is_wrong_with_a_script, shows_names_as_text, works_by_keys_alone,
         goes_on_when_the_controller_has_been_away]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--prun", default=str(TOP / "target/debug/prun"))
    options.add_argument("--screenshots", type=pathlib.Path)
    options = options.parse_args()
    with cluster(options.prun) as (work, address, env), browser.context() as context:
        env["PRUN"] = options.prun
        web = Page(context.new_page(), address, options.screenshots)
        failures = browser.run([web.without_complaints(step) for step in STEPS], web, work, env,
                               after_failure=lambda step: web.picture(f"failed-{step.__name__}"))
    sys.exit(failures)


if __name__ == "__main__":
    main()
