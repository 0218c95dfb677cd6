//! The audit log: what threads have to say of the packets, as lines of the log with the packets' fields (`spec/packets.md`). Of FR-P2C-008
//! cores speak, of FR-P2C-007 the bus thread.
//!
//! In the JSON format each field is a field of the line. What was detected or rejected is a warning, the rest a notice.

use audit::auditor::Event;
use audit::record::{AuditRecord, Verdict, utc};
use audit::topic::AuditTopic;
use shard::mesh::CoreId;

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

/// Logs what was said; by which core, if it was one.
pub(crate) fn log<T: AuditTopic>(core: Option<CoreId>, events: &[Event<T>]) {
    let core = core.map(|core| core.0);
    for event in events {
        let record: AuditRecord = event.record();
        match record.verdict {
            Verdict::Pass => line!(info, core, event, record),
            Verdict::Fail | Verdict::Skip => line!(warn, core, event, record),
        }
    }
}
