//! MIGRATE between servers: every pair of redis-server and ours says and does the same, whatever the target is like; and here nobody
//! waits for it but those who write to the keys.
#![forbid(unsafe_code)]

mod holds;
mod plays;
mod target;
mod values;
