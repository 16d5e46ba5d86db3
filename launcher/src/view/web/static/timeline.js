// Steps and ranks over time: a bar each. The thin line in a rank's bar is the CPU time that it used.

import { at, el, fill } from "./dom.js";
import { duration, exit, failed, now, state } from "./facts.js";

// Ranks drawn one by one of each step: what a screen has room for.
const RANKS_MAX = 64;

export function drawTimeline(job) {
  const part = at("timeline");
  if (!job.start || !job.steps.length) {
    part.replaceChildren(el("p", { class: "small" }, state(job) === "PENDING" ? "It has not started." : "It had no steps."));
    return;
  }
  if (part.firstElementChild?.tagName !== "TABLE") {
    part.replaceChildren(el("table", { class: "bars" }, el("tbody")));
  }
  const until = job.has_ended ? job.end : now();
  const span = { from: job.start, seconds: Math.max(until - job.start, 0.001), until };
  const rows = job.steps.flatMap((step) => [{ step }, ...ranksOf(step).map((rank) => ({ step, rank }))]);
  const key = ({ step, rank }) => `${step.step.id}/${rank?.rank ?? ""}`;
  fill(part.querySelector("tbody"), rows, key, (row) => (row.rank ? rankRow(row, span) : stepRow(row, span)));
}

const ranksOf = (step) => (step.is_batch ? [] : step.ranks.slice(0, RANKS_MAX));

function bar({ start, end }, span, mood, used) {
  const from = Math.max(start - span.from, 0);
  const seconds = (end ?? span.until) - span.from - from;
  const place = (element, left, width) => {
    element.style.left = `${((100 * left) / span.seconds).toFixed(1)}%`;
    element.style.width = `${((100 * Math.max(width, 0)) / span.seconds).toFixed(1)}%`;
    return element;
  };
  const parts = [place(el("span", { class: mood }), from, seconds)];
  if (used) parts.push(place(el("span", { class: "used" }), from, Math.min(used, seconds)));
  return el("td", { class: "track" }, el("div", {}, ...parts));
}

function stepRow({ step }, span) {
  const word = step.state[0];
  const time = duration((step.end ?? span.until) - step.start);
  const mood = step.is_batch ? "batch" : failed(step.exit_code) ? "bad" : step.end ? "good" : "live";
  const text = step.end ? `${word} ${exit(step.exit_code)}` : word;
  return el("tr", { class: "step" },
    el("th", { scope: "row", title: step.command_line || false }, `${step.step.id} ${step.step.name}`),
    bar(step, span, mood), el("td", {}, time), el("td", {}, `${text}, ${step.tasks.count} on ${step.nodes.list}`));
}

// A rank that runs is known to have begun with its step; nodes whose clocks differ cannot move a bar out of it.
function timesOf(rank, step) {
  const start = Math.max(rank.start ?? step.start, step.start);
  const end = rank.end && step.end ? Math.min(rank.end, step.end) : (rank.end ?? step.end);
  return { start, end };
}

function rankRow({ step, rank }, span) {
  const ended = rank.exit_code;
  const mood = ended ? (failed(ended) ? "bad" : "good") : step.end ? "" : "live";
  const used = ended ? `exit ${exit(ended)}, ${rank.cpu_secs.toFixed(2)} s CPU, ${(rank.max_rss_kib / 1024).toFixed(0)} MiB` : step.end ? "" : "runs";
  return el("tr", { class: "rank" },
    el("th", { scope: "row" }, `rank ${rank.rank}`),
    bar(timesOf(rank, step), span, mood, rank.cpu_secs), el("td", {}, rank.node), el("td", {}, used));
}
