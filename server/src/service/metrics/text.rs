//! Prometheus's text format 0.0.4: families of samples.
//!
//! A family's samples must stand together below its header, so whoever writes goes family by family. Nothing here knows what is measured.

use std::fmt::Write as _;

/// What a family's samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only grows, until the server starts or its statistics are reset.
    Counter,
    /// Samples `_bucket`, `_sum` and `_count`.
    Histogram,
    /// Samples with a `quantile`, `_sum` and `_count`.
    Summary,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        }
    }
}

/// A label's name and value.
pub(super) type Label<'a> = (&'a str, &'a str);

/// The text so far.
#[derive(Default)]
pub(super) struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a family: what follows are its samples. The help text is one line without backslashes.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        debug_assert!(!help.contains(['\\', '\n']), "a help text needs no escapes");
        let kind = kind.name();
        writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a string takes everything");
    }

    /// One sample. The name is the family's, with a suffix where its kind has some.
    pub(super) fn sample(&mut self, name: &str, labels: &[Label], value: f64) {
        self.text.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            self.escaped(text);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        writeln!(self.text, " {value}").expect("a string takes everything");
    }

    /// Everything written.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\\' => self.text.push_str("\\\\"),
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                c => self.text.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_with_escaped_labels_and_plain_numbers() {
        let mut exposition = Exposition::default();
        exposition.family("a_total", Kind::Counter, "Some things.");
        exposition.sample("a_total", &[], 3.0);
        exposition.sample("a_total", &[("x", "say \"\\\n"), ("y", "")], 0.25);
        exposition.sample("a_total", &[("x", "z")], 18_446_744_073_709_552_000.0);
        assert_eq!(
            exposition.finish(),
            "# HELP a_total Some things.\n# TYPE a_total counter\na_total 3\n\
             a_total{x=\"say \\\"\\\\\\n\",y=\"\"} 0.25\na_total{x=\"z\"} 18446744073709552000\n"
        );
    }
}
