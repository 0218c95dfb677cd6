//! FR-P2C-008 through the socket: rows E001 to E014 of `expire-evict.md` §18, in both modes, on one core and on four, and beside
//! redis-server 7.0.15 where that has the behaviour.
//!
//! One module per row. A test writes one line of evidence under `target/evidence/FR-P2C-008`. What needs a replica or a log on disk is
//! absent: no test of that name exists until it can fail.
#![forbid(unsafe_code)]
#![allow(non_snake_case)]

mod bed;

mod FR_P2C_008_E001;
mod FR_P2C_008_E002;
mod FR_P2C_008_E003;
mod FR_P2C_008_E004;
mod FR_P2C_008_E005;
mod FR_P2C_008_E006;
mod FR_P2C_008_E007;
mod FR_P2C_008_E008;
mod FR_P2C_008_E009;
mod FR_P2C_008_E010;
mod FR_P2C_008_E011;
mod FR_P2C_008_E012;
mod FR_P2C_008_E013;
mod FR_P2C_008_E014;
