//! Patterns of Lua 5.1 (reference manual §5.4.1), matched by backtracking.
//!
//! Lua's own matcher calls itself once per item of the pattern and cannot be interrupted. Here depth is bounded and steps are counted.

use crate::host::Pace;

/// Most captures of one pattern.
pub(crate) const CAPTURES_MAX: usize = 32;

/// Most items that wait for the rest of the pattern at one time.
const DEPTH_MAX: usize = 200;

/// Why a match was given up.
#[derive(Debug)]
pub(crate) enum PatternError {
    /// The pattern is wrong: Lua's message.
    Malformed(&'static str),
    /// The script was aborted meanwhile.
    Interrupted(mlua::Error),
}

type Found = Result<Option<usize>, PatternError>;

/// A captured part of the subject.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Capture {
    /// Opened and not yet closed.
    Open(usize),
    /// From and to.
    Closed(usize, usize),
    /// The position itself, `()`.
    Position(usize),
}

/// A pattern at work on a subject.
pub(crate) struct Matcher<'a, 'p, 'l> {
    subject: &'a [u8],
    pattern: &'a [u8],
    pace: &'p mut Pace<'l>,
    depth: usize,
    captures: [Capture; CAPTURES_MAX],
    level: usize,
}

impl<'a, 'p, 'l> Matcher<'a, 'p, 'l> {
    pub(crate) fn new(subject: &'a [u8], pattern: &'a [u8], pace: &'p mut Pace<'l>) -> Self {
        Matcher { subject, pattern, pace, depth: 0, captures: [Capture::Open(0); CAPTURES_MAX], level: 0 }
    }

    /// The first match at or after `from`: where it begins and ends.
    pub(crate) fn find(&mut self, from: usize) -> Result<Option<(usize, usize)>, PatternError> {
        let anchored = self.pattern.first() == Some(&b'^');
        let mut at = from;
        loop {
            self.level = 0;
            self.depth = 0;
            if let Some(end) = self.run(at, usize::from(anchored))? {
                return Ok(Some((at, end)));
            }
            at += 1;
            if at > self.subject.len() || anchored {
                return Ok(None);
            }
        }
    }

    /// The captures of the match.
    pub(crate) fn captures(&self) -> &[Capture] {
        &self.captures[..self.level]
    }

    fn run(&mut self, s: usize, p: usize) -> Found {
        if self.depth >= DEPTH_MAX {
            return Err(PatternError::Malformed("pattern too complex"));
        }
        self.depth += 1;
        let found = self.items(s, p);
        self.depth -= 1;
        found
    }

    /// Matches the pattern from `p` on at `s`; goes on in place where nothing has to be tried again.
    fn items(&mut self, mut s: usize, mut p: usize) -> Found {
        loop {
            self.pace.step().map_err(PatternError::Interrupted)?;
            let Some(&item) = self.pattern.get(p) else { return Ok(Some(s)) };
            match (item, self.pattern.get(p + 1)) {
                (b'(', Some(b')')) => return self.open(s, p + 2, Capture::Position(s)),
                (b'(', _) => return self.open(s, p + 1, Capture::Open(s)),
                (b')', _) => return self.close(s, p + 1),
                (b'$', None) => return Ok((s == self.subject.len()).then_some(s)),
                (b'%', Some(b'b')) => match self.balance(s, p + 2)? {
                    Some(end) => (s, p) = (end, p + 4),
                    None => return Ok(None),
                },
                (b'%', Some(b'f')) => match self.frontier(s, p + 2)? {
                    Some(next) => p = next,
                    None => return Ok(None),
                },
                (b'%', Some(digit)) if digit.is_ascii_digit() => match self.again(s, *digit)? {
                    Some(end) => (s, p) = (end, p + 2),
                    None => return Ok(None),
                },
                _ => match self.single_item(s, p)? {
                    Next::Done(found) => return Ok(found),
                    Next::On(next_s, next_p) => (s, p) = (next_s, next_p),
                },
            }
        }
    }

    /// One class of bytes and what repeats it.
    fn single_item(&mut self, s: usize, p: usize) -> Result<Next, PatternError> {
        let end = self.class_end(p)?;
        let here = s < self.subject.len() && self.is_in(self.subject[s], p, end);
        match self.pattern.get(end) {
            Some(b'?') => {
                if here && let Some(found) = self.run(s + 1, end + 1)? {
                    return Ok(Next::Done(Some(found)));
                }
                Ok(Next::On(s, end + 1))
            }
            Some(b'*') => Ok(Next::Done(self.longest(s, p, end, 0)?)),
            Some(b'+') => Ok(Next::Done(if here { self.longest(s, p, end, 1)? } else { None })),
            Some(b'-') => Ok(Next::Done(self.shortest(s, p, end)?)),
            _ if here => Ok(Next::On(s + 1, end)),
            _ => Ok(Next::Done(None)),
        }
    }

    fn longest(&mut self, s: usize, p: usize, end: usize, least: usize) -> Found {
        let mut count = 0;
        while s + count < self.subject.len() && self.is_in(self.subject[s + count], p, end) {
            self.pace.step().map_err(PatternError::Interrupted)?;
            count += 1;
        }
        loop {
            if let Some(found) = self.run(s + count, end + 1)? {
                return Ok(Some(found));
            }
            if count <= least {
                return Ok(None);
            }
            count -= 1;
        }
    }

    fn shortest(&mut self, mut s: usize, p: usize, end: usize) -> Found {
        loop {
            if let Some(found) = self.run(s, end + 1)? {
                return Ok(Some(found));
            }
            if s < self.subject.len() && self.is_in(self.subject[s], p, end) {
                s += 1;
            } else {
                return Ok(None);
            }
        }
    }

    fn open(&mut self, s: usize, p: usize, capture: Capture) -> Found {
        if self.level >= CAPTURES_MAX {
            return Err(PatternError::Malformed("too many captures"));
        }
        self.captures[self.level] = capture;
        self.level += 1;
        let found = self.run(s, p)?;
        if found.is_none() {
            self.level -= 1;
        }
        Ok(found)
    }

    fn close(&mut self, s: usize, p: usize) -> Found {
        let open = self.captures[..self.level].iter().rposition(|capture| matches!(capture, Capture::Open(_)));
        let Some(index) = open else { return Err(PatternError::Malformed("invalid pattern capture")) };
        let Capture::Open(from) = self.captures[index] else { unreachable!("it is open") };
        self.captures[index] = Capture::Closed(from, s);
        let found = self.run(s, p)?;
        if found.is_none() {
            self.captures[index] = Capture::Open(from);
        }
        Ok(found)
    }

    /// `%bxy`.
    fn balance(&mut self, s: usize, p: usize) -> Found {
        let (Some(open), Some(close)) = (self.pattern.get(p), self.pattern.get(p + 1)) else {
            return Err(PatternError::Malformed("unbalanced pattern"));
        };
        if self.subject.get(s) != Some(open) {
            return Ok(None);
        }
        let mut depth = 1;
        for (offset, byte) in self.subject[s + 1..].iter().enumerate() {
            self.pace.step().map_err(PatternError::Interrupted)?;
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(s + offset + 2));
                }
            } else if byte == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]`: where the pattern goes on, if `s` is a frontier.
    fn frontier(&mut self, s: usize, p: usize) -> Found {
        if self.pattern.get(p) != Some(&b'[') {
            return Err(PatternError::Malformed("missing '[' after '%f' in pattern"));
        }
        let end = self.class_end(p)?;
        let before = if s == 0 { 0 } else { self.subject[s - 1] };
        let here = self.subject.get(s).copied().unwrap_or(0);
        Ok((!self.is_in_set(before, p, end) && self.is_in_set(here, p, end)).then_some(end))
    }

    /// `%1`: the bytes of a capture once more.
    fn again(&mut self, s: usize, digit: u8) -> Found {
        let index = usize::from(digit).wrapping_sub(usize::from(b'1'));
        let Some(Capture::Closed(from, to)) = self.captures[..self.level].get(index).copied() else {
            return Err(PatternError::Malformed("invalid capture index"));
        };
        let bytes = &self.subject[from..to];
        Ok(self.subject[s..].starts_with(bytes).then_some(s + bytes.len()))
    }

    /// Where the class that begins at `p` ends.
    fn class_end(&mut self, p: usize) -> Result<usize, PatternError> {
        match self.pattern[p] {
            b'%' if p + 1 >= self.pattern.len() => Err(PatternError::Malformed("malformed pattern (ends with '%')")),
            b'%' => Ok(p + 2),
            b'[' => {
                let mut at = p + 1;
                if self.pattern.get(at) == Some(&b'^') {
                    at += 1;
                }
                let first = at;
                loop {
                    self.pace.step().map_err(PatternError::Interrupted)?;
                    match self.pattern.get(at) {
                        None => return Err(PatternError::Malformed("malformed pattern (missing ']')")),
                        Some(b']') if at > first => return Ok(at + 1),
                        Some(b'%') => at += 2,
                        Some(_) => at += 1,
                    }
                }
            }
            _ => Ok(p + 1),
        }
    }

    fn is_in(&self, byte: u8, p: usize, end: usize) -> bool {
        match self.pattern[p] {
            b'.' => true,
            b'%' => is_of_class(byte, self.pattern[p + 1]),
            b'[' => self.is_in_set(byte, p, end),
            letter => letter == byte,
        }
    }

    /// The set from its `[` at `p` to `end`, after its `]`.
    fn is_in_set(&self, byte: u8, p: usize, end: usize) -> bool {
        let close = end - 1;
        let mut at = p + 1;
        let negated = self.pattern.get(at) == Some(&b'^');
        at += usize::from(negated);
        while at < close {
            let letter = self.pattern[at];
            if letter == b'%' && at + 1 < self.pattern.len() {
                if is_of_class(byte, self.pattern[at + 1]) {
                    return !negated;
                }
                at += 2;
            } else if self.pattern.get(at + 1) == Some(&b'-') && at + 2 < close {
                if (letter..=self.pattern[at + 2]).contains(&byte) {
                    return !negated;
                }
                at += 3;
            } else {
                if letter == byte {
                    return !negated;
                }
                at += 1;
            }
        }
        negated
    }
}

enum Next {
    /// The rest was tried; this is what became of it.
    Done(Option<usize>),
    /// Go on with this place of the subject and this one of the pattern.
    On(usize, usize),
}

/// `%a` and its like, in the C locale; an upper-case letter is the complement.
fn is_of_class(byte: u8, class: u8) -> bool {
    let found = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    found != class.is_ascii_uppercase()
}
