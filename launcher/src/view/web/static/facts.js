// What stands in the records, as people read it. Field names are those of the commands' `--json`.

// How far the controller's clock is ahead of the browser's, in seconds.
let ahead = 0;

export const setClock = (now) => { ahead = now - Date.now() / 1000; };
export const now = () => Date.now() / 1000 + ahead;

export const state = (job) => job.job_state[0];
export const isPending = (job) => state(job) === "PENDING";
export const waits = (job) => isPending(job) && !job.hold;

// The class of a state: how a reader should feel about it.
export function mood(word) {
  if (["RUNNING", "COMPLETED", "IDLE", "ALLOCATED", "MIXED"].includes(word)) return "good";
  return ["PENDING", "SUSPENDED", "COMPLETING", "REQUEUED"].includes(word) ? "wait" : "bad";
}

// Seconds as Slurm writes them: `1-02:03:04`, `02:03:04`, `3:04`.
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days) return `${days}-${two(hours)}:${two(minutes)}:${two(whole % 60)}`;
  return hours ? `${two(hours)}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// Seconds that a job has run.
export function elapsed(job) {
  if (isPending(job) || !job.start) return 0;
  return (job.has_ended ? job.end ?? job.start : now()) - job.start;
}

export const clock = (second) => (second ? new Date((second - ahead) * 1000).toLocaleString() : "–");

export const number = (value) => (value?.infinite ? "∞" : value?.set ? value.number : null);

// An exit code and signal as `sacct` writes them.
export const exit = (code) => `${code.return_code.number}:${code.signal.id.number}`;
export const failed = (code) => code && (code.return_code.number !== 0 || code.signal.id.number !== 0);

// The colour of a job, the same wherever it is drawn; numbers that follow each other are far apart.
export const hue = (job) => (job * 137) % 360;
