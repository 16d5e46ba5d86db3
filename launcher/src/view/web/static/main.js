// The page: lets the user in, listens to the cluster, and draws what it hears.

import { at } from "./dom.js";
import { chosen, closeJob, openJob, tickJob } from "./details.js";
import { setClock } from "./facts.js";
import { drawHistory, drawQueue } from "./jobs.js";
import { drawNodes } from "./nodes.js";
import { ask, listen, setToken, takeToken } from "./server.js";
import { showFiles, startSubmit } from "./submit.js";

// Pauses before the server is asked again, in milliseconds.
const PAUSES = [200, 1000, 3000];

let cluster = { nodes: [], jobs: [] };
let past = { jobs: [] };
let ended = "";

const open = (job) => openJob(job, draw);

function draw() {
  drawNodes(cluster, open);
  drawQueue(cluster.jobs, chosen(), open);
  drawHistory(past, chosen(), open);
}

function link(text, kind) {
  at("link").textContent = text;
  at("link").className = kind;
}

// A new picture. The past is asked for again only when a job has come to it.
function take(picture) {
  cluster = picture;
  setClock(picture.now);
  at("cluster").textContent = [...new Set(picture.jobs.map((job) => job.cluster))].join(" ");
  link("live", "live");
  draw();
  const now = picture.jobs.filter((job) => job.has_ended).map((job) => `${job.shown_id}@${job.end}`).join();
  if (now !== ended) {
    ended = now;
    ask("jobs").then((answer) => { past = answer; draw(); }, () => {});
  }
}

async function follow() {
  for (let attempt = 0; ; attempt++) {
    try {
      await listen("cluster", undefined, (name, data) => {
        if (name !== "cluster") return link(data.errors[0].description, "lost");
        attempt = 0;
        at("login").hidden = true;
        at("page").hidden = false;
        take(data);
      });
    } catch (error) {
      link(error.message, "lost");
      if (error.status === 401) return login();
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSES[Math.min(attempt, PAUSES.length - 1)]));
  }
}

function login() {
  at("page").hidden = true;
  at("login").hidden = false;
  at("token").focus();
}

at("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  setToken(at("token").value.trim());
  at("token").value = "";
  at("login-error").textContent = "";
  try {
    await ask("files");
    follow();
  } catch (error) {
    if (error.status === 401) at("login-error").textContent = error.message;
    else follow();
  }
});

// Tabs as the ARIA practices have them: arrows move and show.
const tabs = [...document.querySelectorAll("[role=tab]")];

function show(tab) {
  for (const other of tabs) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
    at(other.getAttribute("aria-controls")).hidden = other !== tab;
  }
  if (tab.id === "tab-submit") showFiles();
}

tabs.forEach((tab, place) => {
  tab.addEventListener("click", () => show(tab));
  tab.addEventListener("keydown", (event) => {
    const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    next.focus();
    show(next);
  });
});

at("details-close").addEventListener("click", () => {
  closeJob(draw);
  at("main").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !at("details").hidden) at("details-close").click();
});

// Only the clock: what happens in the cluster is told.
setInterval(() => {
  if (!document.hidden) {
    draw();
    tickJob();
  }
}, 1000);

startSubmit(open);
takeToken();
follow();
