//! Files to choose a job script from. Whoever is let in here may run any program as this user, so nothing is hidden
//! that this user can read.

use std::fs;
use std::io::{self, Read};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use prun_runtime::limits::{SCRIPT_BYTES_MAX, WEB_FILES_MAX};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cluster::named;
use super::page::{Page, Refused};
use crate::controller::api::{Reply, Request};

/// A path; the page's own directory where none is given.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    path: Option<PathBuf>,
}

/// `GET api/files?path=DIRECTORY`: its directories and files by name; those that begin with `#!` are `script`s.
pub(super) async fn list(
    State(page): State<Arc<Page>>,
    Query(which): Query<Which>,
) -> Result<Json<Value>, Refused> {
    let directory = page.directory.join(which.path.unwrap_or_default());
    // A file system that hangs holds up this request alone.
    blocking(move || entries(&directory)).await
}

/// `GET api/file?path=FILE`: the text of a script.
pub(super) async fn read(
    State(page): State<Arc<Page>>,
    Query(which): Query<Which>,
) -> Result<Json<Value>, Refused> {
    let path = page.directory.join(which.path.unwrap_or_default());
    blocking(move || {
        let text = text(&path)?;
        Ok(json!({ "path": path, "text": text }))
    })
    .await
}

/// `GET api/jobs/ID/script`: what was submitted.
pub(super) async fn script_of_job(
    State(page): State<Arc<Page>>,
    Path(job): Path<String>,
) -> Result<Json<Value>, Refused> {
    match page.ask(Request::Script { job: named(&job)?.job.job }).await? {
        Reply::Script(bytes) => Ok(Json(json!({ "text": String::from_utf8_lossy(&bytes) }))),
        _ => Err(Refused::unexpected()),
    }
}

async fn blocking(
    work: impl FnOnce() -> Result<Value, (PathBuf, io::Error)> + Send + 'static,
) -> Result<Json<Value>, Refused> {
    let refused = |(path, error): (PathBuf, io::Error)| {
        Refused::new(StatusCode::NOT_FOUND, format!("cannot read `{}`: {error}", path.display()))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(found) => found.map(Json).map_err(refused),
        Err(_) => Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "reading files failed")),
    }
}

fn entries(directory: &FilePath) -> Result<Value, (PathBuf, io::Error)> {
    let fails = |error| (directory.to_owned(), error);
    let directory = fs::canonicalize(directory).map_err(fails)?;
    let mut found: Vec<(bool, String, bool)> = Vec::new();
    let mut left_out = 0;
    for entry in fs::read_dir(&directory).map_err(fails)?.flatten() {
        // A name that is no text cannot be sent; hidden files are none that people submit.
        let Some(name) = entry.file_name().to_str().filter(|name| !name.starts_with('.')).map(str::to_owned)
        else {
            continue;
        };
        // Links count as what they lead to.
        let Ok(kind) = fs::metadata(entry.path()) else { continue };
        if found.len() == WEB_FILES_MAX {
            left_out += 1;
        } else if kind.is_dir() || kind.is_file() {
            found.push((!kind.is_dir(), name, kind.is_file() && is_script(&entry.path())));
        }
    }
    found.sort();
    let files: Vec<Value> = found
        .into_iter()
        .map(|(is_file, name, script)| json!({ "name": name, "directory": !is_file, "script": script }))
        .collect();
    Ok(json!({ "path": directory, "parent": directory.parent(), "files": files, "files_left_out": left_out }))
}

fn is_script(path: &FilePath) -> bool {
    let mut mark = [0; 2];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut mark)).is_ok_and(|()| mark == *b"#!")
}

fn text(path: &FilePath) -> Result<String, (PathBuf, io::Error)> {
    let fails = |error| (path.to_owned(), error);
    let file = fs::File::open(path).map_err(fails)?;
    if !file.metadata().map_err(fails)?.is_file() {
        return Err(fails(io::Error::new(io::ErrorKind::InvalidInput, "not a file")));
    }
    let mut bytes = Vec::new();
    file.take(SCRIPT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(fails)?;
    if bytes.len() > SCRIPT_BYTES_MAX {
        return Err(fails(io::Error::new(io::ErrorKind::FileTooLarge, "larger than a job script may be")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_come_first_and_scripts_are_marked() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("a.txt"), "#").unwrap();
        fs::write(at("job.sh"), "#!/bin/sh\n").unwrap();
        fs::write(at(".hidden"), "").unwrap();
        fs::create_dir(at("sub")).unwrap();
        let found = entries(directory.path()).unwrap();
        let row = |name: &str, directory: bool, script: bool| json!({ "name": name, "directory": directory, "script": script });
        assert_eq!(
            found["files"],
            json!([row("sub", true, false), row("a.txt", false, false), row("job.sh", false, true)])
        );
        assert_eq!(text(&at("job.sh")).unwrap(), "#!/bin/sh\n");
        assert!(text(&at("sub")).is_err() && text(&at("none")).is_err() && entries(&at("none")).is_err());
    }

    #[test]
    fn what_is_larger_than_a_script_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("big");
        fs::write(&path, vec![b'a'; SCRIPT_BYTES_MAX + 1]).unwrap();
        assert_eq!(text(&path).unwrap_err().1.kind(), io::ErrorKind::FileTooLarge);
    }
}
