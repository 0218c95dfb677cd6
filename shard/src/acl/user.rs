//! A user: passwords, and selectors of which one must allow a command whole.

use std::borrow::Cow;

use crate::settings::PubsubDefault;

use super::password::{Hash, hash};
use super::patterns::Access;
use super::rules::RuleError;
use super::selector::Selector;

/// Whether payloads of RESTORE are checked in depth for this user. Ours always are; the word is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// `sanitize-payload`
    Sanitize,
    /// `skip-sanitize-payload`
    Skip,
}

/// A user. Immutable once published.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name.
    pub name: Box<[u8]>,
    /// Which of the users that had this name it is: a session of one that was deleted is not a session of the next.
    pub incarnation: u64,
    /// Whether it may authenticate.
    pub on: bool,
    /// Whether any password is right.
    pub nopass: bool,
    /// What RESTORE does.
    pub payload: Option<Payload>,
    passwords: Vec<Hash>,
    /// The rules outside of parentheses first.
    selectors: Vec<Selector>,
    unrestricted: bool,
}

impl User {
    /// A user that may nothing but what every selector begins with.
    pub fn new(name: &[u8], incarnation: u64, channels: PubsubDefault) -> Self {
        User {
            name: name.into(),
            incarnation,
            on: false,
            nopass: false,
            payload: None,
            passwords: Vec::new(),
            selectors: vec![Selector::new(channels)],
            unrestricted: false,
        }
    }

    /// True if it may do everything: nothing else needs to be looked at.
    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        self.unrestricted
    }

    /// True if this is one of its passwords, or any is. Takes the same time for each password that it has.
    pub fn has_password(&self, password: &[u8]) -> bool {
        let given = hash(password);
        let found = self.passwords.iter().fold(false, |found, known| found | known.is(&given));
        self.nopass || found
    }

    /// The hashes of its passwords.
    pub fn passwords(&self) -> &[Hash] {
        &self.passwords
    }

    /// All its selectors, that of the rules outside of parentheses first.
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// True if it may do anything with a key.
    pub fn admits_key(&self, key: &[u8]) -> bool {
        self.selectors.iter().any(|selector| selector.admits_key(key, Access::default()))
    }

    /// True if it may subscribe to a channel, or publish to it.
    pub fn admits_channel(&self, channel: &[u8]) -> bool {
        self.selectors.iter().any(|selector| selector.admits_channel(channel))
    }

    /// True if it may subscribe to a pattern of channels.
    pub fn admits_channel_pattern(&self, pattern: &[u8]) -> bool {
        self.selectors.iter().any(|selector| selector.admits_channel_pattern(pattern))
    }

    /// Applies whole rules in order, up to the first that is refused.
    pub fn apply_all<'a>(
        &mut self,
        rules: &[Cow<'a, [u8]>],
        channels: PubsubDefault,
    ) -> Result<(), (Box<[u8]>, RuleError)> {
        for rule in rules {
            self.apply(rule, channels).map_err(|error| (rule.to_vec().into_boxed_slice(), error))?;
        }
        self.unrestricted = self.selectors.iter().any(Selector::is_unrestricted);
        Ok(())
    }

    fn apply(&mut self, rule: &[u8], channels: PubsubDefault) -> Result<(), RuleError> {
        let is = |word: &str| rule.eq_ignore_ascii_case(word.as_bytes());
        match rule {
            _ if is("on") => self.on = true,
            _ if is("off") => self.on = false,
            _ if is("nopass") => {
                self.nopass = true;
                self.passwords.clear();
            }
            _ if is("resetpass") => self.reset_passwords(),
            _ if is("sanitize-payload") => self.payload = Some(Payload::Sanitize),
            _ if is("skip-sanitize-payload") => self.payload = Some(Payload::Skip),
            _ if is("clearselectors") => self.selectors.truncate(1),
            _ if is("reset") => self.reset(channels),
            [b'>', password @ ..] => self.add_password(hash(password)),
            [b'#', text @ ..] => self.add_password(Hash::parse(text).ok_or(RuleError::BadHash)?),
            [b'<', password @ ..] => self.remove_password(hash(password))?,
            [b'!', text @ ..] => self.remove_password(Hash::parse(text).ok_or(RuleError::BadHash)?)?,
            [b'(', inner @ .., b')'] => {
                let mut selector = Selector::new(channels);
                for rule in inner.split(u8::is_ascii_whitespace) {
                    // In a line of rules this word would end the selector.
                    if rule.last() == Some(&b')') {
                        return Err(RuleError::Syntax);
                    }
                    selector.apply(rule)?;
                }
                self.selectors.push(selector);
            }
            _ => self.selectors[0].apply(rule)?,
        }
        Ok(())
    }

    fn reset(&mut self, channels: PubsubDefault) {
        self.reset_passwords();
        self.on = false;
        self.payload = Some(Payload::Sanitize);
        self.selectors = vec![Selector::new(channels)];
    }

    fn reset_passwords(&mut self) {
        self.nopass = false;
        self.passwords.clear();
    }

    fn add_password(&mut self, added: Hash) {
        self.nopass = false;
        if !self.passwords.contains(&added) {
            self.passwords.push(added);
        }
    }

    fn remove_password(&mut self, removed: Hash) -> Result<(), RuleError> {
        let place = self.passwords.iter().position(|known| *known == removed).ok_or(RuleError::NoSuchPassword)?;
        self.passwords.remove(place);
        Ok(())
    }

    /// The words about it that are no passwords and no selectors.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let payload = self.payload.map(|payload| match payload {
            Payload::Sanitize => "sanitize-payload",
            Payload::Skip => "skip-sanitize-payload",
        });
        let known = [Some(if self.on { "on" } else { "off" }), self.nopass.then_some("nopass"), payload];
        known.into_iter().flatten()
    }

    /// Its rules as ACL LIST prints them, without its name.
    pub fn print(&self) -> Vec<u8> {
        let mut words: Vec<Vec<u8>> = self.flags().map(|flag| flag.as_bytes().to_vec()).collect();
        words.extend(self.passwords.iter().map(|known| format!("#{}", known.hex()).into_bytes()));
        words.push(self.selectors[0].print());
        words.extend(self.selectors[1..].iter().map(|selector| [b"(", &*selector.print(), b")"].concat()));
        words.join(&b' ')
    }
}

/// True if a user may have lost a channel with a change, so that its subscriptions must be looked at one by one: channels with
/// `admits_channel`, patterns with `admits_channel_pattern` of the user after the change.
pub fn channels_lost(old: &User, new: &User) -> bool {
    if new.selectors.iter().any(Selector::has_all_channels) {
        return false;
    }
    old.selectors.iter().any(|selector| {
        selector.has_all_channels() || selector.channels().iter().any(|pattern| !new.admits_channel_pattern(pattern))
    })
}
