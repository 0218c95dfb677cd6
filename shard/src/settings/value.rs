//! How a field's type is read from the text of a value and printed back.

use super::number;
use super::row::Kind;

/// A type that a setting's field may have.
pub(super) trait Value: Sized {
    /// The value that `raw` means. `current` is what the field holds: a text may name only the parts that change.
    ///
    /// Errors: the reason in Redis's words.
    fn parse(current: &Self, kind: &Kind, raw: &[u8]) -> Result<Self, String>;

    /// The value as CONFIG GET prints it.
    fn print(&self, kind: &Kind) -> Vec<u8>;
}

impl Value for bool {
    fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        if raw.eq_ignore_ascii_case(b"yes") {
            Ok(true)
        } else if raw.eq_ignore_ascii_case(b"no") {
            Ok(false)
        } else {
            Err("argument must be 'yes' or 'no'".to_owned())
        }
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        if *self { b"yes".to_vec() } else { b"no".to_vec() }
    }
}

macro_rules! numbers {
    ($($number:ty),+) => { $(
        impl Value for $number {
            fn parse(_: &Self, kind: &Kind, raw: &[u8]) -> Result<Self, String> {
                let value = number::parse(kind, raw)?;
                // A test sets every number to both ends of its range, so that this never narrows.
                Self::try_from(value).map_err(|_| format!("argument must be at most {}", Self::MAX))
            }

            fn print(&self, kind: &Kind) -> Vec<u8> {
                match kind {
                    Kind::Permissions => format!("{self:o}").into_bytes(),
                    _ => self.to_string().into_bytes(),
                }
            }
        }
    )+ };
}
numbers!(u16, u32, i32, u64, i64);

impl Value for String {
    fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(raw).map_err(|_| "argument must be UTF-8 text")?;
        match text.contains('\0') {
            true => Err("argument must not contain a zero byte".to_owned()),
            false => Ok(text.to_owned()),
        }
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        self.clone().into_bytes()
    }
}

impl Value for Vec<String> {
    fn parse(_: &Self, kind: &Kind, raw: &[u8]) -> Result<Self, String> {
        let Kind::Words { max } = *kind else {
            return Err("argument must be words".to_owned());
        };
        let text = std::str::from_utf8(raw).map_err(|_| "argument must be UTF-8 text")?;
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        if words.len() > max {
            return Err(format!("argument must be at most {max} words"));
        }
        match words.iter().any(|word| word.is_empty() || word.contains(char::is_control)) {
            true => Err("argument must be words with one space between them".to_owned()),
            false => Ok(words),
        }
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        self.join(" ").into_bytes()
    }
}

/// Most percentiles of one value: each costs a line per command in INFO.
const PERCENTILES_MAX: usize = 32;

impl Value for Vec<f64> {
    fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        const INVALID: &str = "Invalid latency-tracking-info-percentiles parameters";
        if raw.is_empty() {
            return Ok(Vec::new());
        }
        let text = std::str::from_utf8(raw).map_err(|_| INVALID)?;
        let mut percentiles = Vec::new();
        for word in text.split(' ') {
            let value: f64 = word.parse().map_err(|_| INVALID)?;
            if value.is_nan() {
                return Err(INVALID.to_owned());
            }
            if !(0.0..=100.0).contains(&value) {
                return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".to_owned());
            }
            // Kept as it is printed, so that a printed value reads back as itself.
            percentiles.push((value * 1e6).round() / 1e6);
        }
        match percentiles.len() > PERCENTILES_MAX {
            true => Err(format!("at most {PERCENTILES_MAX} percentiles are accepted")),
            false => Ok(percentiles),
        }
    }

    /// At most six decimals, without the zeros at the end.
    fn print(&self, _: &Kind) -> Vec<u8> {
        let words: Vec<String> = self
            .iter()
            .map(|value| format!("{value:.6}").trim_end_matches('0').trim_end_matches('.').to_owned())
            .collect();
        words.join(" ").into_bytes()
    }
}

/// A password or other secret: any bytes, empty for none. Its `Debug` form hides them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The bytes, to compare with what a client sends (in constant time). Never for a log or an error text.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Whether no secret is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_empty() { "Secret(none)" } else { "Secret(hidden)" })
    }
}

impl Value for Secret {
    fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        Ok(Self(raw.to_vec()))
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        self.0.clone()
    }
}
