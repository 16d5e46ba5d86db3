//! The order of lines: `--sort=#P,-t`, by the letters of `--format` (`sinfo(1)`).

use std::cmp::Ordering;

use super::fields::FIELDS;
use super::group::Group;
use crate::commands::clock::Clock;
use crate::commands::states::NodeState;

/// Sorts lines; what is equal stays in its order. Letters that no field has sort nothing.
pub fn sort(groups: &mut [Group], orders: &str, clock: &Clock) {
    let mut keys: Vec<(char, bool, bool)> = Vec::new();
    let (mut descending, mut configured) = (false, false);
    for letter in orders.chars() {
        match letter {
            '-' => descending = true,
            '+' => descending = false,
            '#' => configured = true,
            ',' | ' ' => (descending, configured) = (false, false),
            letter => {
                keys.push((letter, descending, configured));
                (descending, configured) = (false, false);
            }
        }
    }
    groups.sort_by(|a, b| {
        let by_each = keys.iter().map(|&(letter, descending, configured)| {
            let ordering = compare(a, b, letter, configured, clock);
            if descending { ordering.reverse() } else { ordering }
        });
        by_each.fold(Ordering::Equal, Ordering::then)
    });
}

fn compare(a: &Group, b: &Group, letter: char, configured: bool, clock: &Clock) -> Ordering {
    let state = |group: &Group| group.state().map_or(0, NodeState::order);
    match letter {
        'P' | 'R' if configured => a.place.cmp(&b.place),
        't' | 'T' => state(a).cmp(&state(b)),
        letter => {
            let Some(field) = FIELDS.iter().find(|field| field.letter == Some(letter)) else {
                return Ordering::Equal;
            };
            let (a, b) = ((field.value)(a, clock), (field.value)(b, clock));
            match (a.trim_end_matches('+').parse::<f64>(), b.trim_end_matches('+').parse::<f64>()) {
                (Ok(a), Ok(b)) => a.total_cmp(&b),
                _ => natural(&a).cmp(&natural(&b)),
            }
        }
    }
}

/// Names of one prefix by number: `n2` before `n10`.
fn natural(name: &str) -> (&str, usize, &str) {
    let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &name[prefix.len()..];
    (prefix, digits.len(), digits)
}
