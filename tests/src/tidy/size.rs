//! Sizes of files and functions, and the header that says what a file is.

use super::source::{Source, line_of, words};

/// Most lines of a source file.
pub const FILE_LINES_MAX: usize = 600;
/// Most lines of a function, signature included. STYLE.md says "about 70".
pub const FUNCTION_LINES_MAX: usize = 72;

/// Faults of one Rust file.
pub fn check(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        faults.push(format!("{}: {lines} lines, more than {FILE_LINES_MAX}", source.path));
    }
    if !source.text.starts_with("//!") {
        faults.push(format!("{}: no //! header in its first line", source.path));
    }
    let code = source.code();
    for at in words(&code, "fn") {
        let Some(length) = function_lines(&code[at..]) else {
            continue;
        };
        if length > FUNCTION_LINES_MAX {
            let line = line_of(&code, at);
            faults.push(format!("{}:{line}: function of {length} lines, more than {FUNCTION_LINES_MAX}", source.path));
        }
    }
    faults
}

/// Lines from `fn` to the end of its body; `None` without a body (a trait's method, a type).
fn function_lines(code: &str) -> Option<usize> {
    let name = code["fn".len()..].trim_start();
    if name.starts_with('(') {
        return None;
    }
    let mut round = 0usize;
    let mut depth = 0usize;
    for (at, letter) in code.char_indices() {
        match letter {
            '(' | '[' => round += 1,
            ')' | ']' => round = round.saturating_sub(1),
            ';' if depth == 0 && round == 0 => return None,
            '{' => depth += 1,
            '}' if depth <= 1 => return (depth == 1).then(|| line_of(code, at)),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_and_functions_and_missing_headers_are_found() {
        let body = "    x;\n".repeat(FUNCTION_LINES_MAX);
        let long_function = format!("//! A.\nfn f(a: [u8; 3]) -> u8 {{\n{body}}}\n");
        let generic = format!("//! A.\nfn f<T, U>(a: T)\nwhere\n    T: Into<U>,\n{{\n{body}}}\n");
        let long_file = format!("//! A.\n{}", "// x\n".repeat(FILE_LINES_MAX));
        let rows = [
            ("//! A.\nfn f() {\n}\ntrait T {\n fn g();\n}\n", 0),
            ("fn f() {}\n", 1),
            (&long_function, 1),
            (&generic, 1),
            (&long_file, 1),
        ];
        for (text, faults) in rows {
            assert_eq!(check(&Source::made_up("a/src/b.rs", text)).len(), faults, "{}", &text[..20.min(text.len())]);
        }
    }
}
