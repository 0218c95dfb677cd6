//! The first line of a script or a library: `#!lua name=... flags=...`.

/// What a script or a function declares about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// It never writes: EVAL_RO, FCALL_RO and replicas may run it.
    pub no_writes: bool,
    /// It may run, and write, when memory is short.
    pub allow_oom: bool,
    /// It may run on a replica whose data is old.
    pub allow_stale: bool,
    /// It must not run in a cluster.
    pub no_cluster: bool,
    /// It may reach keys of several slots.
    pub allow_cross_slot_keys: bool,
    /// There was no header: an old script, whose commands are checked one by one.
    pub undeclared: bool,
}

impl Flags {
    /// Sets the flag of that name; false if there is none.
    pub(crate) fn set(&mut self, name: &[u8]) -> bool {
        let flag = match name {
            b"no-writes" => &mut self.no_writes,
            b"allow-oom" => &mut self.allow_oom,
            b"allow-stale" => &mut self.allow_stale,
            b"no-cluster" => &mut self.no_cluster,
            b"allow-cross-slot-keys" => &mut self.allow_cross_slot_keys,
            _ => return false,
        };
        *flag = true;
        true
    }

    /// Their names, in the order of FUNCTION LIST.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.no_writes, "no-writes"),
            (self.allow_oom, "allow-oom"),
            (self.allow_stale, "allow-stale"),
            (self.no_cluster, "no-cluster"),
            (self.allow_cross_slot_keys, "allow-cross-slot-keys"),
        ]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
    }
}

/// Why a header is refused: the text of the error reply, without its code.
pub type HeaderError = String;

/// The header of a script of EVAL, and where its code begins. Line numbers count the header.
pub(crate) fn of_script(source: &[u8]) -> Result<(Flags, usize), HeaderError> {
    if !source.starts_with(b"#!") {
        return Ok((Flags { undeclared: true, ..Flags::default() }, 0));
    }
    let Some(end) = source.iter().position(|byte| *byte == b'\n') else {
        return Err("Invalid script shebang".to_string());
    };
    let (engine, words) = engine_and_options(&source[..end]);
    if engine != b"lua" {
        return Err(format!("Unexpected engine in script shebang: #!{}", String::from_utf8_lossy(engine)));
    }
    let mut flags = Flags::default();
    for word in words {
        let Some(list) = word.strip_prefix(b"flags=") else {
            return Err(format!("Unknown lua shebang option: {}", String::from_utf8_lossy(word)));
        };
        for flag in list.split(|byte| *byte == b',').filter(|_| !list.is_empty()) {
            if !flags.set(flag) {
                return Err(format!("Unexpected flag in script shebang: {}", String::from_utf8_lossy(flag)));
            }
        }
    }
    Ok((flags, end))
}

/// The name of a library and where its code begins.
pub(crate) fn of_library(source: &[u8]) -> Result<(Vec<u8>, usize), HeaderError> {
    if !source.starts_with(b"#!") {
        return Err("Missing library metadata".to_string());
    }
    let Some(end) = source.iter().position(|byte| *byte == b'\n') else {
        return Err("Invalid library metadata".to_string());
    };
    let (engine, words) = engine_and_options(&source[..end]);
    let mut name = None;
    for word in words {
        let Some(value) = word.get(..5).filter(|head| head.eq_ignore_ascii_case(b"name=")).map(|_| &word[5..]) else {
            return Err(format!("Invalid metadata value given: {}", String::from_utf8_lossy(word)));
        };
        if name.replace(value.to_vec()).is_some() {
            return Err("Invalid metadata value, name argument was given multiple times".to_string());
        }
    }
    let Some(name) = name else {
        return Err("Library name was not given".to_string());
    };
    if !is_name(&name) {
        return Err(NAME_RULE.to_string());
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(format!("Engine '{}' not found", String::from_utf8_lossy(engine)));
    }
    Ok((name, end))
}

/// The name of a library, from its code.
pub fn library_name(code: &[u8]) -> Result<Vec<u8>, HeaderError> {
    of_library(code).map(|(name, _)| name)
}

/// What names of libraries and functions are made of.
const NAME_RULE: &str =
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// True for the name of a library or a function.
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// The engine that a header names, directly behind its `#!`, and the other words of the line.
fn engine_and_options(line: &[u8]) -> (&[u8], impl Iterator<Item = &[u8]>) {
    let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let engine = words.next().and_then(|word| word.strip_prefix(b"#!")).unwrap_or_default();
    (engine, words)
}
