//! What was measured of the lever: both sides, and whether they are equal.

use serde_json::Value;

use super::lever::Lever;
use crate::error::BenchError;
use crate::stats::Spread;

/// The figures of one run.
pub(super) struct Profile {
    /// As printed by what measured them.
    pub(super) raw: Value,
    /// Nanoseconds per answer, from a question that is ready: without and with the memo.
    pub(super) answer: [Spread; 2],
    /// The same, with the question made from what the core knows.
    pub(super) whole: [Spread; 2],
    /// Questions answered, and those that the memo had to compute.
    pub(super) questions: u64,
    pub(super) computed: u64,
    /// Pairs of questions asked one after the other, and those whose answers differed.
    pub(super) pairs: u64,
    pub(super) differ: u64,
    /// Sums over what was asked, and over both sides' answers.
    pub(super) digests: [String; 3],
}

impl Profile {
    /// Reads what the example printed.
    pub(super) fn read(text: &str) -> Result<Self, BenchError> {
        let raw: Value = serde_json::from_str(text.trim()).map_err(|_| BenchError::parse("a JSON object", text))?;
        let number = |name| raw[name].as_u64().ok_or_else(|| BenchError::parse(name, text));
        let word = |name| raw[name].as_str().map(str::to_owned).ok_or_else(|| BenchError::parse(name, text));
        let spread = |name| {
            let values = raw[name].as_array().map(|values| values.iter().filter_map(Value::as_f64).collect());
            values.and_then(Spread::of).ok_or_else(|| BenchError::parse(name, text))
        };
        Ok(Profile {
            answer: [spread("plain_ns")?, spread("memo_ns")?],
            whole: [spread("plain_whole_ns")?, spread("memo_whole_ns")?],
            questions: number("questions")?,
            computed: number("computed")?,
            pairs: number("pairs")?,
            differ: number("pairs_that_differ")?,
            digests: [word("input_digest")?, word("plain_digest")?, word("memo_digest")?],
            raw,
        })
    }

    /// Whether both sides answered alike, each time.
    pub(super) fn is_equal(&self) -> bool {
        self.differ == 0 && self.digests[1] == self.digests[2]
    }

    /// What the lever does to the time of an answer, as a factor; below 1 it gains.
    pub(super) fn factor(&self, sides: [Spread; 2]) -> f64 {
        sides[1].median / sides[0].median
    }

    /// The result in a sentence.
    pub(super) fn verdict(&self, lever: &Lever) -> String {
        let [answer, whole] = [self.answer, self.whole].map(|sides| self.factor(sides));
        let gains = if answer < 1.0 && whole < 1.0 {
            "gains"
        } else if answer < 1.0 || whole < 1.0 {
            "gains in one of the two"
        } else {
            "gains nothing here"
        };
        let equal = if self.is_equal() { "answers are equal" } else { "ANSWERS DIFFER" };
        let [one, other] = lever.rows;
        format!("{} {gains}: {answer:.3} of the time {one}, {whole:.3} {other}; {equal}", lever.name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lever::LEVERS;
    use super::*;

    const PRINTED: &str = r#"{"seed":8,"questions":10,"computed":2,"input_digest":"a","plain_digest":"b","memo_digest":"b",
        "pairs":100,"pairs_that_differ":0,"plain_ns":[2.0,4.0,3.0],"memo_ns":[1.5,1.5,1.0],"plain_whole_ns":[10.0],
        "memo_whole_ns":[11.0]}"#;

    #[test]
    fn what_was_printed_is_read() {
        let profile = Profile::read(PRINTED).expect("it is complete");
        assert_eq!((profile.answer[0].median, profile.answer[1].median), (3.0, 1.5));
        assert!(profile.is_equal() && profile.verdict(&LEVERS[0]).contains("gains in one of the two: 0.500"));
        assert!(
            !Profile::read(&PRINTED.replace("\"memo_digest\":\"b\"", "\"memo_digest\":\"c\"")).expect("").is_equal()
        );
        assert!(Profile::read("{}").is_err() && Profile::read("no").is_err());
    }
}
