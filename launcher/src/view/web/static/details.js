// One job: its facts, its steps and ranks over time, its output; as it goes.

import { at, el, fill } from "./dom.js";
import { clock, duration, elapsed, exit, isPending, number, setClock } from "./facts.js";
import { actsOf, stateOf } from "./jobs.js";
import { listen } from "./server.js";
import { drawTimeline } from "./timeline.js";
import { closeOutput, offerOutput } from "./output.js";

let watching = null;
let shown = null;

export const chosen = () => shown?.job_id ?? watching?.job ?? null;

// Shows a job from now on; `changed` is called when the choice changes.
export async function openJob(job, changed) {
  closeJob(changed);
  const abort = new AbortController();
  watching = { job, abort };
  at("details").hidden = false;
  at("details-title").textContent = `Job ${job}`;
  changed();
  at("details").focus();
  try {
    await listen(`jobs/${job}`, abort.signal, (name, data) => {
      if (watching?.abort !== abort) return;
      if (name === "over") return void (at("details-title").textContent += " · no news any more");
      setClock(data.now);
      shown = data;
      draw();
    });
  } catch (error) {
    if (!abort.signal.aborted) at("details-title").textContent = `Job ${job}: ${error.message}`;
  }
}

export function closeJob(changed) {
  watching?.abort.abort();
  [watching, shown] = [null, null];
  closeOutput();
  at("details").hidden = true;
  for (const part of ["details-facts", "timeline", "details-acts"]) at(part).replaceChildren();
  changed();
}

// What changes with the time alone.
export function tickJob() {
  if (shown && !shown.has_ended) draw();
}

function draw() {
  const job = shown;
  at("details-title").textContent = `Job ${job.shown_id} · ${job.name}`;
  fill(at("details-acts"), [job], () => "acts", () => el("span", {}, ...actsOf(job)));
  const facts = [
    ["State", stateOf(job)],
    ["Reason", job.state_reason],
    ["Exit code", job.has_ended ? exit(job.exit_code) : null],
    ["Nodes", job.nodes || null],
    ["CPUs", String(job.cpus.number)],
    ["Tasks", String(job.tasks.number)],
    ["Time", isPending(job) ? null : duration(elapsed(job))],
    ["Time limit", number(job.time_limit) === null ? null : limit(job)],
    ["Submitted", clock(job.submit_time.number)],
    ["Started", isPending(job) ? null : clock(job.start)],
    ["Ended", job.has_ended ? clock(job.end) : null],
    ["Waits for", job.dependency || null],
    ["Command", job.command || null],
    ["Directory", job.current_working_directory],
    ["Output", job.standard_output || null],
    ["Comment", job.comment || null],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  fill(at("details-facts"), facts, ([name]) => name, ([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  drawTimeline(job);
  offerOutput(job);
}

const limit = (job) => (job.time_limit.infinite ? "none" : duration(job.time_limit.number * 60));
