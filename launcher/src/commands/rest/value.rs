//! Values of JSON as the fields of Slurm's OpenAPI take them: more ways to say a number or a list than one.

use serde_json::Value;

/// How a value reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text; a number is one too.
    Text,
    /// A whole number, or an object of `set`, `infinite` and `number`.
    Number,
    /// The same, of minutes: an infinite one is `UNLIMITED`.
    Minutes,
    /// A list of names, or a text of them with commas.
    Names,
    /// An option that is there or not.
    Switch,
    /// `true` or `false`.
    Flag,
    /// `gres/gpu=4`, of which only the count (and type) matters.
    OfGpus,
    /// `gres/gpu:4` or `gres/gpu=4`, without its first word.
    Gres,
}

/// A value that cannot be what its field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Where it stands: `#/job/tasks/`.
    pub(super) place: String,
    /// What is expected, and what came.
    pub(super) text: String,
}

impl Wrong {
    fn expected(what: &str, value: &Value) -> Self {
        // A long one would be told in full.
        let came: String = value.to_string().chars().take(80).collect();
        Self { place: String::new(), text: format!("Expected {what} but got {}: {came}", kind_of(value)) }
    }

    /// With the field and where it stands.
    pub(super) fn at(self, place: &str, field: &str) -> Self {
        Self { place: format!("{place}/{field}/"), ..self }
    }

    /// With the field alone.
    pub(super) fn in_field(self, field: &str) -> Self {
        Self { place: format!("/{field}/"), ..self }
    }

    /// With where the field stands.
    pub(super) fn within(self, place: &str) -> Self {
        Self { place: format!("{place}{}", self.place), ..self }
    }
}

/// A value as its option's text; `None` where it says that nothing is set.
///
/// # Errors
/// [`Wrong`] without its place.
pub(super) fn read(kind: Kind, value: &Value) -> Result<Option<String>, Wrong> {
    match kind {
        Kind::Text => text(value),
        Kind::Number => number(value, None),
        Kind::Minutes => number(value, Some("UNLIMITED")),
        Kind::Names => texts(value).map(|names| (!names.is_empty()).then(|| names.join(","))),
        Kind::Flag => flag(value).map(|yes| Some(yes.to_string())),
        Kind::Switch => flag(value).map(|yes| yes.then(|| "true".to_owned())),
        Kind::OfGpus => {
            text(value).map(|text| text.map(|text| after(&text, &["gres/gpu=", "gres/gpu:", "gres:gpu:"])))
        }
        Kind::Gres => text(value).map(|text| {
            text.map(|text| {
                text.split(',')
                    .map(|one| after(one, &["gres/", "gres:"]).replace('=', ":"))
                    .collect::<Vec<_>>()
                    .join(",")
            })
        }),
    }
}

fn after(text: &str, prefixes: &[&str]) -> String {
    prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text).to_owned()
}

fn text(value: &Value) -> Result<Option<String>, Wrong> {
    match value {
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        other => Err(Wrong::expected("a string", other)),
    }
}

fn number(value: &Value, infinite: Option<&str>) -> Result<Option<String>, Wrong> {
    let whole = |value: &Value| match value {
        Value::Number(number) => number.as_i64().map(|number| number.to_string()),
        Value::String(text) => text.trim().parse::<i64>().ok().map(|number| number.to_string()),
        _ => None,
    };
    let fails = || Wrong::expected("an integer", value);
    let Value::Object(fields) = value else { return whole(value).map(Some).ok_or_else(fails) };
    let is = |field: &str| fields.get(field).and_then(Value::as_bool);
    match (is("infinite"), is("set"), fields.get("number")) {
        (Some(true), ..) => infinite.map(|text| Some(text.to_owned())).ok_or_else(fails),
        (_, Some(false), _) | (_, None, None) => Ok(None),
        (_, _, number) => number.and_then(whole).map(Some).ok_or_else(fails),
    }
}

fn flag(value: &Value) -> Result<bool, Wrong> {
    match value {
        Value::Bool(yes) => Ok(*yes),
        Value::String(text) if text == "true" || text == "false" => Ok(text == "true"),
        other => Err(Wrong::expected("a boolean", other)),
    }
}

/// A list of texts. A text alone is a list with commas, but not where it holds `=`: an environment is no such list.
///
/// # Errors
/// [`Wrong`] without its place.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, Wrong> {
    let fails = || Wrong::expected("an array of strings", value);
    match value {
        Value::String(text) if text.contains('=') => Err(fails()),
        Value::String(text) => {
            Ok(text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect())
        }
        Value::Array(all) => {
            all.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(fails)).collect()
        }
        _ => Err(fails()),
    }
}

/// What Slurm calls a value's type.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "floating point number",
        Value::Number(_) => "64 bit integer",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "dictionary",
    }
}
