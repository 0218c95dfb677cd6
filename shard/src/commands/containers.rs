//! Containers whose subcommands are data commands: their rows carry nothing out.

use keyspace::commands::{object, streams_groups, streams_info};

use crate::command::Run;

use super::SessionRow;

/// The rows of these containers.
pub static ROWS: &[SessionRow] = &[
    SessionRow { spec: object::CONTAINER, run: Run::Container },
    SessionRow { spec: streams_groups::CONTAINER, run: Run::Container },
    SessionRow { spec: streams_info::CONTAINER, run: Run::Container },
];
