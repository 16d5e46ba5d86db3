// Nodes with their CPUs, and whose each is.

import { at, el, fill } from "./dom.js";
import { hue, mood } from "./facts.js";

export function drawNodes(cluster, open) {
  fill(at("nodes"), cluster.nodes, (node) => node.name, (node) => card(node, open));
}

function card(node, open) {
  const word = node.state[0];
  const held = node.cpu_jobs.filter((job) => job !== null).length;
  const why = node.reason ? ` · ${node.reason}` : "";
  return el("li", {},
    el("strong", {}, node.name),
    el("span", { class: `state ${mood(word)}` }, node.state.join("+")),
    el("div", { class: "cpus", role: "group", "aria-label": `${held} of ${node.cpus} CPUs of ${node.name} are held` },
      ...node.cpu_jobs.map((job, cpu) => cell(node, job, cpu, open))),
    el("p", { class: "small" }, `${node.real_memory} MiB, ${node.alloc_memory} held${why}`));
}

function cell(node, job, cpu, open) {
  if (job === null) return el("span", { class: "cpu", title: `CPU ${cpu} is free` }, "–");
  const button = el("button", { class: "cpu held", title: `CPU ${cpu} of ${node.name}: job ${job}`, "data-focus": `cpu${cpu}`, onclick: () => open(job) }, String(job));
  button.style.setProperty("--hue", hue(job));
  return button;
}
