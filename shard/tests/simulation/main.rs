//! Whole cores in one thread, on simulated rings and in virtual time, stepped in any order by a seed (`spec/cores.md` §11).
//!
//! `world` steps the cores, `client` is a connection's far end, `model` says what a single thread would answer. The tests:
//! `exact` (one client at a time, every reply as the model's), `serial` (clients at once, a serial order is searched), `storm`
//! (longer load, connections that break, what must hold all the same), `stalls` (a lost wake-up is noticed), `splits` (how a
//! stream arrives does not matter), `fuzz` (any command with any argument answers once), `loans` (slots on loan and what meets
//! them), `endings` (clients that stop sending), `pubsub` (who hears which messages), `transactions` and `scripts` (amounts that
//! move between `accounts` on all cores, and what was watched), `blocking` (clients that wait for elements of keys on all cores),
//! `readers` (clients that wait for entries of streams), `crowd` (a wake-up among very many clients),
//! `cuts` (who misses a message), `memory` (what all cores use stays within the budget), `evicting` (clients that use too much memory
//! together), `migrations` (keys that are sent to another server, by the service thread of `service`), `log` (what is recorded of
//! changes, and replayed), `routes` (a node of a cluster whose slots come and go), `modes` (how long what clients say to a node holds).
//!
//! `ASHLAR_SIM_SEEDS` sets how many seeds each test runs, `ASHLAR_SIM_SEED` runs exactly one.
#![forbid(unsafe_code)]

mod accounts;
mod blocking;
mod client;
mod crowd;
mod cuts;
mod endings;
mod evicting;
mod exact;
mod fuzz;
mod jumps;
mod loans;
mod log;
mod memory;
mod migrations;
mod model;
mod modes;
mod program;
mod pubsub;
mod readers;
mod resp;
mod routes;
mod scripts;
mod seeds;
mod serial;
mod service;
mod snapshots;
mod splits;
mod stalls;
mod storm;
mod transactions;
mod world;
