//! A record of `scontrol show`: lines of `Key=Value`, the first at the margin, or all of them as one line.

/// How records are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// `-o`: each record is one line.
    pub one_line: bool,
    /// `-d`: more lines.
    pub details: bool,
    /// Characters of a list of elements (`SLURM_BITSTR_LEN`); 0 is all of it.
    pub list_length: usize,
}

/// A record in the making.
#[derive(Debug)]
pub struct Record {
    shape: Shape,
    lines: Vec<String>,
}

impl Record {
    /// An empty one.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self { shape, lines: Vec::new() }
    }

    /// Adds a line.
    pub fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    /// The text, with an empty line behind it unless it is one line.
    #[must_use]
    pub fn finish(self) -> String {
        if self.shape.one_line {
            let lines: Vec<&str> = self.lines.iter().map(|line| line.trim_start()).collect();
            lines.join(" ") + "\n"
        } else {
            self.lines.join("\n   ") + "\n\n"
        }
    }
}
