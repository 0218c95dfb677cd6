//! Tests of the mesh, one file per file of it. The threads of it are modelled in `tests/tests/model_*.rs`, which compile `baton.rs`,
//! `loans.rs` and `ticket.rs` by themselves; so those files have no test module inside.

mod baton;
mod holds;
mod loans;
mod mailbox;
mod mesh;
mod ticket;
