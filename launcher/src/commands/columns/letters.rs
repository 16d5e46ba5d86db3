//! `-o '%.18i %j'`: `%[[.]SIZE]LETTER`, with text between (`squeue(1)`, `--format`).

use super::{Cell, Column, Field};

/// Columns of a format, and the letters that no field has. An unknown one stays as text.
#[must_use]
pub fn parse<R, C>(format: &str, table: &'static [Field<R, C>]) -> (Vec<Column<R, C>>, Vec<char>) {
    let (mut columns, mut unknown) = (Vec::new(), Vec::new());
    let mut pieces = format.split('%');
    let text = pieces.next().unwrap_or_default();
    if !text.is_empty() {
        columns.push(literal(text));
    }
    for piece in pieces {
        if let Some(suffix) = piece.strip_prefix("all") {
            columns.extend(all(table));
            columns.extend((!suffix.is_empty()).then(|| literal(suffix)));
            continue;
        }
        let (right, rest) = piece.strip_prefix('.').map_or((false, piece), |rest| (true, rest));
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let width = rest[..digits].parse().ok().filter(|&width: &usize| width > 0);
        let mut letters = rest[digits..].chars();
        let Some(letter) = letters.next() else { continue };
        match table.iter().find(|field| field.letter == Some(letter)) {
            Some(field) => {
                let suffix = letters.as_str().to_owned();
                columns.push(Column { cell: Cell::Field(field), width: width.map(bounded), right, suffix });
            }
            None => {
                unknown.push(letter);
                columns.push(literal(&format!("%{letter}{}", letters.as_str())));
            }
        }
    }
    (columns, unknown)
}

/// Widths that a user may ask for.
const WIDTH_MAX: usize = 1 << 16;

/// A width within [`WIDTH_MAX`].
pub(super) fn bounded(width: usize) -> usize {
    width.min(WIDTH_MAX)
}

fn literal<R, C>(text: &str) -> Column<R, C> {
    Column { cell: Cell::Literal(text.to_owned()), width: None, right: false, suffix: String::new() }
}

/// `%all`: every field that has a letter, with bars between: the small letters, then the capitals.
pub fn all<R, C>(table: &'static [Field<R, C>]) -> impl Iterator<Item = Column<R, C>> {
    let mut fields: Vec<_> = table.iter().filter(|field| field.letter.is_some()).collect();
    fields.sort_by_key(|field| field.letter.map(|letter| (letter.is_ascii_uppercase(), letter)));
    let last = fields.len().saturating_sub(1);
    fields.into_iter().enumerate().map(move |(at, field)| Column {
        cell: Cell::Field(field),
        width: None,
        right: false,
        suffix: if at == last { String::new() } else { "|".to_owned() },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{header, line};
    use super::*;

    const TABLE: &[Field<(u32, &str), ()>] = &[
        Field { letter: Some('i'), name: "JobID", header: "JOBID", value: |r, ()| r.0.to_string() },
        Field { letter: Some('j'), name: "Name", header: "NAME", value: |r, ()| r.1.to_owned() },
    ];

    fn lines(format: &str) -> (String, String) {
        let (columns, _) = parse(format, TABLE);
        (header(&columns), line(&columns, &(7, "migov"), &()))
    }

    #[test]
    fn widths_pad_and_cut_and_text_stays() {
        for (format, head, text) in [
            ("%i %j", "JOBID NAME", "7 migov"),
            ("<%12j><%.12j><%.3j>", "<NAME        ><        NAME><NAM>", "<migov       ><       migov><mig>"),
            ("name=%j;id=%i end", "name=NAME;id=JOBID end", "name=migov;id=7 end"),
            ("%all", "JOBID|NAME", "7|migov"),
            ("%i%!x", "JOBID%!x", "7%!x"),
            ("%", "", ""),
            ("", "", ""),
        ] {
            assert_eq!(lines(format), (head.to_owned(), text.to_owned()), "{format}");
        }
        assert_eq!(parse("%!%q%i", TABLE).1, ['!', 'q']);
    }

    proptest! {
        #[test]
        fn no_format_makes_it_panic_or_costs_much(format in "[%.0-9a-z ]{0,40}") {
            prop_assert!(lines(&format).1.len() <= 40 * (WIDTH_MAX + 40));
        }
    }
}
