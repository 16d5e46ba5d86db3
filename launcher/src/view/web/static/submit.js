// Submitting: a file that is chosen, or a script that is pasted.

import { at, el, fill } from "./dom.js";
import { ask, tell } from "./server.js";

let here = null;
let file = null;

export function startSubmit(open) {
  at("submit-form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit(open);
  });
  at("clear-button").addEventListener("click", () => {
    choose(null, "");
    at("script").focus();
  });
  // A text that was changed is no longer the file's.
  at("script").addEventListener("input", () => choose(null));
}

export async function showFiles(path = here) {
  try {
    const list = await ask(path ? `files?path=${encodeURIComponent(path)}` : "files");
    here = list.path;
    at("directory").textContent = list.path;
    const up = list.parent ? [{ name: "..", directory: true, path: list.parent }] : [];
    const files = list.files.map((entry) => ({ ...entry, path: `${list.path.replace(/\/$/, "")}/${entry.name}` }));
    fill(at("files"), [...up, ...files], (entry) => entry.path, row);
  } catch (error) {
    at("directory").textContent = error.message;
  }
}

function row(entry) {
  const text = entry.directory ? `${entry.name}/` : entry.name;
  const click = () => (entry.directory ? showFiles(entry.path) : read(entry.path));
  const pressed = entry.directory ? null : String(entry.path === file);
  return el("li", {}, el("button", { type: "button", class: entry.script ? "script" : false, "aria-pressed": pressed, "data-focus": "file", onclick: click }, text));
}

async function read(path) {
  try {
    choose(path, (await ask(`file?path=${encodeURIComponent(path)}`)).text);
  } catch (error) {
    said("error", error.message);
  }
}

function choose(path, text) {
  file = path;
  if (text !== undefined) at("script").value = text;
  at("script-from").textContent = path ? `${path}, as it is there` : here ? `Runs in ${here}` : "";
  for (const button of at("files").querySelectorAll("button[aria-pressed]")) {
    button.setAttribute("aria-pressed", String(button.closest("li").dataset.key === file));
  }
}

const said = (kind, text) => at("submit-said").replaceChildren(el("p", { class: kind }, text));

async function submit(open) {
  const script = at("script").value;
  if (!script.trim()) return said("error", "There is no script.");
  at("submit-button").disabled = true;
  try {
    const answer = await tell("jobs", file ? { path: file } : { script, directory: here });
    at("submit-said").replaceChildren(
      el("p", {}, "Submitted batch job ", el("button", { type: "button", class: "link", onclick: () => open(answer.job_id) }, String(answer.job_id))),
      ...answer.warnings.map((warning) => el("p", { class: "warning" }, warning.description)));
  } catch (error) {
    said("error", error.message);
  } finally {
    at("submit-button").disabled = false;
  }
}
