//! `prun rest`: whom it lets in, and that it answers as Slurm's server does (24.11.5, asked side by side). Clients that were
//! generated from Slurm's own description are driven by `tests/rest.py`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::harness::until;
use crate::http::{Answer, ask_port, exchange};

/// A server of a cluster of three nodes, and what lets one in.
struct Rest {
    cluster: Cluster,
    port: u16,
    token: String,
}

impl Rest {
    fn up() -> Self {
        let cluster = Cluster::up(&[], &["--local", "3x2:1000", "--rest=127.0.0.1:0"]);
        let address = fs::read_to_string(cluster.home().join("rest/address")).unwrap();
        let port = address.trim_end().rsplit(':').next().unwrap().parse().unwrap();
        let token = cluster.ask("scontrol token");
        Self { port, token: token.trim_end().strip_prefix("SLURM_JWT=").unwrap().to_owned(), cluster }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let token = format!("X-SLURM-USER-TOKEN: {}", self.token);
        ask_port(self.port, &format!("{method} {path}"), &[&token, "Content-Type: application/json"], body)
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", &format!("/slurm/v0.0.42/{path}"), "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", &format!("/slurm/v0.0.42/{path}"), &body.to_string())
    }

    /// Submits a script with these fields beside what every job needs; gives its number.
    fn submit(&self, script: &str, more: Value) -> u64 {
        let directory = self.cluster.place().path().to_str().unwrap();
        let mut job = json!({ "environment": ["PATH=/usr/bin:/bin", "WORD=a b"], "current_working_directory": directory });
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.post("job/submit", &json!({ "script": script, "job": job }));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["job_id"].as_u64().unwrap()
    }

    fn state(&self, job: u64) -> String {
        self.get(&format!("jobs/state/?job_id={job}"))["jobs"][0]["state"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn until_state(&self, job: u64, state: &str) {
        until(&format!("job {job} is {state}"), || self.state(job) == state);
    }
}

#[test]
fn only_a_token_of_this_cluster_lets_in() {
    let rest = Rest::up();
    let ask = |headers: &[&str]| ask_port(rest.port, "GET /slurm/v0.0.42/ping/", headers, "");
    let token = format!("X-SLURM-USER-TOKEN: {}", rest.token);
    let bearer = format!("Authorization: Bearer {}", rest.token);
    assert_eq!(ask(&[&token]).status, 200);
    assert_eq!(ask(&[&bearer]).status, 200);
    let cut = &token[..token.len() - 2];
    for headers in
        [&[][..], &[cut], &["X-SLURM-USER-NAME: root"], &[token.as_str(), "X-SLURM-USER-NAME: nobody"]]
    {
        let answer = ask(headers);
        assert_eq!((answer.status, answer.body.as_str()), (401, "Authentication failure"), "{headers:?}");
    }
    let mode = fs::metadata(rest.cluster.home().join("rest/key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(rest.cluster.run("scontrol token username=nobody").code, Some(1));
    let inside = rest.cluster.run("srun scontrol token");
    assert_ne!(inside.code, Some(0), "no job has the key: {inside:?}");
    assert!(rest.cluster.prun("status", &[]).stdout.contains("  rest        runs as process"));
}

#[test]
fn over_a_socket_of_this_user_no_token_is_asked_for() {
    let cluster = Cluster::up(&[], &["--local", "1x1"]);
    let socket = cluster.place().path().join("rest");
    let mut server = cluster.command(["rest", "--socket"]).arg(&socket).spawn().unwrap();
    until("the server listens", || UnixStream::connect(&socket).is_ok());
    let mut stream = UnixStream::connect(&socket).unwrap();
    let answer = exchange(&mut stream, "GET /slurm/v0.0.42/ping", &["Host: l"], "");
    assert_eq!((answer.status, &answer.json()["pings"][0]["pinged"]), (200, &json!("UP")));
    assert_eq!(answer.json()["meta"]["plugin"]["data_parser"], "data_parser/v0.0.42");
    rustix::process::kill_process(rustix::process::Pid::from_child(&server), rustix::process::Signal::TERM)
        .unwrap();
    server.wait().unwrap();
    assert!(!socket.exists());
}

#[test]
fn a_job_is_submitted_seen_changed_and_ended() {
    let rest = Rest::up();
    // Slurm's server does not read `#SBATCH` lines either.
    let script = "#!/bin/bash\n#SBATCH --job-name=other\necho \"$WORD $1 $SLURM_JOB_NAME\"; srun hostname\n";
    let more = json!({
        "name": "first", "tasks": 2, "minimum_nodes": 2, "argv": ["x"], "time_limit": { "set": true, "number": 5 },
        "standard_output": "out-%j",
    });
    let job = rest.submit(script, more);
    rest.until_state(job, "COMPLETED");
    let written = rest.cluster.place().read(&format!("out-{job}"));
    assert!(written.starts_with("a b x first\n") && written.lines().count() == 3, "{written}");
    let seen = &rest.get(&format!("job/{job}"))["jobs"][0];
    for (path, expected) in [
        ("/name", json!("first")),
        ("/time_limit", json!({ "set": true, "infinite": false, "number": 5 })),
        ("/exit_code/return_code/number", json!(0)),
        ("/job_resources/nodes/count", json!(2)),
        ("/user_name", json!("root")),
    ] {
        if path == "/user_name" && !rustix::process::getuid().is_root() {
            continue;
        }
        assert_eq!(seen.pointer(path), Some(&expected), "{path}");
    }
    let held = rest.submit("#!/bin/sh\nsleep 100\n", json!({ "hold": true }));
    let changed = rest.post(&format!("job/{held}"), &json!({ "comment": "later", "time_limit": 7 }));
    assert_eq!(changed.status, 200, "{changed:?}");
    let seen = &rest.get(&format!("job/{held}"))["jobs"][0];
    assert_eq!((&seen["comment"], &seen["time_limit"]["number"]), (&json!("later"), &json!(7)));
    assert_eq!(seen["job_state"], json!(["PENDING"]));
    assert_eq!(rest.post(&format!("job/{held}"), &json!({ "hold": false })).status, 200);
    rest.until_state(held, "RUNNING");
    let ended = rest.ask("DELETE", &format!("/slurm/v0.0.42/job/{held}"), "").json();
    assert_eq!((&ended["status"][0]["error"]["code"], &ended["errors"]), (&json!(0), &json!([])), "{ended}");
    rest.until_state(held, "CANCELLED");
    let past = rest.ask("GET", &format!("/slurmdb/v0.0.42/job/{job}"), "").json();
    assert_eq!(past["jobs"][0]["steps"][1]["tasks"]["count"], 2);
    assert_eq!(past["meta"]["plugin"]["type"], "openapi/slurmdbd");
    let failed = rest.ask("GET", "/slurmdb/v0.0.42/jobs/?state=CANCELLED&start_time=1000000000", "").json();
    let ids: Vec<&Value> = failed["jobs"].as_array().unwrap().iter().map(|job| &job["job_id"]).collect();
    assert_eq!(ids, [&json!(held)]);
}

#[test]
fn arrays_and_heterogeneous_jobs_are_submitted_and_ended_by_name() {
    let rest = Rest::up();
    let array =
        rest.submit("#!/bin/sh\nsleep 100\n", json!({ "name": "many", "array": "1-3", "hold": true }));
    let states = rest.get("jobs/state/");
    let names: Vec<&str> =
        states["jobs"].as_array().unwrap().iter().map(|job| job["job_id"].as_str().unwrap()).collect();
    assert_eq!(names, [1, 2, 3].map(|element| format!("{array}_{element}")));
    let ended = rest.ask("DELETE", "/slurm/v0.0.42/jobs/", r#"{"job_name":"many"}"#).json();
    assert_eq!(ended["status"][0]["error"]["code"], 0, "{ended}");
    rest.until_state(array, "CANCELLED");
    let part = json!({ "environment": ["PATH=/usr/bin:/bin"], "current_working_directory": "/", "tasks": 1,
                       "standard_output": "/dev/null" });
    let answer =
        rest.post("job/submit", &json!({ "script": "#!/bin/sh\nsleep 100\n", "jobs": [part, part] }));
    assert_eq!(answer.status, 200, "{answer:?}");
    let job = answer.json()["job_id"].as_u64().unwrap();
    assert_eq!(rest.get(&format!("job/{job}"))["jobs"][0]["het_job_id_set"], format!("{job}-{}", job + 1));
}

#[test]
fn what_is_wrong_is_told_with_slurms_numbers() {
    let rest = Rest::up();
    let script = "#!/bin/sh\ntrue\n";
    let job = |more: Value| {
        let mut job = json!({ "environment": ["PATH=/bin"], "current_working_directory": "/", "standard_output": "/dev/null" });
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rest.post("job/submit", &json!({ "script": script, "job": job }))
    };
    let error = |answer: &Answer| {
        (answer.status, answer.json()["errors"][0]["error_number"].as_i64().unwrap_or_default())
    };
    assert_eq!(error(&job(json!({ "partition": "nope" }))), (500, 2000));
    assert_eq!(error(&job(json!({ "cpus_per_task": 99 }))), (500, 2014));
    assert_eq!(error(&job(json!({ "tasks": "many" }))), (400, 9202));
    assert_eq!(error(&job(json!({ "current_working_directory": null }))), (500, 2063));
    assert_eq!(error(&job(json!({ "environment": [] }))), (500, 2019));
    assert_eq!(error(&rest.post("job/submit", &json!({ "job": {} }))), (422, 9000));
    assert_eq!(error(&rest.ask("GET", "/slurm/v0.0.42/job/999", "")), (404, 2017));
    assert_eq!(error(&rest.ask("GET", "/slurm/v0.0.42/job/none", "")), (422, 9000));
    assert_eq!(error(&rest.post("job/999", &json!({ "comment": "x" }))), (404, 2017));
    let warned = job(json!({ "bogus": 1 })).json();
    assert_eq!(warned["warnings"][0]["source"], "#/job/bogus/");
    let gone = rest.ask("DELETE", "/slurm/v0.0.42/job/999", "").json();
    assert_eq!(gone["status"][0]["error"]["code"], 2017);
    let nothing = rest.ask("DELETE", "/slurm/v0.0.42/jobs/", "{}");
    assert_eq!(error(&nothing), (422, 9000), "nobody means all jobs by saying nothing");
    for (method, path, body) in [
        ("POST", "/slurm/v0.0.42/job/submit", "{\"job\":"),
        ("GET", "/slurm/v0.0.41/jobs", ""),
        ("PUT", "/slurm/v0.0.42/jobs", "{}"),
        ("GET", "/", ""),
    ] {
        let answer = rest.ask(method, path, body);
        assert_eq!(answer.status, if method == "POST" { 400 } else { 404 }, "{method} {path}");
    }
    let large = format!("\"{}\"", "x".repeat(30 << 20));
    assert_eq!(rest.ask("POST", "/slurm/v0.0.42/job/submit", &large).status, 413);
}

#[test]
fn nodes_partitions_and_accounts_are_there_and_nodes_can_be_drained() {
    let rest = Rest::up();
    assert_eq!(rest.get("nodes/")["nodes"].as_array().unwrap().len(), 3);
    assert_eq!(rest.get("partition/slurmpar")["partitions"][0]["nodes"]["configured"], "slurmnode[1-3]");
    assert_eq!(rest.post("node/slurmnode2", &json!({ "state": ["DRAIN"], "reason": "disk" })).status, 200);
    let node = &rest.get("node/slurmnode2")["nodes"][0];
    assert_eq!((&node["state"], &node["reason"]), (&json!(["IDLE", "DRAIN"]), &json!("disk")));
    assert_eq!(rest.post("node/slurmnode2", &json!({ "state": ["RESUME"] })).status, 200);
    assert_eq!(rest.get("node/slurmnode2")["nodes"][0]["state"], json!(["IDLE"]));
    assert_eq!(rest.get("diag/")["statistics"]["jobs_running"], 0);
    for path in
        ["users", "accounts", "associations", "clusters", "qos", "tres", "wckeys", "config", "ping", "diag"]
    {
        let answer = rest.ask("GET", &format!("/slurmdb/v0.0.42/{path}/").replace("config/", "config"), "");
        assert_eq!((answer.status, &answer.json()["errors"]), (200, &json!([])), "{path}: {answer:?}");
    }
    // What is told of the paths is true: each of them that needs no name is answered.
    let told = rest.ask("GET", "/openapi/v3", "").json();
    let paths = told["paths"].as_object().unwrap();
    assert!(paths.len() > 30);
    for (path, methods) in paths.iter().filter(|(path, _)| !path.contains('{')) {
        if methods.get("get").is_some() {
            assert_eq!(rest.ask("GET", path, "").status, 200, "{path}");
        }
    }
}
