"""The tutorial, step by step in a browser, as its reader goes: JupyterLab, a terminal, Slurm's panel, our page."""

import pathlib
import re

from playwright.sync_api import expect

import browser

TOP = pathlib.Path(__file__).resolve().parent.parent
LAB = "http://127.0.0.1:8888"


class Reader:
    """Who reads the tutorial: a browser, and pictures of what it shows."""

    def __init__(self, cluster, context):
        self.cluster = cluster
        self.lab = context.new_page()
        self.page = context.new_page()
        for page in (self.lab, self.page):
            page.set_default_timeout(30000)
            page.on("dialog", lambda dialog: dialog.accept())

    def picture(self, page, name):
        if self.cluster.screenshots:
            self.cluster.screenshots.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=self.cluster.screenshots / f"tutorial-{name}.png")

    def opens_the_lab(self):
        log = self.cluster.compose("logs", "slurmjupyter").stdout
        token = re.search(r"127\.0\.0\.1:8888/lab\?token=([0-9a-f]+)", log).group(1)
        self.lab.goto(f"{LAB}/lab?token={token}")
        self.lab.locator(".jp-LauncherCard", has_text="Slurm Dashboard").first.wait_for(timeout=60000)
        expect(self.lab.locator(".jp-LauncherCard", has_text="prun")).to_have_count(1)
        self.picture(self.lab, "1-launcher")

    def asks_for_the_nodes_in_a_terminal(self):
        self.lab.locator(".jp-LauncherCard", has_text="Terminal").click()
        screen = self.lab.locator(".jp-Terminal .xterm-screen")
        screen.click()
        self.lab.keyboard.type("scontrol show node | grep -E 'NodeName|State|Partitions' | tee seen\n")
        self.waits_for("the terminal's answer", "grep -c State=IDLE seen", "3")
        self.picture(self.lab, "2-terminal")

    def waits_for(self, what, script, expected):
        for _ in range(300):
            if self.cluster.shell("slurmjupyter", f"{script} 2>/dev/null || true").strip() == expected:
                return
            self.lab.wait_for_timeout(100)
        raise AssertionError(f"waited in vain for {what}")

    def writes_the_files(self):
        for name in ("test.py", "job.sh"):
            self.cluster.shell("slurmjupyter", f"cat >{name}", stdin=(TOP / "examples/jobs" / name).read_text())
        # A little longer than it is worth, so that there is something to see.
        self.cluster.shell("slurmjupyter", "sed -i 's/time.sleep(1)/time.sleep(12)/' test.py; rm -f result.out seen")

    def opens_the_panel(self):
        self.lab.keyboard.press("Control+Shift+L")
        self.lab.locator(".jp-LauncherCard", has_text="Slurm Dashboard").last.click()
        self.lab.locator("#jupyterlabSlurmWidget-tab-0").wait_for()

    def submits_on_the_page(self):
        self.page.goto(f"{LAB}/prun/")
        expect(self.page.locator("#nodes li")).to_have_count(3)
        self.page.get_by_role("tab", name="Submit").click()
        self.page.get_by_role("button", name="job.sh", exact=True).click()
        expect(self.page.locator("#script")).to_have_value(re.compile("srun python3"))
        self.picture(self.page, "3-submit")
        self.page.get_by_role("button", name="Submit", exact=True).click()
        expect(self.page.locator("#submit-said")).to_contain_text("Submitted batch job")

    def row(self, name):
        """A job's row in the panel, which asks again for it."""
        self.lab.bring_to_front()
        row = self.lab.locator("#jupyterlabSlurmWidget-tab-0 .ag-row", has_text=name)
        refresh = self.lab.locator("#jupyterlabSlurmWidget-tab-0 button[aria-label*='efresh']").first
        for _ in range(20):
            if row.count():
                return row
            if refresh.count():
                refresh.click()
            self.lab.wait_for_timeout(500)
        raise AssertionError(f"the panel does not show `{name}`")

    def sees_it_run_and_leave(self):
        queued = self.page.locator("#queue-rows tr", has_text="test")
        self.page.get_by_role("tab", name="Queue").click()
        expect(queued).to_contain_text("RUNNING")
        expect(self.page.locator(".cpu.held")).to_have_count(6)
        queued.locator(".link").click()
        expect(self.page.locator("#details .rank")).to_have_count(6)
        self.picture(self.page, "4-running")
        assert "RUNNING" in self.row("test").inner_text()
        self.picture(self.lab, "5-panel")
        self.page.bring_to_front()
        expect(queued).to_have_count(0, timeout=40000)
        self.page.get_by_role("tab", name="History").click()
        expect(self.page.locator("#history-rows tr", has_text="test").first).to_contain_text("COMPLETED")
        self.picture(self.page, "6-history")

    def reads_the_result(self):
        lines = self.cluster.shell("slurmjupyter", "cat result.out").splitlines()
        firsts = [line for line in lines if line.startswith("task ")]
        assert firsts == [f"task {rank} of 6 on slurmnode{rank // 2 + 1}" for rank in range(6)], lines
        assert len(lines) == 18, lines
        assert all(line.startswith(("task ", "  started", "  ran")) for line in lines), lines

    def cancels_another_in_the_panel(self):
        job = self.cluster.submit("forever", "#!/bin/bash\n#SBATCH -J forever -o /dev/null\nsleep 600\n")
        self.cluster.runs(job)
        self.row("forever").click()
        self.lab.locator("#jupyterlabSlurmWidget-tab-0 button", has_text="Cancel").click()
        self.cluster.ends(job, "CANCELLED")
        self.page.bring_to_front()
        expect(self.page.locator("#history-rows tr", has_text="forever")).to_contain_text("CANCELLED")

    def finds_the_page_among_the_tiles(self):
        self.lab.bring_to_front()
        self.lab.keyboard.press("Control+Shift+L")
        self.lab.locator(".jp-LauncherCard:visible", has_text="prun").click()
        inside = self.lab.frame_locator("iframe[src*='/prun/']")
        expect(inside.locator("#nodes li")).to_have_count(3)
        expect(inside.locator("#link")).to_have_text("live")
        self.picture(self.lab, "7-tile")


STEPS = ["opens_the_lab", "asks_for_the_nodes_in_a_terminal", "writes_the_files", "opens_the_panel",
         "submits_on_the_page", "sees_it_run_and_leave", "reads_the_result", "cancels_another_in_the_panel",
         "finds_the_page_among_the_tiles"]


def run(cluster):
    """All of it, on a cluster that is up; an exception for what is not as the tutorial says."""
    with browser.context() as context:
        reader = Reader(cluster, context)
        for step in STEPS:
            try:
                getattr(reader, step)()
            except Exception as error:
                reader.picture(reader.lab, f"failed-lab-{step}")
                reader.picture(reader.page, f"failed-page-{step}")
                raise AssertionError(f"{step}: {error}") from error
