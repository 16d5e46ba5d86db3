//! The elements of an array that wait, as users see them: a list, cut to a length, or those that were asked for.

use std::cmp::Reverse;

use super::jobref::{Named, ranges};
use crate::controller::api::JobView;

/// Characters of a list unless `SLURM_BITSTR_LEN` says otherwise; 0 is all of it.
pub const LENGTH: usize = 64;

/// Characters that the variable may ask for.
const LENGTH_MAX: usize = 4096;

/// So many elements with even steps are still written one by one,
const SINGLE_MAX: usize = 5;

/// and so are those that lie within so many numbers.
const SPAN_MAX: u32 = 10;

/// `SLURM_BITSTR_LEN`.
#[must_use]
pub fn length(variable: &dyn Fn(&str) -> Option<String>) -> usize {
    let asked = variable("SLURM_BITSTR_LEN").and_then(|text| text.parse::<usize>().ok());
    asked.map_or(LENGTH, |length| length.min(LENGTH_MAX))
}

/// `1-13:2`, or `0-3,7` with dots where it would be as long as this.
#[must_use]
pub fn text(elements: &[u32], length: usize) -> String {
    if let Some(steps) = steps(elements) {
        return steps;
    }
    let full = ranges(elements);
    if length == 0 || full.len() + 3 <= length {
        return full;
    }
    let room = length.saturating_sub(1);
    if full.len().min(room) + 3 <= length {
        return full;
    }
    let cut = full.len().min(room).saturating_sub(3);
    format!("{}...", &full[..cut])
}

/// `MIN-MAX:STEP`, for a long row of elements with gaps of one size.
fn steps(elements: &[u32]) -> Option<String> {
    let [first, second, .., last] = elements else { return None };
    let step = second - first;
    let even = elements.windows(2).all(|pair| pair[1] - pair[0] == step);
    (even && step > 1 && elements.len() > SINGLE_MAX && last - first > SPAN_MAX)
        .then(|| format!("{first}-{last}:{step}"))
}

/// Where a record stands when one array is shown: the one that has the array's number, then from the youngest back. All
/// other jobs stay where they are.
#[must_use]
pub fn place_in_array(job: &JobView) -> (u8, Reverse<u32>) {
    match &job.array {
        Some(array) if array.id != job.id => (1, Reverse(job.id.0)),
        _ => (0, Reverse(0)),
    }
}

/// A record of elements that wait, left with those that are named. A job that is named as a whole, or is no such
/// record, stays as it is: `None`.
#[must_use]
pub fn narrowed(job: &JobView, names: &[Named]) -> Option<JobView> {
    let array = job.array.as_ref().filter(|array| array.element.is_none())?;
    let naming: Vec<&Named> = names.iter().filter(|named| named.matches(job)).collect();
    if naming.is_empty() || naming.iter().any(|named| named.job.elements.is_none()) {
        return None;
    }
    let named = |element: &u32| {
        naming.iter().any(|named| named.job.elements.as_ref().is_some_and(|list| list.contains(element)))
    };
    let elements: Vec<u32> = array.elements.iter().copied().filter(named).collect();
    let mut narrowed = job.clone();
    if let Some(array) = &mut narrowed.array {
        match elements.as_slice() {
            [only] => array.element = Some(*only),
            _ => array.limit = None,
        }
        array.elements = elements;
    }
    Some(narrowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn long_even_rows_are_written_by_their_step() {
        let row = |first: u32, last: u32, step: usize| (first..=last).step_by(step).collect::<Vec<_>>();
        for (elements, expected) in [
            (row(0, 20, 5), "0,5,10,15,20"),
            (row(0, 30, 5), "0-30:5"),
            (row(1, 11, 2), "1,3,5,7,9,11"),
            (row(1, 13, 2), "1-13:2"),
            (row(1, 100, 99), "1,100"),
            (row(0, 99, 1), "0-99"),
            (vec![1, 3, 5, 7, 9, 11, 14], "1,3,5,7,9,11,14"),
        ] {
            assert_eq!(text(&elements, LENGTH), expected);
        }
    }

    #[test]
    fn long_lists_are_cut_as_slurm_cuts_them() {
        let mut elements: Vec<u32> = (1..=300).step_by(7).chain([5, 9]).collect();
        elements.sort_unstable();
        let cut = "1,5,8-9,15,22,29,36,43,50,57,64,71,78,85,92,99,106,113,120,1...";
        assert_eq!(text(&elements, 64), cut);
        assert_eq!(text(&elements, 20), "1,5,8-9,15,22,29...");
        assert!(text(&elements, 0).ends_with(",288,295"));
        assert_eq!(length(&|_| Some("100000".to_owned())), LENGTH_MAX);
    }

    #[test]
    fn only_named_elements_are_left() {
        let job = samples::pending_array(12, &[1, 2, 3, 5], Some(2));
        let named = |texts: &[&str]| {
            let names: Vec<Named> = texts.iter().filter_map(|text| Named::parse(text)).collect();
            narrowed(&job, &names).and_then(|job| job.array).map(|a| (a.element, a.elements, a.limit))
        };
        assert_eq!(named(&["12_2"]), Some((Some(2), vec![2], Some(2))));
        assert_eq!(named(&["12_1", "12_[3-4]"]), Some((None, vec![1, 3], None)));
        assert_eq!(named(&["12_1", "12"]), None);
        assert_eq!(named(&["7"]), None);
    }
}
