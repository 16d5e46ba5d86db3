// The server: questions with one answer, and streams of events. The token goes along with each and stays in this tab.

const KEY = "prun-token";

// An answer that is a refusal, in the controller's or the server's words.
export class Refusal extends Error {
  constructor(status, lines) {
    super(lines.join("\n"));
    this.status = status;
  }
}

// The token of the address, which is taken out of it, or the one that this tab has.
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname);
  }
}

export const setToken = (token) => sessionStorage.setItem(KEY, token);

async function request(path, options = {}) {
  const token = sessionStorage.getItem(KEY);
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(`api/${path}`, { ...options, headers });
  if (!response.ok) {
    const told = await response.json().catch(() => ({}));
    const lines = (told.errors ?? []).map((error) => error.description);
    throw new Refusal(response.status, lines.length ? lines : [`the server says ${response.status}`]);
  }
  return response;
}

export const ask = async (path) => (await request(path)).json();

export async function tell(path, body = {}) {
  const headers = { "Content-Type": "application/json" };
  return (await request(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

// Reads a stream of events until it ends or `signal` aborts it: `heard(name, data)` for each.
export async function listen(path, signal, heard) {
  const response = await request(path, { signal, headers: { Accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const fields = event.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()]);
      const name = fields.find(([field]) => field === "event")?.[1];
      const data = fields.filter(([field]) => field === "data").map(([, text]) => text).join("\n");
      if (name) heard(name, JSON.parse(data));
    }
  }
}
