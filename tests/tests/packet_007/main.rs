//! FR-P2C-007 through sockets: rows E001 to E014 of `cluster.md` §1, with processes of ours alone and beside redis-server 7.0.15.
//!
//! One module per row. A test writes one line of evidence under `target/evidence/FR-P2C-007`; what runs in both modes has the same sums
//! in both. What needs replicas of our own, a data set on disk or atomic slot migration is absent: no test of that name exists until it
//! can fail.
#![forbid(unsafe_code)]
#![allow(non_snake_case)]

mod bed;
mod bounds;
mod delay;
mod frames;
mod hosts;
mod pair;
mod six;
mod stock_clients;
mod tool;

mod FR_P2C_007_E001;
mod FR_P2C_007_E002;
mod FR_P2C_007_E003;
mod FR_P2C_007_E004;
mod FR_P2C_007_E005;
mod FR_P2C_007_E006;
mod FR_P2C_007_E007;
mod FR_P2C_007_E008;
mod FR_P2C_007_E009;
mod FR_P2C_007_E010;
mod FR_P2C_007_E011;
mod FR_P2C_007_E012;
mod FR_P2C_007_E013;
mod FR_P2C_007_E014;
