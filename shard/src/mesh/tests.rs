//! Tests of the mesh, one file per file of it. The threads of it are modelled in `tests/tests/model_baton.rs` and `model_lease.rs`, which compile
//! `baton.rs` and `loans.rs` by themselves; so those files have no test module inside.

mod baton;
mod loans;
mod mailbox;
mod mesh;
