//! The audit log: what cores have to say of the packet FR-P2C-008, as lines of the log with the packet's fields (`spec/packets.md`).
//!
//! In the JSON format each field is a field of the line. What was detected or rejected is a warning, the rest a notice.

use audit::record::{AuditRecord, Verdict, utc};
use evict::topics::Event;
use shard::mesh::mailbox::Address;

macro_rules! line {
    ($level:ident, $core:expr, $event:expr, $record:expr) => {
        tracing::$level!(
            ts_utc = utc($record.time),
            suite_id = $record.suite,
            test_or_scenario_id = $record.scenario,
            packet_id = $record.packet,
            mode = $record.mode.name(),
            input_digest = format!("{:016x}", $record.input.sum()),
            output_digest = format!("{:016x}", $record.output.sum()),
            duration_ms = $record.millis,
            outcome = $record.verdict.name(),
            reason_code = $record.reason,
            core = $core,
            count = $event.count,
            "audit"
        )
    };
}

/// Logs what a core said.
pub(super) fn log(core: Address, events: &[Event]) {
    for event in events {
        let record: AuditRecord = event.record();
        match record.verdict {
            Verdict::Pass => line!(info, core.0, event, record),
            Verdict::Fail | Verdict::Skip => line!(warn, core.0, event, record),
        }
    }
}
