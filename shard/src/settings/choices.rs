//! Settings that are one word of a closed list.

use audit::mode::Mode;

use super::row::Kind;
use super::value::Value;

macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// Its words, in the order in which an error lists them.
            pub const WORDS: &'static [&'static str] = &[$($word,)+];

            /// The word for this value.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl Value for $name {
            fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
                $(if raw.eq_ignore_ascii_case($word.as_bytes()) {
                    return Ok(Self::$variant);
                })+
                Err(format!("argument(s) must be one of the following: {}", Self::WORDS.join(", ")))
            }

            fn print(&self, _: &Kind) -> Vec<u8> {
                self.word().as_bytes().to_vec()
            }
        }
    };
}

choice! {
    /// How much is logged, most first.
    LogLevel {
        /// Everything, for development.
        Debug = "debug",
        /// Much that is rarely of use.
        Verbose = "verbose",
        /// What matters in production.
        Notice = "notice",
        /// Only what needs attention.
        Warning = "warning",
    }
}

choice! {
    /// The form of a log line.
    LogFormat {
        /// One readable line.
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }
}

choice! {
    /// Who may use DEBUG.
    DebugAccess {
        /// Nobody.
        No = "no",
        /// Every client.
        Yes = "yes",
        /// Clients of this machine: loopback or UNIX socket.
        Local = "local",
    }
}

choice! {
    /// Whether commands of one pipeline that go to different cores keep their order.
    PipelineOrder {
        /// They may take effect in either order; replies keep theirs.
        Relaxed = "relaxed",
        /// They take effect one after the other.
        Strict = "strict",
    }
}

choice! {
    /// The service manager that started the process.
    Supervised {
        /// Upstart.
        Upstart = "upstart",
        /// systemd.
        Systemd = "systemd",
        /// Whichever the environment names.
        Auto = "auto",
        /// None.
        No = "no",
    }
}

choice! {
    /// How strictly a contract is kept.
    ContractMode {
        /// Exactly; nothing more is said about what is refused than that.
        Strict = "strict",
        /// With evidence of each refusal, within budgets.
        Hardened = "hardened",
    }
}

impl ContractMode {
    /// The mode as the audit knows it.
    pub const fn mode(self) -> Mode {
        match self {
            ContractMode::Strict => Mode::Strict,
            ContractMode::Hardened => Mode::Hardened,
        }
    }
}

choice! {
    /// What a user without rules about channels may use of them.
    PubsubDefault {
        /// All.
        Allchannels = "allchannels",
        /// None.
        Resetchannels = "resetchannels",
    }
}
