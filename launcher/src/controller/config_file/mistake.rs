//! What is wrong in a configuration file, where, and what to do about it.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::scan::Span;
use super::source::Source;

/// Something that a configuration file must not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub title: String,
    /// What to do.
    pub help: String,
}

impl Mistake {
    pub(super) fn new(span: Span, title: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, title: title.into(), help: help.into() }
    }

    /// Title, the place in its file, and help.
    #[must_use]
    pub fn render(&self, source: &Source) -> String {
        let (name, text) = source.file(self.span);
        let snippet = Snippet::source(text)
            .path(name)
            .annotation(AnnotationKind::Primary.span(self.span.start..self.span.end));
        let title = Level::ERROR.primary_title(self.title.as_str());
        let group = title.element(snippet).element(Level::HELP.message(self.help.as_str()));
        Renderer::plain().render(&[group]).to_string()
    }
}

/// Something that the user should know, and that keeps nobody from going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub span: Span,
    /// What.
    pub text: String,
}

impl Warning {
    /// `FILE:LINE: text`.
    #[must_use]
    pub fn line(&self, source: &Source) -> String {
        let (name, text) = source.file(self.span);
        let line = text.bytes().take(self.span.start).filter(|&byte| byte == b'\n').count() + 1;
        format!("{name}:{line}: {}", self.text)
    }
}
