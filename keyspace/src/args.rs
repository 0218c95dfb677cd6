//! The arguments of one command, as spans into the bytes they were received in.
//!
//! A parsed command owns nothing: the connection's input (or the body of a hop) stays where it is and a command is a run of
//! spans into it. Handlers see `Args` and index it like a slice of byte strings.

/// Where one argument stands in its buffer: `start..start + len`, in bytes. Buffers are below 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

impl Span {
    /// The bytes that the span names in `buf`. Panics if the span does not lie in `buf`.
    #[inline]
    pub fn of(self, buf: &[u8]) -> &[u8] {
        let start = self.start as usize;
        &buf[start..start + self.len as usize]
    }
}

/// The arguments of one command, its name first. Copying it copies two slices.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    buf: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// A command whose arguments are `spans` of `buf`.
    #[inline]
    pub fn new(buf: &'a [u8], spans: &'a [Span]) -> Self {
        Args { buf, spans }
    }

    /// How many arguments there are, the command's name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// True without any argument: no command is.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `index`. Panics when there is none: arity is checked before a handler runs.
    #[inline]
    pub fn at(&self, index: usize) -> &'a [u8] {
        self.spans[index].of(self.buf)
    }

    /// Argument `index`, if there is one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| span.of(self.buf))
    }

    /// The arguments from `index` on.
    #[inline]
    pub fn from(&self, index: usize) -> Args<'a> {
        Args { buf: self.buf, spans: &self.spans[index.min(self.spans.len())..] }
    }

    /// All arguments in order.
    #[inline]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone + use<'a> {
        let buf = self.buf;
        self.spans.iter().map(move |span| span.of(buf))
    }

    /// True if argument `index` [`spells`] `word`.
    #[inline]
    pub fn is(&self, index: usize, word: &str) -> bool {
        self.get(index).is_some_and(|arg| spells(arg, word))
    }

    /// Bytes of all arguments together.
    pub fn bytes(&self) -> usize {
        self.spans.iter().map(|span| span.len as usize).sum()
    }
}

/// True if an argument is the option `word`, whatever the case of its letters. Options are C strings to Redis: what follows a zero byte
/// does not count. Names of commands and subcommands are not compared in this way.
#[inline]
pub fn spells(arg: &[u8], word: &str) -> bool {
    let (word, letters) = (word.as_bytes(), arg.get(..word.len()));
    letters.is_some_and(|letters| letters.eq_ignore_ascii_case(word))
        && arg.get(word.len()).is_none_or(|&byte| byte == 0)
}

impl<'a> std::ops::Index<usize> for Args<'a> {
    type Output = [u8];

    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        self.at(index)
    }
}

/// Arguments that own their bytes: what outlives the input they came in.
#[derive(Clone, Debug, Default)]
pub struct OwnedArgs {
    buf: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedArgs {
    /// A copy of `args`.
    pub fn copy(args: Args<'_>) -> Self {
        let mut owned = OwnedArgs { buf: Vec::with_capacity(args.bytes()), spans: Vec::with_capacity(args.len()) };
        args.iter().for_each(|arg| owned.push(arg));
        owned
    }

    /// Appends one argument.
    pub fn push(&mut self, arg: &[u8]) {
        self.spans.push(Span { start: self.buf.len() as u32, len: arg.len() as u32 });
        self.buf.extend_from_slice(arg);
    }

    /// Forgets the arguments and keeps their room.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.spans.clear();
    }

    /// Bytes that it has room for.
    pub fn room(&self) -> usize {
        self.buf.capacity() + self.spans.capacity() * size_of::<Span>()
    }

    /// The arguments, borrowed.
    pub fn args(&self) -> Args<'_> {
        Args::new(&self.buf, &self.spans)
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut owned = OwnedArgs::default();
        items.into_iter().for_each(|arg| owned.push(arg.as_ref()));
        owned
    }
}
