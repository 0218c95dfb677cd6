//! What a human should hear of, as lines of the log.

use clusterbus::effect::Alarm;
use clusterbus::wire::Health;

/// Logs it.
pub(super) fn report(alarm: Alarm) {
    match alarm {
        Alarm::EpochJump(node) => {
            tracing::warn!("Node {node} named an epoch so far ahead of all others that it was not believed.");
        }
        Alarm::EpochCollision(node) => {
            tracing::warn!("Node {node} had the configuration epoch of this node, which took another one.");
        }
        Alarm::TableFull => tracing::warn!("The table of nodes is full: a node was not taken in."),
        Alarm::Stalled => {
            tracing::warn!(
                "The cluster bus stood still for longer than cluster-node-timeout: this node serves again once it has heard a majority."
            );
        }
    }
}

/// Logs whether this node serves from now on.
pub(super) fn report_health(health: Health) {
    match health {
        Health::Ok => tracing::warn!("Cluster state changed: ok"),
        Health::Fail => tracing::warn!("Cluster state changed: fail"),
    }
}
