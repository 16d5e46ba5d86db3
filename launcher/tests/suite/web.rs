//! `prun web`: whom it lets in, and what it answers, over plain HTTP. What it looks like is tested in a browser
//! (`tests/web.py`).

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::harness::{until, wait};
use crate::http::{Answer, ask_port, exchange};

/// Ranks say their line again and again: an onlooker sees only what their launcher has not had them forget.
const JOB: &str = "#!/bin/bash
#SBATCH -n 2 -J pair -o out
srun bash -c 'while echo rank $SLURM_PROCID; do sleep 0.1; done'
";

/// A page of a cluster of two nodes, and what lets one in.
struct Web {
    cluster: Cluster,
    port: u16,
    token: String,
}

impl Web {
    fn up() -> Self {
        let cluster = Cluster::up(&[("job.sh", JOB)], &["--local", "2x2", "--web=127.0.0.1:0"]);
        let address = fs::read_to_string(cluster.home().join("web/address")).unwrap();
        let (host, token) = address.trim_end().split_once("/#token=").unwrap();
        let port = host.rsplit(':').next().unwrap().parse().unwrap();
        Self { port, token: token.to_owned(), cluster }
    }

    /// Asks with the token and these headers beside it.
    fn ask(&self, what: &str, headers: &[&str], body: &str) -> Answer {
        let bearer = format!("Authorization: Bearer {}", self.token);
        self.plain(what, &[&[bearer.as_str()], headers].concat(), body)
    }

    /// Asks with these headers alone.
    fn plain(&self, what: &str, headers: &[&str], body: &str) -> Answer {
        ask_port(self.port, what, headers, body)
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(&format!("POST /api/{path}"), &["Content-Type: application/json"], &body.to_string())
    }

    /// Events of a stream, until one is as wanted.
    fn listen(&self, path: &str, what: &str, wanted: impl Fn(&str, &Value) -> bool) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request = format!(
            "GET /api/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
            self.token
        );
        stream.write_all(request.as_bytes()).unwrap();
        let (mut text, mut piece) = (String::new(), [0; 65536]);
        loop {
            let read = stream.read(&mut piece).unwrap_or_else(|error| panic!("no {what}: {error}: {text}"));
            assert!(read > 0, "no {what}: {text}");
            text.push_str(&String::from_utf8_lossy(&piece[..read]));
            // Chunks' sizes stand on lines of their own, which are no fields of events.
            let mut name = "";
            for line in text.lines() {
                match (line.strip_prefix("event: "), line.strip_prefix("data: ")) {
                    (Some(event), _) => name = event,
                    (_, Some(data)) => match serde_json::from_str(data) {
                        Ok(data) if wanted(name, &data) => return data,
                        _ => {}
                    },
                    _ => {}
                }
            }
        }
    }

    /// Submits the script and gives the job's number once it runs a step.
    fn running(&self) -> u64 {
        let path = self.cluster.place().path().join("job.sh");
        let answer = self.post("jobs", &json!({ "path": path }));
        assert_eq!(answer.status, 200, "{answer:?}");
        let job = answer.json()["job_id"].as_u64().unwrap();
        self.listen(&format!("jobs/{job}"), "step", |_, job| job["steps"][1]["ranks"][1]["rank"] == 1);
        job
    }
}

#[test]
fn only_the_token_lets_in_and_only_the_page_itself_may_ask() {
    let web = Web::up();
    assert_eq!(web.plain("GET /", &[], "").status, 200, "the page itself is no secret");
    assert_eq!(web.ask("GET /api/jobs", &[], "").status, 200);
    let wrong = format!("Authorization: Bearer {}", "0".repeat(48));
    let cookie = format!("Cookie: token={}", web.token);
    for headers in [&[][..], &[wrong.as_str()], &[cookie.as_str()], &["Authorization: Bearer "]] {
        let answer = web.plain("GET /api/jobs", headers, "");
        assert_eq!((answer.status, answer.error().as_str()), (401, "the token is missing or wrong"));
    }
    for header in ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: http://evil.example"] {
        assert_eq!(web.ask("GET /api/jobs", &[header], "").status, 403, "{header}");
    }
    for what in ["GET /", "GET /api/jobs"] {
        assert_eq!(web.ask(what, &["Host: evil.example"], "").status, 421, "{what}");
    }
    // Forms of other pages can send these, and only these, without asking first.
    let form = web.ask("POST /api/jobs", &["Content-Type: text/plain"], r#"{"script":"x"}"#);
    assert_eq!(form.status, 415);
}

#[test]
fn every_answer_tells_browsers_what_they_may_do_with_it() {
    let web = Web::up();
    for what in ["GET /", "GET /main.js", "GET /nothing", "GET /api/jobs", "POST /"] {
        let answer = web.plain(what, &[], "");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(answer.head.contains(header), "{what}: {header}: {}", answer.head);
        }
        assert!(!answer.head.contains("set-cookie"), "{what}");
    }
}

#[test]
fn secrets_are_this_users_alone_and_the_page_ends_with_its_cluster() {
    let web = Web::up();
    for name in ["token", "address"] {
        let mode = fs::metadata(web.cluster.home().join("web").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let again = web.cluster.prun_up(&["--web=127.0.0.1:0"]);
    assert!(
        again.stderr.contains(&format!("prun up: page: http://127.0.0.1:{}/#token=", web.port)),
        "{again:?}"
    );
    assert_eq!(again.code, Some(0));
    assert!(web.cluster.prun("status", &[]).stdout.contains("  web         runs as process"));
    assert_eq!(web.cluster.prun_down().code, Some(0));
    assert!(TcpStream::connect(("127.0.0.1", web.port)).is_err());
}

#[test]
fn a_job_is_submitted_watched_read_and_cancelled() {
    let web = Web::up();
    let job = web.running();
    let picture =
        web.listen("cluster", "picture", |name, data| name == "cluster" && data["jobs"][0]["job_id"] == job);
    assert_eq!(picture["nodes"][0]["cpu_jobs"], json!([job, job]));
    assert_eq!(picture["jobs"][0]["job_state"], json!(["RUNNING"]));
    let all = web.listen(&format!("jobs/{job}.0/output"), "output of rank 1", |_, data| {
        data["text"].as_str().is_some_and(|text| text.contains("1: rank 1\n"))
    });
    assert!(all.is_object());
    let one = web.listen(&format!("jobs/{job}.0/output?rank=1"), "output", |name, _| name == "output");
    assert!(one["text"].as_str().unwrap().lines().all(|line| line == "rank 1"), "{one}");
    assert_eq!(web.ask(&format!("GET /api/jobs/{job}.0/output?rank=2"), &[], "").status, 409);
    assert_eq!(web.ask(&format!("GET /api/jobs/{job}/script"), &[], "").json()["text"], JOB);
    assert_eq!(web.post(&format!("jobs/{job}.0/hold"), &json!({})).status, 400, "steps are not held");
    assert_eq!(web.post(&format!("jobs/{job}/cancel"), &json!({})).status, 200);
    let ended = web.listen(&format!("jobs/{job}"), "end", |name, _| name == "ended");
    assert_eq!(ended["job_state"], json!(["CANCELLED"]));
    let file =
        web.listen(&format!("jobs/{job}/output?file=stdout"), "output file", |name, _| name == "output");
    assert!(file["text"].as_str().unwrap().starts_with("rank "), "{file}");
    let past = web.ask("GET /api/jobs", &[], "").json();
    assert_eq!(past["jobs"][0]["job_id"], job);
    assert_eq!(past["jobs"][0]["steps"][1]["ranks"][1]["exit_code"]["signal"]["id"]["number"], 15);
}

#[test]
fn what_cannot_be_done_is_said_in_the_words_of_the_commands() {
    let web = Web::up();
    let wrong = web.post("jobs", &json!({ "script": "#!/bin/sh\n#SBATCH -n many\n" }));
    assert_eq!(wrong.status, 422);
    assert!(wrong.error().starts_with("sbatch: error: Invalid numeric value"), "{wrong:?}");
    assert_eq!(web.post("jobs/999/cancel", &json!({})).error(), "Invalid job id specified");
    assert_eq!(web.ask("GET /api/jobs/999", &[], "").status, 409);
    for body in [json!({}), json!({ "path": "a", "script": "b" }), json!({ "script": "x", "args": ["y"] })] {
        assert_eq!(web.post("jobs", &body).status, 400, "{body}");
    }
    assert_eq!(web.post("jobs/none/cancel", &json!({})).status, 400);
    assert_eq!(web.ask("GET /api/files?path=/no/such", &[], "").status, 404);
    let large = "Content-Type: application/json";
    let answer = web.ask("POST /api/jobs", &[large], &format!("\"{}\"", "x".repeat(30 << 20)));
    assert_eq!(answer.status, 413, "{}", answer.head);
}

/// A page on a Unix socket, in the foreground; it ends with this value.
struct Behind(Child);

impl Drop for Behind {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

#[test]
fn behind_another_server_its_user_needs_no_token_and_other_pages_are_still_refused() {
    let cluster = Cluster::up(&[], &["--local", "1x1"]);
    let socket = cluster.place().path().join("page");
    let start = |command: &mut Command| Behind(command.spawn().unwrap());
    let page = start(cluster.command(["web", "--socket"]).arg(&socket));
    until("the page listens", || UnixStream::connect(&socket).is_ok());
    let ask = |headers: &[&str]| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        exchange(&mut stream, "GET /api/jobs", &[&["Host: lab.example"], headers].concat(), "").status
    };
    assert_eq!(ask(&[]), 200);
    assert_eq!(ask(&["Origin: https://lab.example", "Sec-Fetch-Site: same-origin"]), 200);
    assert_eq!(ask(&["Origin: https://evil.example"]), 403);
    assert_eq!(ask(&["Sec-Fetch-Site: cross-site"]), 403);
    let mut second = start(cluster.command(["web", "--socket"]).arg(&socket));
    assert_eq!(wait(&mut second.0, Duration::from_secs(20)).code(), Some(1), "the place is taken");
    drop(page);
    assert!(!socket.exists());
}
