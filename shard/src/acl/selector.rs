//! A selector: commands, keys and channels that are allowed together. A user has one, and may have more.

use crate::command::{self, Command};
use keyspace::args::Args;
use keyspace::spec::{Categories, Flags};

use crate::settings::PubsubDefault;

use super::command_set::{CommandSet, Sign};
use super::describe::describe;
use super::patterns::{Access, KeyPattern, matches};
use super::rules::RuleError;

/// Rules that hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The commands.
    pub commands: CommandSet,
    all_keys: bool,
    keys: Vec<KeyPattern>,
    all_channels: bool,
    channels: Vec<Box<[u8]>>,
}

impl Selector {
    /// Nothing but the channels that every selector begins with.
    pub fn new(channels: PubsubDefault) -> Self {
        let all_channels = channels == PubsubDefault::Allchannels;
        Selector { commands: CommandSet::none(), all_keys: false, keys: Vec::new(), all_channels, channels: Vec::new() }
    }

    /// True if it allows everything.
    pub fn is_unrestricted(&self) -> bool {
        self.all_keys && self.all_channels && self.commands.is_all()
    }

    /// True if every key is allowed without looking at it.
    pub fn has_all_keys(&self) -> bool {
        self.all_keys
    }

    /// True if every channel is allowed without looking at it.
    pub fn has_all_channels(&self) -> bool {
        self.all_channels
    }

    /// The patterns of channels.
    pub fn channels(&self) -> &[Box<[u8]>] {
        &self.channels
    }

    /// True if it allows the command with these arguments, whatever their keys.
    pub fn admits_command(&self, command: &Command, args: Args) -> bool {
        self.commands.admits(command, args)
    }

    /// True if it allows this to the key.
    pub fn admits_key(&self, key: &[u8], needed: Access) -> bool {
        self.all_keys || self.keys.iter().any(|pattern| pattern.admits(key, needed))
    }

    /// True if it allows this to any key there may be.
    pub fn admits_any_key(&self, needed: Access) -> bool {
        self.all_keys || self.keys.iter().any(|keys| &*keys.pattern == b"*" && keys.access.covers(needed))
    }

    /// True if it allows a channel.
    pub fn admits_channel(&self, channel: &[u8]) -> bool {
        self.all_channels || self.channels.iter().any(|pattern| matches(pattern, channel))
    }

    /// True if it allows a pattern of channels: one that stands in its rules as it is.
    pub fn admits_channel_pattern(&self, pattern: &[u8]) -> bool {
        self.all_channels || self.channels.iter().any(|known| **known == *pattern)
    }

    /// Forgets all keys.
    pub fn reset_keys(&mut self) {
        self.all_keys = false;
        self.keys.clear();
    }

    /// Forgets all channels, or allows all.
    pub fn reset_channels(&mut self, channels: PubsubDefault) {
        self.all_channels = channels == PubsubDefault::Allchannels;
        self.channels.clear();
    }

    /// Applies one rule.
    pub fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let is = |word: &str| rule.eq_ignore_ascii_case(word.as_bytes());
        match rule {
            [] => {}
            _ if is("allkeys") || is("~*") => {
                self.reset_keys();
                self.all_keys = true;
            }
            _ if is("resetkeys") => self.reset_keys(),
            _ if is("allchannels") || is("&*") => self.reset_channels(PubsubDefault::Allchannels),
            _ if is("resetchannels") => self.reset_channels(PubsubDefault::Resetchannels),
            _ if is("allcommands") || is("+@all") => self.commands.set_all(Sign::Plus),
            _ if is("nocommands") || is("-@all") => self.commands.set_all(Sign::Minus),
            [b'~', pattern @ ..] => self.add_keys(pattern, Access::ALL)?,
            [b'%', rest @ ..] => {
                let (access, pattern) = read_access(rest)?;
                self.add_keys(pattern, access)?;
            }
            [b'&', pattern @ ..] => self.add_channel(pattern)?,
            [sign @ (b'+' | b'-'), b'@', name @ ..] => {
                let category = Categories::named(name).ok_or(RuleError::Unknown)?;
                self.commands.set_category(category, if *sign == b'+' { Sign::Plus } else { Sign::Minus });
            }
            [b'+', name @ ..] => self.allow(name)?,
            [b'-', name @ ..] => self.commands.set(find(name).ok_or(RuleError::Unknown)?.id, Sign::Minus),
            _ => return Err(RuleError::Syntax),
        }
        Ok(())
    }

    fn add_keys(&mut self, pattern: &[u8], access: Access) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::KeysAfterAll);
        }
        if has_space(pattern) {
            return Err(RuleError::Syntax);
        }
        match self.keys.iter_mut().find(|known| *known.pattern == *pattern) {
            Some(known) => known.access = known.access.or(access),
            None => self.keys.push(KeyPattern { pattern: pattern.into(), access }),
        }
        Ok(())
    }

    fn add_channel(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::ChannelsAfterAll);
        }
        if has_space(pattern) {
            return Err(RuleError::Syntax);
        }
        if !self.admits_channel_pattern(pattern) {
            self.channels.push(pattern.into());
        }
        Ok(())
    }

    /// `+command`, `+container|subcommand` or `+command|firstarg`.
    fn allow(&mut self, name: &[u8]) -> Result<(), RuleError> {
        if let Some(command) = find(name) {
            self.commands.set(command.id, Sign::Plus);
            return Ok(());
        }
        let bar = memchr::memrchr(b'|', name).ok_or(RuleError::Unknown)?;
        let (command, arg) = (find(&name[..bar]).ok_or(RuleError::Unknown)?, &name[bar + 1..]);
        if command.spec.name.contains('|') {
            return Err(RuleError::FirstArgOfSubcommand);
        }
        if arg.is_empty() || has_space(arg) {
            return Err(RuleError::Syntax);
        }
        // A container that hides its subcommands is a command like others.
        if !command.subcommands.is_empty() && !command.is(Flags::SYSCMD) {
            return Err(RuleError::Unknown);
        }
        self.commands.add_first_arg(command.id, arg);
        Ok(())
    }

    /// Its rules about commands.
    pub fn print_commands(&self) -> Vec<u8> {
        describe(&self.commands)
    }

    /// Its rules about keys.
    pub fn print_keys(&self) -> Vec<u8> {
        if self.all_keys {
            return b"~*".to_vec();
        }
        let mut out = Vec::new();
        for pattern in &self.keys {
            space(&mut out);
            match pattern.is_everything() && self.keys.len() > 1 {
                // No pattern can follow `~*`: a file with these rules would not load.
                true => out.extend_from_slice(b"%RW~*"),
                false => pattern.print(&mut out),
            }
        }
        out
    }

    /// Its rules about channels.
    pub fn print_channels(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        let mut out = Vec::new();
        for pattern in &self.channels {
            space(&mut out);
            out.push(b'&');
            out.extend_from_slice(pattern);
        }
        out
    }

    /// All its rules.
    pub fn print(&self) -> Vec<u8> {
        let mut out = self.print_keys();
        space(&mut out);
        if !self.all_channels {
            out.extend_from_slice(b"resetchannels ");
        }
        out.extend_from_slice(&self.print_channels());
        space(&mut out);
        out.extend_from_slice(&self.print_commands());
        out
    }
}

/// A space between two rules.
fn space(out: &mut Vec<u8>) {
    if out.last().is_some_and(|last| *last != b' ') {
        out.push(b' ');
    }
}

/// The command or subcommand with this name, as far as clients know it.
fn find(name: &[u8]) -> Option<&'static Command> {
    let table = command::table();
    table.find(name).filter(|command| table.shown(command.id) == command.id)
}

/// Letters before `~`: what a pattern is for.
fn read_access(rule: &[u8]) -> Result<(Access, &[u8]), RuleError> {
    let end = rule.iter().position(|byte| *byte == b'~').unwrap_or(rule.len());
    let mut access = Access::default();
    for letter in &rule[..end] {
        let place = match letter.to_ascii_uppercase() {
            b'R' => &mut access.read,
            b'W' => &mut access.write,
            _ => return Err(RuleError::Syntax),
        };
        if std::mem::replace(place, true) {
            return Err(RuleError::Syntax);
        }
    }
    if access == Access::default() {
        return Err(RuleError::Syntax);
    }
    Ok((access, rule.get(end + 1..).unwrap_or_default()))
}

/// True if a text would fall apart in a line of rules.
pub(super) fn has_space(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, 0 | b'\t'..=b'\r' | b' '))
}
