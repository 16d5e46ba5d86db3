//! The order of lines: `--sort=P,t,-p`, by the letters of `--format`.

use std::cmp::Ordering;

use super::row::{JobRow, Manner, StepRow};
use super::{fields, step_fields};
use crate::commands::columns::Field;
use crate::commands::facts;

/// Letters of columns of jobs by which Slurm does not sort.
pub const UNSORTED: &str = "aAEFkKoqrRswWxXyYZ";

/// One thing to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    letter: char,
    descending: bool,
}

/// Reads a list of orders.
///
/// # Errors
/// The letter that is none.
pub fn parse(text: &str, is_letter: impl Fn(char) -> bool) -> Result<Vec<Order>, char> {
    let (mut orders, mut descending) = (Vec::new(), false);
    let spelled = text.replace("cluster", "");
    for letter in spelled.chars() {
        match letter {
            ',' | ' ' => descending = false,
            '+' => descending = false,
            '-' => descending = true,
            letter if is_letter(letter) => {
                orders.push(Order { letter, descending });
                descending = false;
            }
            unknown => return Err(unknown),
        }
    }
    Ok(orders)
}

/// What two records are compared by.
#[derive(Debug, PartialEq)]
enum Key {
    Number(f64),
    Text(String),
}

impl Key {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

/// Sorts lines of jobs; what is equal stays in its order.
pub fn jobs(rows: &mut [JobRow], orders: &[Order], manner: &Manner) {
    sort(rows, orders, |row, letter| job_key(row, letter, manner));
}

/// Sorts lines of steps; what is equal stays in its order.
pub fn steps(rows: &mut [StepRow], orders: &[Order], manner: &Manner) {
    sort(rows, orders, |row, letter| step_key(row, letter, manner));
}

fn sort<R>(rows: &mut [R], orders: &[Order], key: impl Fn(&R, char) -> Key) {
    rows.sort_by(|a, b| {
        let by_each = orders.iter().map(|order| {
            let ordering = key(a, order.letter).compare(&key(b, order.letter));
            if order.descending { ordering.reverse() } else { ordering }
        });
        by_each.fold(Ordering::Equal, Ordering::then)
    });
}

fn job_key(row: &JobRow, letter: char, manner: &Manner) -> Key {
    let job = &row.job;
    // Times that are not known yet come last.
    let time = |second: Option<f64>| Key::Number(second.unwrap_or(f64::MAX));
    match letter {
        'i' | 'A' => {
            // Those that wait together stand where the first of them would.
            let array = job.array.as_ref();
            let waiting = || array.and_then(|array| array.elements.first().copied());
            let element = row.element.or_else(|| array.and_then(|array| array.element)).or_else(waiting);
            let base = if letter == 'i' { facts::array_id(job) } else { job.id.0 };
            Key::Number(f64::from(base) + element.map_or(0.0, |e| f64::from(e) / f64::from(u32::MAX)))
        }
        't' | 'T' => Key::Text(job.state.long().to_owned()),
        'p' | 'Q' => Key::Number(f64::from(job.priority)),
        'M' => Key::Number(facts::elapsed(job, &manner.clock) as f64),
        'l' | 'L' => Key::Number(job.time_limit.map_or(f64::MAX, f64::from)),
        'S' => time(job.start_time),
        'e' => time(job.end_time),
        'V' => time(Some(job.submit_time)),
        letter => text_key(fields::FIELDS, row, letter, manner),
    }
}

fn step_key(row: &StepRow, letter: char, manner: &Manner) -> Key {
    match letter {
        'i' => Key::Number(
            f64::from(row.job.id.0) + f64::from(row.step.key.step.0) / (f64::from(u32::MAX) + 1.0),
        ),
        'M' | 'S' => Key::Number(row.step.start_time * if letter == 'M' { -1.0 } else { 1.0 }),
        letter => text_key(step_fields::FIELDS, row, letter, manner),
    }
}

/// What the column shows: as a number, if it is one.
fn text_key<R>(table: &'static [Field<R, Manner>], row: &R, letter: char, manner: &Manner) -> Key {
    let text =
        table.iter().find(|field| field.letter == Some(letter)).map(|field| (field.value)(row, manner));
    let text = text.unwrap_or_default();
    text.parse().map_or(Key::Text(text), Key::Number)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::commands::samples;
    use crate::commands::squeue::row::job_rows;

    fn sorted(by: &str) -> Vec<u32> {
        let manner = Manner { clock: samples::clock(), list_length: 64 };
        let mut low = samples::pending(3);
        low.name = "a".to_owned();
        low.priority = 5;
        let jobs = [samples::running(2), samples::pending(10), low];
        let mut rows = job_rows(&jobs.map(Rc::new), false, false);
        let orders = parse(by, |letter| letter.is_ascii_alphabetic()).unwrap();
        super::jobs(&mut rows, &orders, &manner);
        rows.iter().map(|row| row.job.id.0).collect()
    }

    #[test]
    fn lines_are_sorted_by_letters() {
        for (by, expected) in [
            ("P,t,-p", [3, 10, 2]),
            ("i", [2, 3, 10]),
            ("-i", [10, 3, 2]),
            ("j", [3, 10, 2]),
            ("-t,i", [2, 3, 10]),
        ] {
            assert_eq!(sorted(by), expected, "{by}");
        }
        assert_eq!(parse("P,!", |letter| letter.is_ascii_alphabetic()), Err('!'));
    }
}
