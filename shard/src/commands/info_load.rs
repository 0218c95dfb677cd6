//! INFO's sections about what the server does: clients, persistence, stats, replication.

use super::info::{Lines, View};

/// `# Clients`
pub(super) fn clients(view: &View<'_>, out: &mut Lines) {
    let clients = &view.sum.clients;
    out.put("connected_clients", clients.connected);
    out.put("cluster_connections", 0);
    out.put("maxclients", view.facts.settings.maxclients);
    out.put("client_recent_max_input_buffer", clients.input_bytes_max);
    out.put("client_recent_max_output_buffer", clients.output_bytes_max);
    out.put("blocked_clients", clients.blocked);
    out.put("tracking_clients", view.sum.tracking.clients);
    out.put("clients_in_timeout_table", clients.timed);
    out.put("total_blocking_keys", clients.blocking_keys);
    out.put("total_blocking_keys_on_nokey", clients.blocking_keys_on_nokey);
}

/// `# Persistence`
pub(super) fn persistence(view: &View<'_>, out: &mut Lines) {
    out.zeros(&["loading", "async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age"]);
    out.put("current_fork_perc", "0.00");
    out.zeros(&["current_save_keys_processed", "current_save_keys_total"]);
    out.put("rdb_changes_since_last_save", view.sum.data.changes);
    out.put("rdb_bgsave_in_progress", u8::from(view.sum.saves));
    // As in redis-server before its first save.
    out.put("rdb_last_save_time", view.facts.server.started_us / 1_000_000);
    out.put("rdb_last_bgsave_status", "ok");
    out.put("rdb_last_bgsave_time_sec", -1);
    out.put("rdb_current_bgsave_time_sec", -1);
    out.zeros(&["rdb_saves", "rdb_last_cow_size", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded"]);
    out.zeros(&["aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled"]);
    out.put("aof_last_rewrite_time_sec", -1);
    out.put("aof_current_rewrite_time_sec", -1);
    out.put("aof_last_bgrewrite_status", "ok");
    out.zeros(&["aof_rewrites", "aof_rewrites_consecutive_failures"]);
    out.put("aof_last_write_status", "ok");
    out.zeros(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"]);
}

/// `# Stats`
pub(super) fn stats(view: &View<'_>, out: &mut Lines) {
    let sum = view.sum;
    let (traffic, data, rates) = (&sum.traffic, &sum.data, &sum.rates);
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    out.put("total_connections_received", traffic.accepted);
    out.put("total_commands_processed", sum.stats.calls());
    out.put("instantaneous_ops_per_sec", rates.ops);
    out.put("total_net_input_bytes", traffic.bytes_in);
    out.put("total_net_output_bytes", traffic.bytes_out);
    out.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    out.put("instantaneous_input_kbps", kilobytes(rates.bytes_in));
    out.put("instantaneous_output_kbps", kilobytes(rates.bytes_out));
    out.put("instantaneous_input_repl_kbps", "0.00");
    out.put("instantaneous_output_repl_kbps", "0.00");
    out.put("rejected_connections", traffic.rejected);
    out.put("sync_full", traffic.syncs);
    out.zeros(&["sync_partial_ok", "sync_partial_err"]);
    out.put("expired_keys", data.expired_keys);
    out.put("expired_subkeys", data.expired_fields);
    out.put("expired_stale_perc", format!("{:.2}", sum.expiry.stale_percent()));
    out.put("expired_time_cap_reached_count", sum.expiry.time_cap_reached);
    out.put("expire_cycle_cpu_milliseconds", sum.expiry.micros / 1000);
    let evictions = &sum.evictions;
    out.put("evicted_keys", evictions.keys);
    out.put("evicted_clients", traffic.evicted);
    out.put("total_eviction_exceeded_time", evictions.exceeded_us / 1_000);
    out.put("current_eviction_exceeded_time", evictions.exceeded_now_us / 1_000);
    out.put("keyspace_hits", data.hits);
    out.put("keyspace_misses", data.misses);
    out.put("pubsub_channels", sum.pubsub.channels);
    out.put("pubsub_patterns", sum.pubsub.patterns);
    out.put("pubsubshard_channels", sum.pubsub.shard_channels);
    out.zeros(&["latest_fork_usec", "total_forks"]);
    out.zeros(&["migrate_cached_sockets", "slave_expires_tracked_keys", "active_defrag_hits", "active_defrag_misses"]);
    out.zeros(&["active_defrag_key_hits", "active_defrag_key_misses"]);
    out.zeros(&["total_active_defrag_time", "current_active_defrag_time"]);
    out.put("tracking_total_keys", sum.tracking.keys);
    out.put("tracking_total_items", sum.tracking.items);
    out.put("tracking_total_prefixes", sum.tracking.prefixes);
    out.put("unexpected_error_replies", 0);
    out.put("total_error_replies", sum.stats.error_replies);
    out.put("dump_payload_sanitizations", 0);
    out.put("total_reads_processed", traffic.reads);
    out.put("total_writes_processed", traffic.writes);
    out.zeros(&["io_threaded_reads_processed", "io_threaded_writes_processed"]);
    out.put("client_query_buffer_limit_disconnections", traffic.query_limit_closed);
    out.put("client_output_buffer_limit_disconnections", traffic.output_limit_closed);
    out.zeros(&["reply_buffer_shrinks", "reply_buffer_expands"]);
    out.put("eventloop_cycles", sum.turns.count);
    out.put("eventloop_duration_sum", sum.turns.ns / 1_000);
    out.put("eventloop_duration_cmd_sum", sum.stats.ns() / 1_000);
    out.put("instantaneous_eventloop_cycles_per_sec", rates.turns);
    out.put("instantaneous_eventloop_duration_usec", rates.turn_ns / 1_000 / rates.turns.max(1));
    let access = sum.access;
    out.put("acl_access_denied_auth", access.auth);
    out.put("acl_access_denied_cmd", access.command);
    out.put("acl_access_denied_key", access.key);
    out.put("acl_access_denied_channel", access.channel);
}

/// `# Debug`
pub(super) fn debug(view: &View<'_>, out: &mut Lines) {
    out.put("eventloop_duration_max", view.sum.turns.longest_ns / 1_000);
    out.put("eventloop_cpu_max", view.sum.turns.longest_cpu_ns / 1_000);
}

/// `# Replication`
pub(super) fn replication(view: &View<'_>, out: &mut Lines) {
    out.put("role", "master");
    out.put("connected_slaves", 0);
    out.put("master_failover_state", "no-failover");
    // The history of the data begins with the process, and nobody follows it.
    out.put("master_replid", &view.facts.server.run_id);
    out.put("master_replid2", "0".repeat(40));
    out.put("master_repl_offset", 0);
    out.put("second_repl_offset", -1);
    out.zeros(&["repl_backlog_active", "repl_backlog_size", "repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
}
