//! Settings of memory: the policy of eviction, and the limit of clients, which may be a part of another limit.

use evict::clients::ClientsLimit;
use evict::policy::Policy;
use evict::tenacity::Tenacity;
use evict::victim::Choice;

use super::number;
use super::row::Kind;
use super::table::Settings;
use super::value::Value;

/// The names of the policies, in the order in which an error lists them: Redis 7.0's, then the later ones, then our own.
pub(super) const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
    "volatile-lrm",
    "allkeys-lrm",
    "allkeys-s3fifo",
];

impl Value for Policy {
    fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        Policy::parse(raw).ok_or_else(|| format!("argument(s) must be one of the following: {}", POLICIES.join(", ")))
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        self.name().as_bytes().to_vec()
    }
}

impl Value for ClientsLimit {
    fn parse(_: &Self, _: &Kind, raw: &[u8]) -> Result<Self, String> {
        const NEITHER: &str = "argument must be a memory or percent value";
        let Some(percent) = raw.strip_suffix(b"%") else {
            let bytes = number::size(raw).ok_or(NEITHER)?;
            return Ok(if bytes == 0 { ClientsLimit::Off } else { ClientsLimit::Bytes(bytes) });
        };
        let canonical = percent == b"0" || percent.first().is_some_and(|first| *first != b'0');
        let all_digits = canonical && percent.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(percent).ok().filter(|_| all_digits).ok_or(NEITHER)?;
        match text.parse() {
            Ok(0) => Ok(ClientsLimit::Off),
            Ok(percent @ 1..=100) => Ok(ClientsLimit::Percent(percent)),
            _ => Err("percentage argument must be less or equal to 100".to_owned()),
        }
    }

    fn print(&self, _: &Kind) -> Vec<u8> {
        match self {
            ClientsLimit::Off => b"0".to_vec(),
            ClientsLimit::Bytes(bytes) => bytes.to_string().into_bytes(),
            ClientsLimit::Percent(percent) => format!("{percent}%").into_bytes(),
        }
    }
}

impl Settings {
    /// How keys are chosen for eviction, and what their access bits count.
    pub fn choice(&self) -> Choice {
        let lfu = evict::access::LfuSettings { log_factor: self.lfu_log_factor, decay_minutes: self.lfu_decay_time };
        Choice { policy: self.maxmemory_policy, samples: self.maxmemory_samples, lfu }
    }

    /// How long an eviction may take.
    pub fn tenacity(&self) -> Tenacity {
        Tenacity::new(self.maxmemory_eviction_tenacity as u8).expect("the setting is bounded")
    }
}

#[test]
fn every_policy_is_listed() {
    assert!(POLICIES.iter().all(|name| Policy::parse(name.as_bytes()).is_some_and(|policy| policy.name() == *name)));
    assert!(Policy::all().all(|policy| POLICIES.contains(&policy.name())));
}
