//! How users name jobs, elements and steps: `12`, `12_3`, `12_[1-4]`, `12+1`, `12.0`, `12_3.batch`.

use std::collections::BTreeSet;

use prun_runtime::ids::{JobId, StepId};

use crate::controller::api::{JobRef, JobView};

/// Elements that one name may list: what the controller's message has room for many times over.
const ELEMENTS_MAX: usize = 1_000_000;

/// A job, some of its elements, or a step of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The job.
    pub job: JobRef,
    /// The step, if one is named.
    pub step: Option<StepId>,
}

impl Named {
    /// Reads a name; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (job, step) = match text.split_once('.') {
            Some((job, step)) => (job, Some(step_id(step)?)),
            None => (text, None),
        };
        let (job, component) = match job.split_once('+') {
            Some((job, component)) => (job, Some(number(component)?)),
            None => (job, None),
        };
        let (job, elements) = match job.split_once('_') {
            Some((job, "*")) => (job, None),
            Some((job, elements)) => (job, Some(element_list(elements)?)),
            None => (job, None),
        };
        let job = JobId(number(job).filter(|&job| job > 0)?);
        Some(Self { job: JobRef { job, elements, component }, step })
    }

    /// Whether the job of a view has this number, or is of the array that has it, whatever elements are named.
    #[must_use]
    pub fn is_of(&self, view: &JobView) -> bool {
        match &view.array {
            Some(array) => array.id == self.job.job || view.id == self.job.job,
            None => view.id == self.job.job,
        }
    }

    /// Whether this names the job of a view: by its number, its array's or leader's number, or as one of its elements
    /// or components.
    #[must_use]
    pub fn matches(&self, view: &JobView) -> bool {
        match (view.het, self.job.component) {
            (Some(het), Some(component)) => return het.leader == self.job.job && het.offset == component,
            (Some(het), None) if het.leader == self.job.job => return self.job.elements.is_none(),
            (None, Some(component)) if component > 0 => return false,
            _ => {}
        }
        let Some(array) = &view.array else { return view.id == self.job.job && self.job.elements.is_none() };
        match &self.job.elements {
            None => view.id == self.job.job || array.id == self.job.job,
            Some(wanted) if array.id == self.job.job => match array.element {
                Some(element) => wanted.contains(&element),
                None => array.elements.iter().any(|element| wanted.contains(element)),
            },
            Some(_) => false,
        }
    }
}

fn number(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn step_id(text: &str) -> Option<StepId> {
    if text.eq_ignore_ascii_case("batch") { Some(StepId::BATCH) } else { number(text).map(StepId) }
}

/// `3`, `[1-4]`, `[1,3-9:2%4]`.
fn element_list(text: &str) -> Option<Vec<u32>> {
    if !text.starts_with('[') {
        return number(text).map(|element| vec![element]);
    }
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let list = inner.split_once('%').map_or(inner, |(list, _)| list);
    let mut elements = BTreeSet::new();
    for item in list.split(',') {
        let (range, step) = match item.split_once(':') {
            Some((range, step)) => (range, number(step).filter(|&step| step > 0)?),
            None => (item, 1),
        };
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        let (low, high) = (number(low)?, number(high)?);
        if low > high || (high - low) as usize / step as usize + elements.len() >= ELEMENTS_MAX {
            return None;
        }
        elements.extend((low..=high).step_by(step as usize));
    }
    Some(elements.into_iter().collect())
}

/// The names of a list: commas within brackets belong to a list of elements.
#[must_use]
pub fn split_list(text: &str) -> Vec<String> {
    let mut inside = false;
    let parts = text.split(|c| {
        inside = (inside || c == '[') && c != ']';
        c == ',' && !inside
    });
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Element numbers as Slurm writes them: `0-3,7`.
#[must_use]
pub fn ranges(elements: &[u32]) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut rest = elements;
    while let [low, ..] = rest {
        let run = (1..rest.len()).find(|&at| rest[at] != low.saturating_add(at as u32)).unwrap_or(rest.len());
        let high = rest[run - 1];
        texts.push(if run == 1 { low.to_string() } else { format!("{low}-{high}") });
        rest = &rest[run..];
    }
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(job: u32, elements: Option<&[u32]>, component: Option<u32>, step: Option<u32>) -> Named {
        let elements = elements.map(<[u32]>::to_vec);
        Named { job: JobRef { job: JobId(job), elements, component }, step: step.map(StepId) }
    }

    #[test]
    fn names_of_jobs_elements_and_steps_are_read() {
        for (text, expected) in [
            ("12", named(12, None, None, None)),
            ("12_3", named(12, Some(&[3]), None, None)),
            ("12_[1-4]", named(12, Some(&[1, 2, 3, 4]), None, None)),
            ("107_[17-20%4]", named(107, Some(&[17, 18, 19, 20]), None, None)),
            ("12_[1,3-7:2]", named(12, Some(&[1, 3, 5, 7]), None, None)),
            ("12_*", named(12, None, None, None)),
            ("12+1", named(12, None, Some(1), None)),
            ("12.0", named(12, None, None, Some(0))),
            ("12_3.batch", named(12, Some(&[3]), None, Some(StepId::BATCH.0))),
        ] {
            assert_eq!(Named::parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_and_huge_lists_cost_nothing() {
        for text in [
            "",
            "0",
            "abc",
            "12_x",
            "12_[1-",
            "12_[4-1]",
            "12.x",
            "-1",
            "12_[1-3:0]",
            "1_[0-4294967295]",
            "99999999999",
        ] {
            assert_eq!(Named::parse(text), None, "{text}");
        }
    }

    #[test]
    fn elements_are_written_as_ranges() {
        for (elements, text) in
            [(&[0, 1, 2, 3, 7][..], "0-3,7"), (&[1, 3, 5], "1,3,5"), (&[4], "4"), (&[], ""), (&[1, 2], "1-2")]
        {
            assert_eq!(ranges(elements), text);
        }
    }

    #[test]
    fn a_leader_names_its_components_and_each_has_names_of_its_own() {
        use crate::commands::samples;
        use crate::controller::api::HetView;
        let component = |offset: u32| JobView {
            het: Some(HetView { leader: JobId(12), offset, size: 2 }),
            ..samples::pending(12 + offset)
        };
        let names = |text: &str| {
            let named = Named::parse(text).unwrap();
            [named.matches(&component(0)), named.matches(&component(1)), named.matches(&samples::pending(12))]
        };
        assert_eq!(names("12"), [true, true, true]);
        assert_eq!(names("12+0"), [true, false, true]);
        assert_eq!(names("12+1"), [false, true, false]);
        assert_eq!(names("13"), [false, true, false]);
    }

    proptest! {
        #[test]
        fn written_ranges_read_as_the_same_elements(set in prop::collection::btree_set(0u32..200, 1..40)) {
            let elements: Vec<u32> = set.into_iter().collect();
            prop_assert_eq!(element_list(&format!("[{}]", ranges(&elements))), Some(elements));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,30}") {
            let _ = Named::parse(&text);
        }
    }
}
