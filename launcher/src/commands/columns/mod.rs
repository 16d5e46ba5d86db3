//! Columns of text: fields with a width, as `squeue`, `sinfo` and `sacct` lay them out.
//!
//! A command has a table of [`Field`]s; [`letters`], [`names`] and [`widths`] read the three ways in which users choose
//! from it; [`Column`] writes one cell.

pub mod letters;
pub mod names;
pub mod widths;

/// One thing that can be shown of a record. `C` is what a value depends on beside its record.
pub struct Field<R: 'static, C: 'static> {
    /// The letter of `-o`.
    pub letter: Option<char>,
    /// The name of `-O`.
    pub name: &'static str,
    /// The head of its column.
    pub header: &'static str,
    /// Its text.
    pub value: fn(&R, &C) -> String,
}

impl<R, C> std::fmt::Debug for Field<R, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What stands in a column.
#[derive(Debug)]
pub enum Cell<R: 'static, C: 'static> {
    /// A field of each record.
    Field(&'static Field<R, C>),
    /// The same text in every line, the head too.
    Literal(String),
}

/// One column: a cell, its width, and what follows it.
#[derive(Debug)]
pub struct Column<R: 'static, C: 'static> {
    /// What stands in it.
    pub cell: Cell<R, C>,
    /// Characters; `None` is as many as it takes.
    pub width: Option<usize>,
    /// At the right edge.
    pub right: bool,
    /// Follows the cell.
    pub suffix: String,
}

impl<R, C> Column<R, C> {
    fn put(&self, text: &str, line: &mut String) {
        line.push_str(&fit(text, self.width, self.right));
        line.push_str(&self.suffix);
    }
}

/// Text in a width: padded, or cut at its end.
#[must_use]
pub fn fit(text: &str, width: Option<usize>, right: bool) -> String {
    let Some(width) = width else { return text.to_owned() };
    let cut: String = text.chars().take(width).collect();
    if right { format!("{cut:>width$}") } else { format!("{cut:<width$}") }
}

/// The line of heads.
#[must_use]
pub fn header<R, C>(columns: &[Column<R, C>]) -> String {
    let mut line = String::new();
    for column in columns {
        match &column.cell {
            Cell::Field(field) => column.put(field.header, &mut line),
            Cell::Literal(text) => column.put(text, &mut line),
        }
    }
    line
}

/// The line of one record.
#[must_use]
pub fn line<R, C>(columns: &[Column<R, C>], record: &R, context: &C) -> String {
    let mut line = String::new();
    for column in columns {
        match &column.cell {
            Cell::Field(field) => column.put(&(field.value)(record, context), &mut line),
            Cell::Literal(text) => column.put(text, &mut line),
        }
    }
    line
}
