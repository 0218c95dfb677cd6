//! Containers whose subcommands are data commands: their rows carry nothing out.

use keyspace::commands::{object, streams};

use crate::command::Run;

use super::SessionRow;

/// The rows of these containers.
pub static ROWS: &[SessionRow] = &[
    SessionRow { spec: object::CONTAINER, run: Run::Container },
    SessionRow { spec: streams::groups::CONTAINER, run: Run::Container },
    SessionRow { spec: streams::info::CONTAINER, run: Run::Container },
];
