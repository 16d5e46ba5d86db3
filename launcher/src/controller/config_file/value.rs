//! Values of words, each with what to write where it is wrong.

use std::ops::RangeInclusive;

use super::mistake::Mistake;
use super::scan::Word;
use crate::controller::core::gres;
use crate::script::hostlist;
use crate::script::memory::parse_mb;
use crate::script::time::parse_limit;

impl Word {
    /// A mistake in the value.
    pub(super) fn wrong(&self, help: impl Into<String>) -> Mistake {
        Mistake::new(self.value_span, format!("`{}` is no value for `{}`", self.value, self.key), help)
    }

    pub(super) fn number(&self, range: RangeInclusive<u32>) -> Result<u32, Mistake> {
        let number = self.value.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            self.wrong(match *most {
                u32::MAX => format!("write a whole number from {least} on"),
                most => format!("write a whole number from {least} to {most}"),
            })
        })
    }

    /// A number, or `None` for no limit.
    pub(super) fn limit(&self) -> Result<Option<u32>, Mistake> {
        if self.is_unlimited() {
            return Ok(None);
        }
        let number = self.number(0..=u32::MAX);
        number.map(Some).map_err(|_| self.wrong("write a whole number, or `UNLIMITED`"))
    }

    /// Minutes, or `None` for no limit.
    pub(super) fn time(&self) -> Result<Option<u32>, Mistake> {
        let help = "times are MINUTES, M:S, H:M:S, DAYS-HOURS, D-H:M, D-H:M:S or `UNLIMITED`";
        parse_limit(&self.value).ok_or_else(|| self.wrong(help))
    }

    /// MiB; a plain number is MiB already.
    pub(super) fn megabytes(&self) -> Result<u64, Mistake> {
        let help = "sizes are whole numbers of MiB, or with K, M, G or T, as in `4G`";
        parse_mb(&self.value).ok_or_else(|| self.wrong(help))
    }

    /// The same, where 0 is no limit.
    pub(super) fn megabytes_limit(&self) -> Result<Option<u64>, Mistake> {
        if self.is_unlimited() { Ok(None) } else { self.megabytes().map(|mb| (mb > 0).then_some(mb)) }
    }

    pub(super) fn yes(&self) -> Result<bool, Mistake> {
        self.choose(&[("YES", true), ("NO", false)])
    }

    /// One of some words, in any case.
    pub(super) fn choose<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, Mistake> {
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&self.value));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.wrong(format!("write {}", words.join(", ")))
        })
    }

    /// Names of nodes.
    pub(super) fn nodes(&self) -> Result<Vec<String>, Mistake> {
        hostlist::expand(&self.value).map_err(|error| {
            let title = format!("`{}` is no list of nodes: {error}", self.value);
            Mistake::new(self.value_span, title, "lists are written as in `node[1-3,7],login`")
        })
    }

    /// Words between commas.
    pub(super) fn list(&self) -> Vec<String> {
        self.value.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn gres(&self) -> Result<Vec<(String, u64)>, Mistake> {
        if self.value.eq_ignore_ascii_case("(null)") {
            return Ok(Vec::new());
        }
        gres::parse(&self.value).map_err(|error| {
            Mistake::new(
                self.value_span,
                error.to_string(),
                "several are separated by commas, without blanks",
            )
        })
    }

    pub(super) fn is_unlimited(&self) -> bool {
        ["unlimited", "infinite"].iter().any(|word| self.value.eq_ignore_ascii_case(word))
    }

    /// A value that says that nothing special is wanted.
    pub(super) fn is_neutral(&self) -> bool {
        let value = self.value.to_ascii_lowercase();
        let words = ["", "no", "none", "off", "all", "0", "unlimited", "infinite", "(null)", "n/a"];
        words.contains(&value.as_str()) || value == "priority/basic" || value.ends_with("/none")
    }
}
