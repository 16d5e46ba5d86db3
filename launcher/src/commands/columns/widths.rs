//! `--format=jobid,state%20`: `NAME[%[-]WIDTH]`, joined by commas, and the three ways in which `sacct` writes rows
//! (`sacct(1)`, `--format`, `--parsable`).

/// One column that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The name as written.
    pub name: String,
    /// Another width than the field's own; negative is to the left.
    pub width: Option<i32>,
}

/// Widths that a user may ask for.
const WIDTH_MAX: i32 = 1 << 16;

/// The names of a list; empty ones are left out.
#[must_use]
pub fn parse(format: &str) -> Vec<Chosen> {
    let items = format.split([',', '\n']).map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| {
            let (name, width) = item.split_once('%').unwrap_or((item, ""));
            let width = width.parse::<i32>().ok().filter(|&width| width != 0);
            Chosen { name: name.to_owned(), width: width.map(|width| width.clamp(-WIDTH_MAX, WIDTH_MAX)) }
        })
        .collect()
}

/// How rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// In columns, with a line below the heads.
    Columns,
    /// With this between fields, and after the last one too (`--parsable`).
    Closed(String),
    /// With this between fields (`--parsable2`).
    Open(String),
}

impl Rows {
    /// One row of cells, each with its width.
    #[must_use]
    pub fn row(&self, cells: &[(String, i32)]) -> String {
        let texts = cells.iter().map(|(text, _)| text.as_str());
        match self {
            Self::Columns => cells.iter().map(|(text, width)| cell(text, *width) + " ").collect(),
            Self::Open(between) => texts.collect::<Vec<_>>().join(between),
            Self::Closed(between) => texts.flat_map(|text| [text, between]).collect(),
        }
    }

    /// The heads, with the line below them if there are columns.
    #[must_use]
    pub fn head(&self, cells: &[(String, i32)]) -> Vec<String> {
        if *self != Self::Columns {
            return vec![self.row(cells)];
        }
        // A head is cut where a value gets its sign.
        let cut = |(text, width): &(String, i32)| {
            let text: String = text.chars().take(width.unsigned_abs() as usize).collect();
            cell(&text, *width) + " "
        };
        let below = cells.iter().map(|(_, width)| "-".repeat(width.unsigned_abs() as usize) + " ").collect();
        vec![cells.iter().map(cut).collect(), below]
    }
}

/// A text in its width; one that does not fit ends in `+`.
fn cell(text: &str, width: i32) -> String {
    let room = width.unsigned_abs() as usize;
    let text = if text.chars().count() > room {
        text.chars().take(room.saturating_sub(1)).chain(['+']).collect()
    } else {
        text.to_owned()
    };
    if width < 0 { format!("{text:<room$}") } else { format!("{text:>room$}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_may_have_widths() {
        let chosen = |name: &str, width| Chosen { name: name.to_owned(), width };
        assert_eq!(
            parse("jobid,state%20, nodelist%-256,,x%y"),
            [
                chosen("jobid", None),
                chosen("state", Some(20)),
                chosen("nodelist", Some(-256)),
                chosen("x", None)
            ]
        );
    }

    #[test]
    fn rows_are_columns_or_lists() {
        let cells = [("12".to_owned(), -5), ("CANCELLED by 0".to_owned(), 10)];
        for (rows, expected) in [
            (Rows::Columns, "12    CANCELLED+ "),
            (Rows::Open("|".to_owned()), "12|CANCELLED by 0"),
            (Rows::Closed(",".to_owned()), "12,CANCELLED by 0,"),
        ] {
            assert_eq!(rows.row(&cells), expected);
        }
        assert_eq!(Rows::Columns.head(&cells), ["12    CANCELLED  ", "----- ---------- "]);
        assert_eq!(Rows::Columns.head(&[("NTasks".to_owned(), 3)])[0], "NTa ");
    }

    proptest! {
        #[test]
        fn no_format_makes_it_panic(format in ".{0,40}", text in ".{0,20}") {
            for chosen in parse(&format) {
                let width = chosen.width.unwrap_or(1);
                prop_assert_eq!(cell(&text, width).chars().count(), width.unsigned_abs() as usize);
            }
        }
    }
}
