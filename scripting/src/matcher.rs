//! Patterns of Lua 5.1 (reference manual §5.4.1), matched by backtracking.
//!
//! Lua's own matcher calls itself once per item of the pattern and cannot be interrupted. Here depth is bounded and steps are counted.

use crate::byte_class::{ByteClass, ByteSet};
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
    /// Sets that were read, each at its place in the pattern modulo their number.
    sets: [ReadSet; SETS_KEPT],
}

/// How many sets of a pattern are kept. Those that share a place are read again, which is paced.
const SETS_KEPT: usize = 4;

/// A set, the place of its `[`, and that after its `]`: 0 if there is none.
#[derive(Clone, Copy, Default)]
struct ReadSet {
    from: usize,
    end: usize,
    set: ByteSet,
}

impl<'a, 'p, 'l> Matcher<'a, 'p, 'l> {
    pub(crate) fn new(subject: &'a [u8], pattern: &'a [u8], pace: &'p mut Pace<'l>) -> Self {
        let (captures, sets) = ([Capture::Open(0); CAPTURES_MAX], [ReadSet::default(); SETS_KEPT]);
        Matcher { subject, pattern, pace, depth: 0, captures, level: 0, sets }
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
        let (class, end) = self.class(p)?;
        let here = self.subject.get(s).is_some_and(|byte| class.holds(*byte));
        match self.pattern.get(end) {
            Some(b'?') => {
                if here && let Some(found) = self.run(s + 1, end + 1)? {
                    return Ok(Next::Done(Some(found)));
                }
                Ok(Next::On(s, end + 1))
            }
            Some(b'*') => Ok(Next::Done(self.longest(s, &class, end + 1, 0)?)),
            Some(b'+') => Ok(Next::Done(if here { self.longest(s, &class, end + 1, 1)? } else { None })),
            Some(b'-') => Ok(Next::Done(self.shortest(s, &class, end + 1)?)),
            _ if here => Ok(Next::On(s + 1, end)),
            _ => Ok(Next::Done(None)),
        }
    }

    /// As many bytes of the class as there are, then the pattern from `p` on; fewer of them until that matches.
    fn longest(&mut self, s: usize, class: &ByteClass, p: usize, least: usize) -> Found {
        let mut count = 0;
        while self.subject.get(s + count).is_some_and(|byte| class.holds(*byte)) {
            self.pace.step().map_err(PatternError::Interrupted)?;
            count += 1;
        }
        loop {
            if let Some(found) = self.run(s + count, p)? {
                return Ok(Some(found));
            }
            if count <= least {
                return Ok(None);
            }
            count -= 1;
        }
    }

    /// As few bytes of the class as the pattern from `p` on needs.
    fn shortest(&mut self, mut s: usize, class: &ByteClass, p: usize) -> Found {
        loop {
            if let Some(found) = self.run(s, p)? {
                return Ok(Some(found));
            }
            if self.subject.get(s).is_some_and(|byte| class.holds(*byte)) {
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
        let (class, end) = self.class(p)?;
        let before = if s == 0 { 0 } else { self.subject[s - 1] };
        let here = self.subject.get(s).copied().unwrap_or(0);
        Ok((!class.holds(before) && class.holds(here)).then_some(end))
    }

    /// `%1`: the bytes of a capture once more.
    fn again(&mut self, s: usize, digit: u8) -> Found {
        let index = usize::from(digit).wrapping_sub(usize::from(b'1'));
        let Some(Capture::Closed(from, to)) = self.captures[..self.level].get(index).copied() else {
            return Err(PatternError::Malformed("invalid capture index"));
        };
        let bytes = &self.subject[from..to];
        self.pace.bytes(bytes.len()).map_err(PatternError::Interrupted)?;
        Ok(self.subject[s..].starts_with(bytes).then_some(s + bytes.len()))
    }

    /// The class that begins at `p`, and where it ends.
    fn class(&mut self, p: usize) -> Result<(ByteClass, usize), PatternError> {
        match self.pattern[p] {
            b'.' => Ok((ByteClass::Any, p + 1)),
            b'%' => match self.pattern.get(p + 1) {
                Some(letter) => Ok((ByteClass::Letter(*letter), p + 2)),
                None => Err(PatternError::Malformed("malformed pattern (ends with '%')")),
            },
            b'[' => {
                let read = self.set(p)?;
                Ok((ByteClass::Set(read.set), read.end))
            }
            byte => Ok((ByteClass::Byte(byte), p + 1)),
        }
    }

    /// The set of which the `[` is at `p`.
    fn set(&mut self, p: usize) -> Result<ReadSet, PatternError> {
        let kept = self.sets[p % SETS_KEPT];
        if kept.from == p && kept.end != 0 {
            return Ok(kept);
        }
        let negated = self.pattern.get(p + 1) == Some(&b'^');
        let first = p + 1 + usize::from(negated);
        let mut at = first;
        loop {
            self.pace.step().map_err(PatternError::Interrupted)?;
            match self.pattern.get(at) {
                None => return Err(PatternError::Malformed("malformed pattern (missing ']')")),
                Some(b']') if at > first => break,
                Some(b'%') => at += 2,
                Some(_) => at += 1,
            }
        }
        let set = ByteSet::written(&self.pattern[first..at]);
        let read = ReadSet { from: p, end: at + 1, set: if negated { set.complement() } else { set } };
        self.sets[p % SETS_KEPT] = read;
        Ok(read)
    }
}

enum Next {
    /// The rest was tried; this is what became of it.
    Done(Option<usize>),
    /// Go on with this place of the subject and this one of the pattern.
    On(usize, usize),
}
