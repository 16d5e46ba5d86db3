//! `POST api/jobs`: submits a script, as `sbatch` does it: by `sbatch`. So a script means the same from everywhere, and
//! whatever is wrong with it is said in the same words.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use prun_runtime::limits::WEB_SUBMIT_WAIT;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::page::{Page, Refused};

/// A script to submit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submitted {
    /// A file; it runs in its own directory.
    path: Option<PathBuf>,
    /// Or the script itself.
    script: Option<String>,
    /// Where a script without a file runs; the page's own directory where it is not said.
    directory: Option<PathBuf>,
    /// Arguments of the script.
    #[serde(default)]
    args: Vec<String>,
}

/// Answers with the job's number, and with what `sbatch` says to the user.
pub(super) async fn submit(
    State(page): State<Arc<Page>>,
    Json(submitted): Json<Submitted>,
) -> Result<Json<Value>, Refused> {
    let (command, script) = command(&page, submitted)?;
    let ended = timeout(WEB_SUBMIT_WAIT, run(command, script.as_deref())).await;
    let (ok, stdout, stderr) = match ended {
        Err(_) => return Err(Refused::new(StatusCode::GATEWAY_TIMEOUT, "sbatch has not ended in time")),
        Ok(Err(error)) => {
            return Err(Refused::new(StatusCode::BAD_REQUEST, format!("cannot run sbatch: {error}")));
        }
        Ok(Ok(ended)) => ended,
    };
    let said: Vec<String> = stderr.lines().map(str::to_owned).collect();
    match stdout.trim().split(';').next().unwrap_or_default().parse::<u32>() {
        Ok(job) if ok => {
            let warnings: Vec<Value> = said.iter().map(|line| json!({ "description": line })).collect();
            Ok(Json(json!({ "job_id": job, "warnings": warnings })))
        }
        _ => Err(Refused::lines(StatusCode::UNPROCESSABLE_ENTITY, said)),
    }
}

/// `sbatch` as it is to be run, with what goes to its stdin.
fn command(page: &Page, submitted: Submitted) -> Result<(Command, Option<String>), Refused> {
    let no = |line| Err(Refused::new(StatusCode::BAD_REQUEST, line));
    let mut command = Command::new(&page.binary);
    command.args(["sbatch", "--parsable"]);
    // The controller that the page shows, whatever else there is.
    command.env_remove(prun_runtime::env::SOCKET);
    command.env(prun_runtime::env::CONTROLLER, page.controller.to_string());
    let (directory, script) = match (submitted.path, submitted.script) {
        (Some(path), None) => {
            let path = page.directory.join(path);
            let directory = path.parent().map(PathBuf::from).unwrap_or_default();
            command.arg("--").arg(path).args(submitted.args);
            (directory, None)
        }
        (None, Some(_)) if !submitted.args.is_empty() => {
            return no("a script without a file takes no arguments");
        }
        (None, Some(script)) => (page.directory.join(submitted.directory.unwrap_or_default()), Some(script)),
        _ => return no("name a file, or give a script"),
    };
    command.current_dir(directory).kill_on_drop(true);
    let stdin = if script.is_some() { Stdio::piped() } else { Stdio::null() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok((command, script))
}

async fn run(mut command: Command, script: Option<&str>) -> std::io::Result<(bool, String, String)> {
    let mut child = command.spawn()?;
    if let (Some(mut stdin), Some(script)) = (child.stdin.take(), script) {
        // A reader that ends before it has read all says itself why.
        let _ = stdin.write_all(script.as_bytes()).await;
    }
    let ended = child.wait_with_output().await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((ended.status.success(), text(&ended.stdout), text(&ended.stderr)))
}
