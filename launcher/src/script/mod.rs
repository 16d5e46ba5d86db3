//! What a job asks for: lines → words → options → [`spec::JobSpec`].
//!
//! [`read_batch`] reads a script, a command line and the input variables as `sbatch` does (the command line over
//! variables over the script); [`read_line`] reads the command line of `srun` and `salloc`. Everything here is
//! pure: the environment comes as a function, files come as bytes.

pub mod begin;
pub mod directives;
pub mod hostlist;
pub mod memory;
pub mod mistake;
pub mod options;
pub mod pattern;
pub mod spec;
pub mod time;
pub mod words;

use directives::Place;
use mistake::Mistake;
use options::getopt::{WordErrorKind, apply, apply_variables};
use options::{Bad, Command, Request};
use prun_runtime::limits::HET_COMPONENTS_MAX;

/// The words of `sbatch`'s or `prun`'s command line.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchLine {
    /// What its options ask for, by themselves: to look at flags before there is a script.
    pub request: Request,
    /// The words of its options, of each component of a heterogeneous job those before its `:`.
    options: Vec<Vec<String>>,
    /// The script's name, and the words after it.
    pub script: Vec<String>,
}

/// Reads the command line alone.
///
/// # Errors
/// A [`Mistake`] in it.
pub fn read_batch_line(command: Command, words: &[String]) -> Result<BatchLine, Mistake> {
    let mut request = Request::default();
    let (options, end) = apply_components(command, words, &mut request, &mut |_| Ok(()), |_, _| Ok(()))?;
    // As `sbatch`: what stands between components is no word of the script either.
    let script = words[end..].iter().filter(|word| *word != BETWEEN_COMPONENTS).cloned().collect();
    Ok(BatchLine { request, options, script })
}

/// What stands between the components of a heterogeneous job on a command line.
pub const BETWEEN_COMPONENTS: &str = ":";

/// Applies the options of each component, between `before` and `after`; gives their words, and where they end.
fn apply_components(
    command: Command,
    words: &[String],
    request: &mut Request,
    before: &mut dyn FnMut(&mut Request) -> Result<(), Mistake>,
    after: fn(Command, &mut Request) -> Result<(), Mistake>,
) -> Result<(Vec<Vec<String>>, usize), Mistake> {
    let (mut options, mut at) = (Vec::new(), 0);
    loop {
        before(request)?;
        let rest = &words[at..];
        let end = apply(command, rest, request).map_err(|e| Mistake::option(command, &e.kind, None))?;
        after(command, request)?;
        options.push(rest[..end].to_vec());
        at += end;
        if words.get(at).is_none_or(|word| word != BETWEEN_COMPONENTS) {
            return Ok((options, at));
        }
        if options.len() > HET_COMPONENTS_MAX {
            let text = format!("a heterogeneous job has at most {HET_COMPONENTS_MAX} components");
            return Err(Mistake::line(command, &text, 1));
        }
        request.begin_component();
        at += 1;
    }
}

/// Reads all of a batch job: the script's directives, over them the variables, over them the command line.
///
/// # Errors
/// The first [`Mistake`]: of the script as a whole, its directives, the variables, the command line.
pub fn read_batch(
    command: Command,
    line: &BatchLine,
    variable: &dyn Fn(&str) -> Option<String>,
    script: &[u8],
) -> Result<Request, Mistake> {
    directives::check(script).map_err(Mistake::not_a_script)?;
    let mut request = Request::default();
    let directives = directives::read(script).map_err(|(place, unmatched)| Mistake {
        place: Some(place),
        ..Mistake::line(command, &format!("Unmatched `{}` in [#SBATCH]", unmatched.quote), 1)
    })?;
    request.packjob = directives.iter().any(|directive| directive.words[0].text == "packjob");
    // What follows such a line, or a `:` of the command line, asks for the next component of a heterogeneous job;
    // variables are for each.
    let components: Vec<&[directives::Directive]> =
        directives.split(directives::Directive::separates_components).collect();
    for at in 0..components.len().max(line.options.len()) {
        if at > 0 {
            request.begin_component();
        }
        for directive in components.get(at).copied().unwrap_or_default() {
            apply_directive(command, directive, &mut request)?;
        }
        read_variables(command, variable, &mut request)?;
        // A command line of fewer components says of those that follow what it says of its last.
        if let Some(options) = line.options.get(at).or(line.options.last()) {
            apply(command, options, &mut request).map_err(|e| Mistake::option(command, &e.kind, None))?;
        }
        settle(command, &mut request)?;
    }
    // As `sbatch`: components that only the script tells apart keep the limits that they have.
    if line.options.len() > 1 {
        request.share_time_limit();
    }
    match &request.refused {
        Some(Bad::Line(text, code)) => Err(Mistake::line(command, text, *code)),
        _ => Ok(request),
    }
}

/// Reads the options of `srun` or `salloc`, over the variables; gives them and the index of the program.
///
/// # Errors
/// The first [`Mistake`].
pub fn read_line(
    command: Command,
    words: &[String],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(Request, usize), Mistake> {
    let mut request = Request::default();
    read_variables(command, variable, &mut request)?;
    let end = apply(command, words, &mut request).map_err(|e| Mistake::option(command, &e.kind, None))?;
    settle(command, &mut request)?;
    Ok((request, end))
}

/// The same, of each component of a heterogeneous job (`salloc -n 2 : -n 1`).
///
/// # Errors
/// The first [`Mistake`].
pub fn read_components(
    command: Command,
    words: &[String],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(Request, usize), Mistake> {
    let mut request = Request::default();
    let mut variables = |request: &mut Request| read_variables(command, variable, request);
    let (_, end) = apply_components(command, words, &mut request, &mut variables, settle)?;
    request.share_time_limit();
    Ok((request, end))
}

/// Reads the options of a component behind others: what those had and it does not say anew, it has too.
///
/// # Errors
/// The first [`Mistake`].
pub fn read_line_after(
    command: Command,
    before: &Request,
    words: &[String],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(Request, usize), Mistake> {
    let mut request = before.clone();
    request.take_over(before.job.next_component());
    read_variables(command, variable, &mut request)?;
    let end = apply(command, words, &mut request).map_err(|e| Mistake::option(command, &e.kind, None))?;
    settle(command, &mut request)?;
    Ok((request, end))
}

/// What is decided when all options of a component have been read.
fn settle(command: Command, request: &mut Request) -> Result<(), Mistake> {
    let memory = request.memory.settle().map_err(|why| Mistake::fatal(command, why))?;
    request.job.memory = memory;
    const HINTS: &[&str] = &["compute_bound", "memory_bound", "multithread", "nomultithread"];
    // Beside `-B` a hint counts for nothing, whatever it is.
    if let Some(hint) = request.job.hint.as_deref().filter(|hint| !HINTS.contains(hint))
        && request.job.geometry == (None, None, None)
    {
        return Err(Mistake::line(
            command,
            &format!("unrecognized --hint argument \"{hint}\", see --hint=help"),
            1,
        ));
    }
    if request.flags.quiet && request.flags.verbose > 0 {
        return Err(Mistake::line(command, "don't specify both --verbose (-v) and --quiet (-Q)", 1));
    }
    Ok(())
}

fn read_variables(
    command: Command,
    variable: &dyn Fn(&str) -> Option<String>,
    request: &mut Request,
) -> Result<(), Mistake> {
    apply_variables(command, variable, request).map_err(|(name, kind)| {
        let mut mistake = Mistake::option(command, &kind, None);
        mistake.title = format!("{} (from the variable `{name}`)", mistake.title);
        mistake
    })
}

fn place_of(directive: &directives::Directive, word: usize) -> Place {
    let word = &directive.words[word.min(directive.words.len() - 1)];
    Place { line: directive.line, column: word.start, length: (word.end - word.start).max(1) }
}

fn apply_directive(
    command: Command,
    directive: &directives::Directive,
    request: &mut Request,
) -> Result<(), Mistake> {
    let words: Vec<String> = directive.words.iter().map(|word| word.text.clone()).collect();
    let end = apply(command, &words, request).map_err(|error| {
        let mut place = place_of(directive, error.word);
        if let WordErrorKind::Value { value, .. } = &error.kind {
            // The value is what is wrong: the end of the same word, or the next word.
            let joined = directive.words[error.word].text.len() > value.len()
                && directive.words[error.word].text.ends_with(value.as_str());
            if !joined {
                place = place_of(directive, error.word + 1);
            } else if place.length > value.len() && !value.is_empty() {
                place.column += place.length - value.len();
                place.length = value.len();
            }
        }
        Mistake::option(command, &error.kind, Some(place))
    })?;
    match words.get(end) {
        Some(stray) => Err(Mistake::stray_word(stray, place_of(directive, end))),
        None => Ok(()),
    }
}

/// Where a script sets an option, for a message about its value: the value of the last directive that does.
#[must_use]
pub fn place_of_option(script: &[u8], long: &str) -> Option<Place> {
    let row = options::rows().find(|row| row.long == long)?;
    let directives = directives::read(script).ok()?;
    let mut found = None;
    for directive in &directives {
        for (at, word) in directive.words.iter().enumerate() {
            let joined = |mark: &str| word.text.strip_prefix(mark).filter(|value| !value.is_empty());
            let short = row.short.map(|letter| format!("-{letter}"));
            let value = joined(&format!("--{long}=")).or_else(|| short.as_deref().and_then(joined));
            if let Some(value) = value {
                let start = word.end.saturating_sub(value.len());
                found = Some(Place { line: directive.line, column: start, length: value.len() });
            } else if word.text == format!("--{long}") || short.as_ref() == Some(&word.text) {
                found = Some(place_of(directive, at + 1));
            }
        }
    }
    found
}

/// `--begin` and `--deadline`, which need the clock: a refusal in Slurm's words.
#[must_use]
pub fn bad_time(command: Command, option: &'static str, value: &str, why: begin::NoTime) -> Mistake {
    let kind = WordErrorKind::Value { option, value: value.to_owned(), bad: Bad::Time(why) };
    Mistake::option(command, &kind, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by fuzzing: the place of a letter within quotes cut through the mark that stands for bytes which are no text.
    #[test]
    fn a_mistake_between_bytes_that_are_no_text_is_shown_too() {
        let script = b"#!/bin/sh\n#SBATCH --array=0-9:2%3 -e afuuuuuuuuuuuuuuug,tlPATCH -\"b\xc1\xdf\x9e\xb5\"b? --time";
        let line = read_batch_line(Command::Prun, &[]).unwrap();
        let mistake = read_batch(Command::Prun, &line, &|_| None, script).unwrap_err();
        assert!(mistake.render("job.sh", script, false).contains("job.sh:2:"));
    }

    #[test]
    fn components_take_what_is_not_their_size_from_those_before_and_all_the_command_line() {
        let script =
            b"#!/bin/sh\n#SBATCH -n 2 -N 2 -J a -t 5 -p x --mem-per-cpu=9\n#SBATCH packjob\n#SBATCH -n 3\n";
        let words = ["--hold", "-t", "7"].map(str::to_owned);
        let line = read_batch_line(Command::Sbatch, &words).unwrap();
        let variable = |name: &str| (name == "SBATCH_ACCOUNT").then(|| "acc".to_owned());
        let request = read_batch(Command::Sbatch, &line, &variable, script).unwrap();
        assert!(request.packjob);
        let [first, second] = request.components()[..] else { panic!("{request:?}") };
        for job in [first, second] {
            assert!(job.hold && job.account.as_deref() == Some("acc"));
            assert_eq!((job.name.as_deref(), job.time_limit), (Some("a"), Some(Some(7))));
        }
        assert_eq!((first.ntasks, first.nodes, first.partition.len()), (Some(2), Some((2, 2)), 1));
        assert_eq!((second.ntasks, second.nodes, second.partition.len()), (Some(3), None, 0));
        assert_eq!(second.memory, None);
    }

    #[test]
    fn components_of_the_command_line_stand_apart_by_a_colon() {
        let read = |line: &str, script: &str| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let line = read_batch_line(Command::Sbatch, &words).unwrap();
            (read_batch(Command::Sbatch, &line, &|_| None, script.as_bytes()).unwrap(), line.script)
        };
        let plain = "#!/bin/sh\n";
        let (request, script) = read("-n2 -J x : -N1 -p debug -t 3 : -c2 ab.sh arg : y", plain);
        assert_eq!(script, ["ab.sh", "arg", "y"]);
        let all: Vec<_> = request
            .components()
            .iter()
            .map(|job| (job.ntasks, job.cpus_per_task, job.partition.len(), job.time_limit, job.name.clone()))
            .collect();
        let (three, x) = (Some(Some(3)), Some("x".to_owned()));
        assert_eq!(
            all,
            [
                (Some(2), None, 0, three, x.clone()),
                (None, None, 1, three, x.clone()),
                (None, Some(2), 0, three, x)
            ]
        );
        // Both the script's components and the command line's.
        let script =
            "#!/bin/sh\n#SBATCH -n 2 -J a\n#SBATCH hetjob\n#SBATCH -n 1\n#SBATCH hetjob\n#SBATCH -n 4\n";
        let names = |line: &str| {
            let (request, _) = read(line, script);
            let name =
                |job: &&spec::JobSpec| format!("{}{}", job.name.clone().unwrap(), job.ntasks.unwrap_or(1));
            request.components().iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(names("-n1 : -n3 -J q het.sh"), ["a1", "q3", "q3"]);
        assert_eq!(names(": -J q : -J r : -n2 -J s het.sh"), ["a2", "q1", "r4", "s2"]);
        assert_eq!(names("het.sh"), ["a2", "a1", "a4"]);
    }

    #[test]
    fn a_line_has_no_more_components_than_a_job() {
        let words = vec![":".to_owned(); HET_COMPONENTS_MAX + 2];
        assert!(read_batch_line(Command::Sbatch, &words).unwrap_err().title.contains("at most"));
    }

    #[test]
    fn memory_is_asked_for_in_one_way() {
        use spec::Memory::{PerCpu, PerNode};
        let read = |script: &str, words: &str, variables: &[(&str, &str)]| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            let line = BatchLine { request: Request::default(), options: vec![words], script: Vec::new() };
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            let request = read_batch(Command::Sbatch, &line, &variable, script.as_bytes());
            request
                .map(|request| request.job.memory)
                .map_err(|mistake| (mistake.exit_code, mistake.slurm.join("")))
        };
        let (plain, asking) = ("#!/bin/sh\n", "#!/bin/sh\n#SBATCH --mem-per-cpu=2\n");
        let node = ("SBATCH_MEM_PER_NODE", "7");
        assert_eq!(read(asking, "", &[node]), Ok(Some(PerCpu(2))));
        assert_eq!(read(plain, "--mem=1 --mem=3", &[node]), Ok(Some(PerNode(3))));
        let both = "sbatch: fatal: --mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive.";
        assert_eq!(read(asking, "--mem=1", &[]), Err((1, both.to_owned())));
        let variables = [node, ("SBATCH_MEM_PER_CPU", "8")];
        assert!(read(plain, "", &variables).unwrap_err().1.starts_with("sbatch: fatal: SLURM_MEM_PER_CPU"));
    }

    #[test]
    fn values_are_refused_and_taken_as_slurm_does() {
        let read = |words: &str| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            let (request, _) = read_line(Command::Sbatch, &words, &|_| None)
                .map_err(|mistake| mistake.slurm.join("\n").replace("sbatch: error: ", ""))?;
            request.refused.map_or(Ok(request.job), |bad| Err(format!("{bad:?}")))
        };
        for (words, text) in [
            ("-N 3-1", "Maximum node count 1 is less than minimum node count 3"),
            ("-N 2-", "Maximum node count -1 is less than minimum node count 2"),
            ("-N 2-x", "\"x\" is not a valid node count"),
            ("-n 99999999999", "Numeric argument (99999999999) too large for --ntasks."),
            ("--ntasks-per-node=0", "Invalid numeric value \"0\" for --ntasks-per-node."),
            ("-B 1:x", "Invalid numeric value \"x\" for second arg of -B."),
            ("-m plane", "Invalid plane size or size not specified\nInvalid --distribution specification"),
            ("--priority=-1", "Priority must be >= 0"),
            ("--priority=4294967294", "Priority must be < 4294967294"),
            ("--hint=x", "unrecognized --hint argument \"x\", see --hint=help"),
            ("--mail-type=x,y", "Invalid --mail-type specification"),
            ("--switches=0", "Invalid numeric value \"0\" for --switches."),
            ("--signal=65536", "Invalid --signal specification"),
            ("-v -Q", "don't specify both --verbose (-v) and --quiet (-Q)"),
        ] {
            assert_eq!(read(words), Err(text.to_owned()), "{words}");
        }
        assert!(read("--time-min=0").unwrap_err().contains("Invalid time-min specification"));
        assert_eq!(read("-N -2").unwrap().nodes, Some((1, 2)));
        assert_eq!(read("--priority=5x").unwrap().priority, Some(5));
        assert_eq!(read("--mail-type=END,x").unwrap().mail_type, ["END"]);
        assert_eq!(read("-p a,,b,").unwrap().partition, ["a", "b"]);
        let signal = read("--signal=INT@").unwrap().signal.unwrap();
        assert_eq!((signal.signal, signal.before_secs), (2, 0));
    }

    #[test]
    fn the_place_of_an_option_is_that_of_its_value() {
        let script = b"#!/bin/sh\n#SBATCH --ntasks=8\n#SBATCH -N 2 -c4\n";
        assert_eq!(place_of_option(script, "ntasks"), Some(Place { line: 2, column: 17, length: 1 }));
        assert_eq!(place_of_option(script, "nodes"), Some(Place { line: 3, column: 11, length: 1 }));
        assert_eq!(place_of_option(script, "cpus-per-task"), Some(Place { line: 3, column: 15, length: 1 }));
        assert_eq!(place_of_option(script, "mem"), None);
    }
}
