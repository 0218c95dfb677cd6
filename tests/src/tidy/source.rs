//! The files of the repository, and a view of Rust source without its comments and literals.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the repository.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path from the root, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// A file made up by a test of a check.
    pub fn made_up(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    /// Whether this is Rust source.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is test code.
    pub fn is_test(&self) -> bool {
        let folder = self.path.starts_with("tests/") || self.path.contains("/tests/");
        folder || self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs")
    }

    /// The code with comments and literals blanked, lines kept.
    pub fn code(&self) -> String {
        blank(&self.text)
    }

    /// [`Source::code`] up to the test module at its end; nothing of a test file.
    pub fn product_code(&self) -> String {
        let code = self.code();
        match code.find("#[cfg(test)]") {
            _ if self.is_test() => String::new(),
            Some(tests) => code[..tests].to_owned(),
            None => code,
        }
    }
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the workspace").to_owned()
}

/// All text files of the repository, build output and version control left out.
pub fn all() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a folder can be listed").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "target" | ".git") {
                    folders.push(path);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(&root).expect("found under the root");
                found.push(Source { path: path.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Line number, from 1, of a byte position.
pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Positions of `word` in `code` where it is not part of a longer name.
pub fn words(code: &str, word: &str) -> Vec<usize> {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = code.as_bytes();
    let whole = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !part(before) && !part(bytes.get(at + word.len()))
    };
    code.match_indices(word).map(|(at, _)| at).filter(whole).collect()
}

/// Replaces comments, strings and characters by blanks.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        let Some(end) = end else {
            at += 1;
            continue;
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(out).expect("whole literals were replaced by ASCII")
}

/// End of the comment or literal that starts at `at`, if one does.
fn literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let length = bytes.len();
    let in_name = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest.starts_with(b"//") {
        return Some(rest.iter().position(|&byte| byte == b'\n').map_or(length, |end| at + end));
    }
    if rest.starts_with(b"/*") {
        return Some(find(bytes, at + 2, b"*/").map_or(length, |end| end + 2));
    }
    if (rest.starts_with(b"br") || rest[0] == b'r') && !in_name {
        let start = at + if rest[0] == b'b' { 2 } else { 1 };
        let hashes = bytes[start..].iter().take_while(|&&byte| byte == b'#').count();
        if bytes.get(start + hashes) == Some(&b'"') {
            let close = [b"\"", &b"#".repeat(hashes)[..]].concat();
            return Some(find(bytes, start + hashes + 1, &close).map_or(length, |end| end + close.len()));
        }
        return None;
    }
    match rest[0] {
        b'"' => {
            let mut end = at + 1;
            while end < length && bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            Some((end + 1).min(length))
        }
        b'\'' => {
            // A character, not a lifetime: it closes after one escape or one letter.
            let close = if rest.get(1) == Some(&b'\\') { 3 } else { 2 };
            let window = rest.len().min(close + 10);
            let end = rest[..window].iter().skip(close).position(|&byte| byte == b'\'')? + close;
            let inner = std::str::from_utf8(&rest[1..end]).ok()?;
            (inner.starts_with('\\') || inner.chars().count() == 1).then_some(at + end + 1)
        }
        _ => None,
    }
}

fn find(bytes: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lifetimes_are_not() {
        let rows = [
            ("a // { x\nb", "a       \nb"),
            ("let s = \"{\\\"}\"; c", "let s =       ; c"),
            ("r#\"a\"b\"# c", "         c"),
            ("fn f<'a>(x: &'a str) { '{' }", "fn f<'a>(x: &'a str) {     }"),
            ("m('\\n', b'\\'', 'é')", "m(    , b    ,     )"),
            ("/* { */ x", "        x"),
        ];
        for (text, wanted) in rows {
            assert_eq!(blank(text), wanted, "{text}");
        }
        assert_eq!(words("unsafe_code unsafe {", "unsafe"), [12]);
    }
}
