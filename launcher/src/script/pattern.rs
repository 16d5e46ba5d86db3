//! File name patterns: `slurm-%j.out` (`sbatch(1)` and `srun(1)`, "filename pattern").

/// What the letters of a pattern stand for. `None` leaves the letter as it is written.
#[derive(Debug, Clone, Default)]
pub struct Letters {
    /// `%j`, `%J`: the job's number.
    pub job: Option<u32>,
    /// `%A`: the array's number, or the job's.
    pub array_job: Option<u32>,
    /// `%a`: the array element.
    pub element: Option<u32>,
    /// `%s`: the step.
    pub step: Option<Step>,
    /// `%J`: `JOB.STEP` in a step, the job's number for a script.
    pub job_step: Option<String>,
    /// `%t`: the rank.
    pub task: Option<u32>,
    /// `%n`: the node's number within the step.
    pub node_id: Option<u32>,
    /// `%N`: the node's name.
    pub node: Option<String>,
    /// `%u`: the user.
    pub user: Option<String>,
    /// `%x`: the job's name.
    pub name: Option<String>,
}

/// What `%a` is in a job that is no array element (`NO_VAL` in Slurm).
pub const NO_ELEMENT: u32 = u32::MAX - 1;

/// What `%s` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `batch`.
    Batch,
    /// The step's number.
    Numbered(u32),
}

/// Digits that a width in a pattern may ask for.
const WIDTH_MAX: usize = 10;

/// Expands a pattern. A backslash anywhere turns expansion off and is removed, unless another one stands before it.
#[must_use]
pub fn expand(pattern: &str, letters: &Letters) -> String {
    if pattern.contains('\\') {
        return without_backslashes(pattern);
    }
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let width = after[..digits].parse::<usize>().map_or(0, |width| width.min(WIDTH_MAX));
        let mut tail = after[digits..].chars();
        match tail.next().and_then(|letter| replacement(letter, width, letters)) {
            Some(value) => text.push_str(&value),
            None => {
                text.push('%');
                text.push_str(&after[..after.len() - tail.as_str().len()]);
            }
        }
        rest = tail.as_str();
    }
    text + rest
}

fn without_backslashes(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(c) = letters.next() {
        text.extend(if c == '\\' { letters.next() } else { Some(c) });
    }
    text
}

fn replacement(letter: char, width: usize, letters: &Letters) -> Option<String> {
    let padded = |number: Option<u32>| number.map(|number| format!("{number:0width$}"));
    match letter {
        '%' => Some("%".to_owned()),
        'A' => padded(letters.array_job),
        'a' => padded(letters.element),
        'b' => padded(letters.element.map(|element| element % 10)),
        'J' => letters.job_step.clone(),
        'j' => padded(letters.job),
        'N' => letters.node.clone(),
        'n' => padded(letters.node_id),
        's' => match letters.step? {
            Step::Batch => Some("batch".to_owned()),
            Step::Numbered(step) => padded(Some(step)),
        },
        't' => padded(letters.task),
        'u' => letters.user.clone(),
        'x' => letters.name.clone(),
        _ => None,
    }
}

/// Whether each task has a file of its own by this pattern.
#[must_use]
pub fn is_per_task(pattern: &str) -> bool {
    let mut letters = pattern.split('%').skip(1);
    !pattern.contains('\\')
        && letters
            .any(|after| after.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['t', 'n', 'N']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn letters() -> Letters {
        Letters {
            job: Some(128),
            array_job: Some(120),
            element: Some(14),
            step: Some(Step::Numbered(0)),
            job_step: Some("128.0".to_owned()),
            task: Some(3),
            node_id: Some(1),
            node: Some("n2".to_owned()),
            user: Some("ada".to_owned()),
            name: Some("test".to_owned()),
        }
    }

    #[test]
    fn letters_are_replaced() {
        for (pattern, expected) in [
            ("job%J.out", "job128.0.out"),
            ("job%4j.out", "job0128.out"),
            ("%A_%a_%b", "120_14_4"),
            ("%j-%2t.out", "128-03.out"),
            ("%x.%u.%N.%n.%s", "test.ada.n2.1.0"),
            ("%%j", "%j"),
            ("100%", "100%"),
            ("%q%4q", "%q%4q"),
            ("\\%j", "%j"),
            ("a\\\\b%j\\", "a\\b%j"),
            ("%2s", "00"),
            ("%99j", "0000000128"),
        ] {
            assert_eq!(expand(pattern, &letters()), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_known_yet_stays() {
        assert_eq!(expand("%j_%t", &Letters { job: Some(7), ..Letters::default() }), "7_%t");
    }

    #[test]
    fn tasks_have_files_of_their_own_by_task_or_node() {
        assert!(is_per_task("o.%t") && is_per_task("o.%4t") && is_per_task("%N") && is_per_task("%n"));
        assert!(!is_per_task("o.%j") && !is_per_task("o\\%t") && !is_per_task("100%"));
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in ".{0,40}") {
            let _ = expand(&pattern, &letters());
            let _ = is_per_task(&pattern);
        }
    }
}
