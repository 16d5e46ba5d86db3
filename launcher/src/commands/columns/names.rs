//! `-O 'Name:10,StateCompact:.4'`: `NAME[:[.][SIZE][SUFFIX]]`, joined by commas (`squeue(1)`, `--Format`).

use super::letters::bounded;
use super::{Cell, Column, Field};

/// The width of a column that names none.
const WIDTH: &str = "20";

/// Columns of a list of names in any case, and those names that no field has, which are left out.
#[must_use]
pub fn parse<R, C>(format: &str, table: &'static [Field<R, C>]) -> (Vec<Column<R, C>>, Vec<String>) {
    let (mut columns, mut unknown) = (Vec::new(), Vec::new());
    for item in format.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        // A colon without a number leaves the text as wide as it is.
        let (name, layout) = item.split_once(':').unwrap_or((item, WIDTH));
        let (right, rest) = layout.strip_prefix('.').map_or((false, layout), |rest| (true, rest));
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let width = rest[..digits].parse().ok().filter(|&width: &usize| width > 0);
        match table.iter().find(|field| field.name.eq_ignore_ascii_case(name)) {
            Some(field) => columns.push(Column {
                cell: Cell::Field(field),
                width: width.map(bounded),
                right,
                suffix: rest[digits..].to_owned(),
            }),
            None => unknown.push(name.to_owned()),
        }
    }
    (columns, unknown)
}

#[cfg(test)]
mod tests {
    use super::super::{header, line};
    use super::*;

    const TABLE: &[Field<&str, ()>] = &[
        Field { letter: None, name: "Name", header: "NAME", value: |r, ()| (*r).to_owned() },
        Field { letter: None, name: "StateCompact", header: "ST", value: |_, ()| "PD".to_owned() },
    ];

    #[test]
    fn a_name_has_twenty_characters_unless_it_says_otherwise() {
        for (format, head, text) in [
            ("name", "NAME                ", "kitik               "),
            ("Name:10,StateCompact:.4", "NAME        ST", "kitik       PD"),
            ("name:3|,STATECOMPACT:2", "NAM|ST", "kit|PD"),
            ("name,foo,statecompact:.3", "NAME                 ST", "kitik                PD"),
            ("name:x,statecompact:.|,name:", "NAMExST|NAME", "kitikxPD|kitik"),
        ] {
            let (columns, _) = parse(format, TABLE);
            assert_eq!((header(&columns), line(&columns, &"kitik", &())), (head.to_owned(), text.to_owned()));
        }
        assert_eq!(parse("foo,name", TABLE).1, ["foo"]);
    }
}
