//! A job as JSON describes it (`job_desc_msg` of Slurm's OpenAPI, v0.0.42) → words of `sbatch`, and keys of `scontrol
//! update`: what a value means, and what is wrong with it, is said by the rows that read options everywhere.
//!
//! Pure. A field that is unknown is left out with a warning, as Slurm's server does it.

mod fields;

use serde_json::{Map, Value, json};

use self::fields::{BY_HAND, WITHOUT_EFFECT, row};
use super::value::{Kind, Wrong, read};

/// What a job is described as.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Description {
    /// Words of `sbatch`.
    pub(super) words: Vec<String>,
    /// Unix second before which it must not start.
    pub(super) begin: Option<i64>,
    /// Unix second at which it must have ended.
    pub(super) deadline: Option<i64>,
    /// Variables as `NAME=VALUE`.
    pub(super) environment: Vec<String>,
    /// Where it runs.
    pub(super) directory: Option<String>,
    /// Arguments of its script.
    pub(super) args: Vec<String>,
    /// The script, where it stands here.
    pub(super) script: Option<String>,
    /// What the user should read.
    pub(super) warnings: Vec<Value>,
}

/// What is to become of a job.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    /// Keys of `scontrol update` with their values.
    pub(super) changes: Vec<(String, String)>,
    /// Whether it is to be held.
    pub(super) hold: Option<bool>,
    /// What the user should read.
    pub(super) warnings: Vec<Value>,
}

impl Description {
    /// Reads a description that stands at this place of the request (`#/job`).
    ///
    /// # Errors
    /// [`Wrong`]: the first value that cannot be what its field is.
    pub(super) fn read(fields: &Map<String, Value>, place: &str) -> Result<Self, Wrong> {
        let mut description = Self::default();
        for (field, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            let wrong = |wrong: Wrong| wrong.at(place, field);
            if let Some((_, kind, option, _)) = row(field) {
                if let Some(text) = read(*kind, value).map_err(wrong)? {
                    let lower = if field == "open_mode" { text.to_lowercase() } else { text };
                    description.words.push(word(*kind, option, &lower));
                }
            } else if !BY_HAND.contains(&field.as_str()) {
                description.warnings.push(left_out(field, value, place));
            }
        }
        description.put_together(fields).map_err(|wrong| wrong.within(place))?;
        Ok(description)
    }

    fn put_together(&mut self, fields: &Map<String, Value>) -> Result<(), Wrong> {
        let of = |field: &'static str, kind| match fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(kind, value).map_err(|wrong| wrong.in_field(field)),
        };
        let second =
            |field| Ok::<_, Wrong>(of(field, Kind::Number)?.and_then(|text| text.parse::<i64>().ok()));
        let list = |field: &'static str| match fields.get(field) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(value) => super::value::texts(value).map_err(|wrong| wrong.in_field(field)),
        };
        self.begin = second("begin_time")?.filter(|second| *second > 0);
        self.deadline = second("deadline")?.filter(|second| *second > 0);
        self.environment = list("environment")?;
        self.args = list("argv")?;
        self.directory = of("current_working_directory", Kind::Text)?;
        self.script = of("script", Kind::Text)?;
        let nodes = match (
            of("nodes", Kind::Text)?,
            of("minimum_nodes", Kind::Number)?,
            of("maximum_nodes", Kind::Number)?,
        ) {
            (Some(range), ..) => Some(range),
            (None, Some(least), Some(most)) => Some(format!("{least}-{most}")),
            (None, Some(least), None) => Some(least),
            (None, None, most) => most.map(|most| format!("1-{most}")),
        };
        self.words.extend(nodes.map(|range| format!("--nodes={range}")));
        if let (Some(cpus), false) = (of("minimum_cpus", Kind::Number)?, fields.contains_key("tasks")) {
            self.words.push(format!("--ntasks={cpus}"));
        }
        if let Some(signal) = of("kill_warning_signal", Kind::Text)? {
            let script_only =
                list("kill_warning_flags")?.iter().any(|flag| flag.eq_ignore_ascii_case("BATCH_JOB"));
            let before =
                of("kill_warning_delay", Kind::Number)?.map_or_else(String::new, |secs| format!("@{secs}"));
            self.words.push(format!("--signal={}{signal}{before}", if script_only { "B:" } else { "" }));
        }
        match of("requeue", Kind::Flag)?.as_deref() {
            Some("true") => self.words.push("--requeue".to_owned()),
            Some(_) => self.words.push("--no-requeue".to_owned()),
            None => {}
        }
        if of("kill_on_node_fail", Kind::Flag)?.as_deref() == Some("false") {
            self.words.push("--no-kill".to_owned());
        }
        for sharing in list("shared")? {
            match sharing.to_lowercase().as_str() {
                "none" => self.words.push("--exclusive".to_owned()),
                "oversubscribe" => self.words.push("--oversubscribe".to_owned()),
                other => self.words.push(format!("--exclusive={other}")),
            }
        }
        Ok(())
    }
}

impl Changes {
    /// Reads what is to be changed.
    ///
    /// # Errors
    /// [`Wrong`].
    pub(super) fn read(fields: &Map<String, Value>) -> Result<Self, Wrong> {
        let mut changes = Self::default();
        for (field, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            let wrong = |wrong: Wrong| wrong.at("#", field);
            let mut change = |key: &str, value: String| changes.changes.push((key.to_owned(), value));
            match (field.as_str(), row(field)) {
                ("hold", _) => {
                    changes.hold = read(Kind::Flag, value).map_err(wrong)?.map(|text| text == "true")
                }
                ("requeue", _) => {
                    if let Some(text) = read(Kind::Flag, value).map_err(wrong)? {
                        change("requeue", u8::from(text == "true").to_string());
                    }
                }
                ("nodes", _) => {
                    change("numnodes", read(Kind::Text, value).map_err(wrong)?.unwrap_or_default())
                }
                ("minimum_nodes", _) => {
                    change("numnodes", read(Kind::Number, value).map_err(wrong)?.unwrap_or_default());
                }
                (_, Some((_, kind, _, key))) if !key.is_empty() => {
                    if let Some(text) = read(*kind, value).map_err(wrong)? {
                        change(key, text);
                    }
                }
                // The path has named it.
                ("job_id", _) => {}
                _ => changes.warnings.push(left_out(field, value, "#")),
            }
        }
        Ok(changes)
    }
}

fn word(kind: Kind, option: &str, text: &str) -> String {
    if matches!(kind, Kind::Switch) { format!("--{option}") } else { format!("--{option}={text}") }
}

fn left_out(field: &str, value: &Value, place: &str) -> Value {
    let description = if WITHOUT_EFFECT.contains(&field) || row(field).is_some() || BY_HAND.contains(&field) {
        format!("`{field}` has no effect with prun")
    } else {
        let kind = super::value::kind_of(value);
        format!("Ignoring unknown field \"{field}\" of type {kind} in DATA_PARSER_JOB_DESC_MSG")
    };
    json!({ "description": description, "source": format!("{place}/{field}/") })
}

#[cfg(test)]
mod tests {
    use super::fields::ROWS;
    use super::*;
    use crate::script::options::rows;

    fn described(value: Value) -> Description {
        Description::read(value.as_object().unwrap(), "#/job").unwrap()
    }

    #[test]
    fn every_row_names_an_option_that_there_is_and_no_field_stands_twice() {
        let mut names: Vec<&str> = ROWS.iter().map(|(name, ..)| *name).collect();
        for (name, _, option, _) in ROWS {
            assert!(rows().any(|row| row.long == *option), "{name}: --{option}");
        }
        names.extend(BY_HAND.iter().chain(WITHOUT_EFFECT));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn fields_become_the_words_of_sbatch() {
        for (fields, words) in [
            (json!({ "name": "x", "tasks": 2 }), &["--job-name=x", "--ntasks=2"][..]),
            (json!({ "time_limit": { "set": true, "infinite": false, "number": 5 } }), &["--time=5"]),
            (json!({ "time_limit": 7 }), &["--time=7"]),
            (json!({ "time_limit": { "infinite": true } }), &["--time=UNLIMITED"]),
            (json!({ "time_limit": { "set": false, "number": 0 }, "name": null }), &[]),
            (
                json!({ "required_nodes": ["a", "b"], "excluded_nodes": "c,d" }),
                &["--exclude=c,d", "--nodelist=a,b"],
            ),
            (json!({ "hold": true, "contiguous": false }), &["--hold"]),
            (json!({ "minimum_nodes": 2, "maximum_nodes": 3 }), &["--nodes=2-3"]),
            (json!({ "nodes": "2-4" }), &["--nodes=2-4"]),
            (json!({ "minimum_cpus": 4 }), &["--ntasks=4"]),
            (json!({ "minimum_cpus": 4, "tasks": 2 }), &["--ntasks=2"]),
            (json!({ "requeue": false, "kill_on_node_fail": false }), &["--no-requeue", "--no-kill"]),
            (
                json!({ "kill_warning_signal": "USR1", "kill_warning_delay": 30, "kill_warning_flags": ["BATCH_JOB"] }),
                &["--signal=B:USR1@30"],
            ),
            (
                json!({ "tres_per_node": "gres/gpu:2", "tres_per_job": "gres/gpu=4" }),
                &["--gpus=4", "--gres=gpu:2"],
            ),
            (json!({ "open_mode": ["APPEND"], "shared": ["none"] }), &["--open-mode=append", "--exclusive"]),
        ] {
            assert_eq!(described(fields.clone()).words, words, "{fields}");
        }
    }

    #[test]
    fn what_is_no_option_stands_beside_the_words() {
        let description = described(json!({
            "environment": ["PATH=/bin", "A=b c"], "argv": ["x", "y"], "script": "#!/bin/sh\n", "begin_time": 99,
            "current_working_directory": "/tmp", "deadline": { "set": true, "number": 100 },
        }));
        assert_eq!(description.words, [] as [&str; 0]);
        assert_eq!((description.begin, description.deadline), (Some(99), Some(100)));
        assert_eq!(description.environment, ["PATH=/bin", "A=b c"]);
        assert_eq!(description.args, ["x", "y"]);
        assert_eq!(description.directory.as_deref(), Some("/tmp"));
    }

    #[test]
    fn what_is_unknown_is_left_out_aloud() {
        let description = described(json!({ "bogus": 1, "x11": [], "name": "x" }));
        let said: Vec<&str> =
            description.warnings.iter().map(|warning| warning["description"].as_str().unwrap()).collect();
        assert_eq!(
            said,
            [
                "Ignoring unknown field \"bogus\" of type 64 bit integer in DATA_PARSER_JOB_DESC_MSG",
                "`x11` has no effect with prun",
            ]
        );
        assert_eq!(description.warnings[0]["source"], "#/job/bogus/");
    }

    #[test]
    fn a_value_that_cannot_be_is_an_error_with_its_place() {
        for (fields, place) in [
            (json!({ "tasks": "many" }), "#/job/tasks/"),
            (json!({ "tasks": [1] }), "#/job/tasks/"),
            (json!({ "environment": "PATH=/bin" }), "#/job/environment/"),
            (json!({ "time_limit": { "set": true, "number": "x" } }), "#/job/time_limit/"),
            (json!({ "hold": "perhaps" }), "#/job/hold/"),
        ] {
            let wrong = Description::read(fields.as_object().unwrap(), "#/job").unwrap_err();
            assert_eq!(wrong.place, place, "{fields}");
        }
    }

    #[test]
    fn changes_are_keys_of_scontrol_update() {
        let fields = json!({ "comment": "c", "time_limit": { "set": true, "number": 7 }, "hold": true, "array": "1-3" });
        let changes = Changes::read(fields.as_object().unwrap()).unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(changes.changes, [pair("comment", "c"), pair("timelimit", "7")]);
        assert_eq!((changes.hold, changes.warnings.len()), (Some(true), 1));
    }
}
