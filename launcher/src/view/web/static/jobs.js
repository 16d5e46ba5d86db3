// The queue, the past, and what is done to a job.

import { at, el, fill, say } from "./dom.js";
import { clock, duration, elapsed, exit, isPending, mood, state } from "./facts.js";
import { tell } from "./server.js";

const id = (job, open) =>
  el("button", { class: "link", type: "button", "data-focus": "open", "aria-label": `Job ${job.shown_id}`, onclick: () => open(job.job_id) }, job.shown_id);

export const stateOf = (job) => el("span", { class: `state ${mood(state(job))}` }, state(job));

export function drawQueue(jobs, chosen, open) {
  const live = jobs.filter((job) => !job.has_ended);
  at("queue-note").textContent = live.length ? "" : "No job waits or runs.";
  fill(at("queue-rows"), live, (job) => job.shown_id, (job) =>
    el("tr", { class: job.job_id === chosen ? "chosen" : false },
      el("td", {}, id(job, open)), el("td", {}, job.name), el("td", {}, job.user_name), el("td", {}, stateOf(job)),
      el("td", {}, duration(elapsed(job))), el("td", {}, String(job.cpus.number)),
      el("td", { class: "wide" }, isPending(job) ? `(${job.state_reason})` : job.nodes),
      el("td", {}, ...actsOf(job))));
}

export function drawHistory(past, chosen, open) {
  at("history-note").textContent = past.jobs_left_out ? `${past.jobs_left_out} older ones: sacct shows them.` : past.jobs.length ? "" : "No job has ended yet.";
  fill(at("history-rows"), past.jobs, (job) => job.shown_id, (job) =>
    el("tr", { class: job.job_id === chosen ? "chosen" : false },
      el("td", {}, id(job, open)), el("td", {}, job.name), el("td", {}, job.user_name), el("td", {}, stateOf(job)),
      el("td", {}, exit(job.exit_code)), el("td", {}, clock(job.end)), el("td", {}, duration(elapsed(job))), el("td", { class: "wide" }, job.nodes)));
}

const DONE = { cancel: "is cancelled", hold: "is held", release: "is released" };

// Buttons for what can be done to a job now.
export function actsOf(job) {
  if (job.has_ended) return [];
  const verbs = isPending(job) ? [job.hold ? "release" : "hold", "cancel"] : ["cancel"];
  return verbs.map((verb) => el("button", { type: "button", "data-focus": verb, "aria-label": `${verb} job ${job.shown_id}`, onclick: () => act(job, verb) }, verb));
}

async function act(job, verb) {
  if (verb === "cancel" && !confirm(`Cancel job ${job.shown_id}?`)) return;
  try {
    await tell(`jobs/${encodeURIComponent(job.shown_id)}/${verb}`);
    say(`Job ${job.shown_id} ${DONE[verb]}.`);
  } catch (error) {
    say(`Cannot ${verb} job ${job.shown_id}: ${error.message}`);
  }
}
