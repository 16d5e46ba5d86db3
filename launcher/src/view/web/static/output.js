// Output as it grows: the job's files, or the ranks of a step that runs.

import { at, el } from "./dom.js";
import { listen } from "./server.js";

// Characters kept of what came.
const KEPT = 1 << 20;

let offered = "";
let following = null;

at("output-source").addEventListener("change", () => follow());
at("output-end").addEventListener("change", () => toEnd());

export function closeOutput() {
  following?.abort();
  [offered, following] = ["", null];
  at("output").textContent = at("output-state").textContent = "";
  at("output-source").replaceChildren();
}

// Offers what there is of a job; what is followed stays, also when its step has ended meanwhile.
export function offerOutput(job) {
  const sources = [];
  const name = encodeURIComponent(job.shown_id);
  if (job.standard_output) sources.push([`jobs/${job.job_id}/output?file=stdout`, job.standard_output]);
  if (job.standard_error && job.standard_error !== job.standard_output) sources.push([`jobs/${job.job_id}/output?file=stderr`, job.standard_error]);
  for (const step of job.steps.filter((step) => !step.end)) {
    const path = `jobs/${step.step.id}/output`;
    if (step.is_batch && job.standard_output) continue;
    sources.push([path, `${step.step.id}, ${step.tasks.count > 1 ? "all ranks" : "its rank"}`]);
    if (step.tasks.count > 1) sources.push(...step.ranks.map((rank) => [`${path}?rank=${rank.rank}`, `${step.step.id}, rank ${rank.rank} on ${rank.node}`]));
  }
  const now = JSON.stringify(sources) + name;
  if (now === offered) return;
  offered = now;
  const select = at("output-source");
  const before = select.value;
  if (before && !sources.some(([path]) => path === before)) sources.push([before, `${select.selectedOptions[0].textContent} (ended)`]);
  select.replaceChildren(...sources.map(([path, text]) => el("option", { value: path, selected: path === before }, text)));
  if (select.value !== before) follow();
}

async function follow() {
  following?.abort();
  const abort = new AbortController();
  following = abort;
  const path = at("output-source").value;
  at("output").textContent = "";
  at("output-state").textContent = path ? "follows" : "";
  if (!path) return;
  try {
    await listen(path, abort.signal, (name, data) => {
      if (following !== abort) return;
      if (name === "output") append(data.text);
      else at("output-state").textContent = data.errors[0].description;
    });
  } catch (error) {
    if (!abort.signal.aborted) at("output-state").textContent = error.message;
  }
}

function append(text) {
  const output = at("output");
  const all = output.textContent.length + text.length;
  if (all > KEPT) output.textContent = (output.textContent + text).slice(-KEPT);
  else output.append(text);
  toEnd();
}

function toEnd() {
  if (at("output-end").checked) at("output").scrollTop = at("output").scrollHeight;
}
