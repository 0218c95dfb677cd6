//! One value of a setting between its two texts: the TOML of the files, and the text of Redis that `Row::set` and `Row::get` use.

use std::fmt::Write as _;

use shard::settings::Kind;
use toml::de::DeValue;

/// The text in Redis's form that a TOML value stands for.
///
/// Errors: which type was expected; what the text means is not checked.
pub(super) fn read(kind: &Kind, value: &DeValue<'_>) -> Result<Vec<u8>, String> {
    let text = match (kind, value) {
        (Kind::YesNo, DeValue::Boolean(true)) => "yes".to_owned(),
        (Kind::YesNo, DeValue::Boolean(false)) => "no".to_owned(),
        (
            Kind::Integer { .. }
            | Kind::Clamped { .. }
            | Kind::PowerOfTwo { .. }
            | Kind::Bytes { .. }
            | Kind::BytesOrPercent,
            DeValue::Integer(number),
        ) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            parsed.map_err(|_| "the integer does not fit 64 bits")?.to_string()
        }
        (
            Kind::Bytes { .. }
            | Kind::BytesOrPercent
            | Kind::Permissions
            | Kind::OneOf(_)
            | Kind::Text
            | Kind::Secret
            | Kind::Words { .. },
            DeValue::String(text),
        ) => text.clone().into_owned(),
        (Kind::Secret, DeValue::Table(table)) => {
            let digits = table.get("hex").filter(|_| table.len() == 1).and_then(|value| value.get_ref().as_str());
            return digits
                .and_then(unhex)
                .ok_or_else(|| format!("expected {} with two digits per byte", expected(kind)));
        }
        (Kind::Words { .. } | Kind::Percentiles, DeValue::Array(items)) => {
            let words: Result<Vec<String>, String> = items.iter().map(|item| word(kind, item.get_ref())).collect();
            words?.join(" ")
        }
        (Kind::OutputLimits, DeValue::Table(classes)) => {
            let parts: Option<Vec<String>> = classes
                .iter()
                .map(|(class, limit)| Some(format!("{} {}", class.get_ref(), limit.get_ref().as_str()?)))
                .collect();
            parts.ok_or_else(|| format!("expected {}", expected(kind)))?.join(" ")
        }
        _ => {
            return Err(format!("expected {}, found {}", expected(kind), type_of(value)));
        }
    };
    Ok(text.into_bytes())
}

/// One word of a list.
fn word(kind: &Kind, item: &DeValue<'_>) -> Result<String, String> {
    match (kind, item) {
        (Kind::Words { .. }, DeValue::String(text)) if text.contains(' ') => {
            Err(format!("expected {}, found a space in one", expected(kind)))
        }
        (Kind::Words { .. }, DeValue::String(text)) => Ok(text.clone().into_owned()),
        (Kind::Percentiles, DeValue::Float(number)) => Ok(number.as_str().to_owned()),
        (Kind::Percentiles, DeValue::Integer(number)) => Ok(number.as_str().to_owned()),
        _ => Err(format!("expected {}, found {} in it", expected(kind), type_of(item))),
    }
}

fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::YesNo => "true or false",
        Kind::Integer { .. } | Kind::Clamped { .. } | Kind::PowerOfTwo { .. } => "an integer",
        Kind::Bytes { .. } => "an integer or a string such as \"64mb\"",
        Kind::BytesOrPercent => "an integer or a string such as \"64mb\" or \"5%\"",
        Kind::Permissions => "a string of octal digits",
        Kind::OneOf(_) | Kind::Text => "a string",
        Kind::Secret => "a string or { hex = \"…\" }",
        Kind::Words { .. } => "a string or an array of strings",
        Kind::Percentiles => "an array of numbers",
        Kind::OutputLimits => "a table such as { normal = \"1gb 256mb 60\" }",
    }
}

fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with decimals",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = pairs.iter().map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok());
    bytes.collect::<Option<Vec<u8>>>().filter(|_| rest.is_empty())
}

/// The TOML for a value in Redis's form, as `Row::get` gives it; [`read`] gives that form back.
pub(super) fn write(kind: &Kind, value: &[u8]) -> String {
    // Only a secret can be other than UTF-8.
    let text = String::from_utf8_lossy(value);
    match kind {
        Kind::YesNo => (text == "yes").to_string(),
        Kind::Integer { .. } | Kind::Clamped { .. } | Kind::PowerOfTwo { .. } => text.into_owned(),
        Kind::BytesOrPercent if text.ends_with('%') => quoted(&text),
        Kind::Bytes { .. } | Kind::BytesOrPercent => {
            size(&text).map_or_else(|| text.clone().into_owned(), |size| quoted(&size))
        }
        Kind::Permissions | Kind::OneOf(_) | Kind::Text => quoted(&text),
        Kind::Secret => match std::str::from_utf8(value) {
            Ok(text) => quoted(text),
            Err(_) => format!("{{ hex = \"{}\" }}", hex(value)),
        },
        Kind::Words { .. } => list(text.split(' ').filter(|word| !word.is_empty()).map(quoted)),
        Kind::Percentiles => list(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned)),
        Kind::OutputLimits => output_limits(&text),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// `class hard soft seconds` groups as a table, with today's word for a replica.
fn output_limits(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let (groups, _) = words.as_chunks::<4>();
    let entries = groups.iter().map(|[class, hard, soft, seconds]| {
        let class = if *class == "slave" { "replica" } else { class };
        let [hard, soft] = [hard, soft].map(|bytes| size(bytes).unwrap_or_else(|| (*bytes).to_owned()));
        format!("{class} = \"{hard} {soft} {seconds}\"")
    });
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// Bytes with the largest unit that leaves a whole number; `None` if that is bytes and TOML can hold them as an integer.
fn size(bytes: &str) -> Option<String> {
    let count: u64 = bytes.parse().ok()?;
    let units = [(30, "gb"), (20, "mb"), (10, "kb")];
    match units.iter().find(|(shift, _)| count != 0 && count.trailing_zeros() >= *shift) {
        Some((shift, unit)) => Some(format!("{}{unit}", count >> shift)),
        None => i64::try_from(count).is_err().then(|| bytes.to_owned()),
    }
}

/// A TOML basic string.
pub(super) fn quoted(text: &str) -> String {
    let mut toml = String::with_capacity(text.len() + 2);
    toml.push('"');
    for character in text.chars() {
        match character {
            '"' => toml.push_str("\\\""),
            '\\' => toml.push_str("\\\\"),
            '\n' => toml.push_str("\\n"),
            '\t' => toml.push_str("\\t"),
            '\r' => toml.push_str("\\r"),
            control if control.is_control() => {
                write!(toml, "\\u{:04x}", u32::from(control)).expect("writing to a string does not fail");
            }
            other => toml.push(other),
        }
    }
    toml.push('"');
    toml
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
