//! INFO's sections about the process: server, memory, cpu.

use crate::report::{CoreReport, CpuTime, ProcessReport};

use super::info::{Lines, View};
use super::{ASHLAR_VERSION, REDIS_VERSION};

/// `# Server`
pub(super) fn server(view: &View<'_>, out: &mut Lines) {
    let facts = view.facts;
    let (server, settings) = (facts.server, facts.settings);
    let process = process_of(view.sum);
    let uptime_s = facts.now.wall_us.saturating_sub(server.started_us) / 1_000_000;
    out.put("redis_version", REDIS_VERSION);
    out.put("server_name", "ashlar");
    out.put("ashlar_version", ASHLAR_VERSION);
    out.put("redis_git_sha1", "00000000");
    out.put("redis_git_dirty", 0);
    out.put("redis_build_id", 0);
    out.put("redis_mode", if facts.clustered { "cluster" } else { "standalone" });
    out.put("os", &process.os);
    out.put("arch_bits", usize::BITS);
    out.put("monotonic_clock", "POSIX clock_gettime");
    out.put("multiplexing_api", "io_uring");
    out.put("io_backend", "io_uring");
    out.put("atomicvar_api", "rust-core");
    // What redis-server prints when no GCC built it.
    out.put("gcc_version", "0.0.0");
    out.put("process_id", server.pid);
    out.put("process_supervised", "no");
    out.put("run_id", &server.run_id);
    out.put("tcp_port", settings.port);
    out.put("server_time_usec", facts.now.wall_us);
    out.put("uptime_in_seconds", uptime_s);
    out.put("uptime_in_days", uptime_s / 86_400);
    out.put("hz", settings.hz);
    out.put("configured_hz", settings.hz);
    out.put("lru_clock", (facts.now.wall_us / 1_000_000) & LRU_CLOCK_MASK);
    out.put("executable", server.executable.display());
    out.put("config_file", server.config_file.as_deref().unwrap_or("".as_ref()).display());
    out.put("io_threads_active", 0);
    let mut listeners = 0;
    let mut listener = |text: String| {
        out.put(&format!("listener{listeners}"), text);
        listeners += 1;
    };
    if settings.port > 0 {
        let binds: String = settings.bind.iter().map(|bind| format!("bind={bind},")).collect();
        listener(format!("name=tcp,{binds}port={}", settings.port));
    }
    if !settings.unixsocket.is_empty() {
        listener(format!("name=unix,bind={}", settings.unixsocket));
    }
}

/// The LRU clock counts seconds in 24 bits.
const LRU_CLOCK_MASK: u64 = (1 << 24) - 1;

/// `# Memory`
pub(super) fn memory(view: &View<'_>, out: &mut Lines) {
    let memory = Memory::of(view.sum);
    let human = |out: &mut Lines, name: &str, bytes: u64| {
        out.put(name, bytes);
        out.put(&format!("{name}_human"), human(bytes));
    };
    human(out, "used_memory", memory.used);
    human(out, "used_memory_rss", memory.rss);
    human(out, "used_memory_peak", memory.peak);
    out.put("used_memory_peak_perc", format_args!("{:.2}%", memory.peak_percent()));
    out.put("used_memory_overhead", memory.overhead());
    out.put("used_memory_startup", memory.startup);
    out.put("used_memory_dataset", memory.dataset());
    out.put("used_memory_dataset_perc", format_args!("{:.2}%", memory.dataset_percent()));
    out.put("allocator_allocated", memory.used);
    out.put("allocator_active", memory.rss);
    out.put("allocator_resident", memory.rss);
    human(out, "total_system_memory", process_of(view.sum).machine_bytes);
    let scripts = &view.sum.scripts;
    human(out, "used_memory_lua", scripts.engine_bytes);
    out.put("used_memory_vm_eval", scripts.engine_bytes);
    out.put("used_memory_scripts_eval", scripts.source_bytes);
    out.put("number_of_cached_scripts", scripts.names.len());
    out.put("number_of_functions", scripts.functions);
    out.put("number_of_libraries", scripts.libraries);
    // Functions live in the interpreter of the scripts.
    out.put("used_memory_vm_functions", 0);
    human(out, "used_memory_vm_total", scripts.engine_bytes);
    out.put("used_memory_functions", scripts.library_bytes);
    human(out, "used_memory_scripts", scripts.source_bytes + scripts.library_bytes);
    human(out, "maxmemory", view.facts.settings.maxmemory);
    out.put("maxmemory_policy", view.facts.settings.maxmemory_policy.name());
    out.put("allocator_frag_ratio", format_args!("{:.2}", memory.fragmentation()));
    out.put("allocator_frag_bytes", memory.fragmentation_bytes());
    // Nothing is known between what the allocator holds and what is resident.
    out.put("allocator_rss_ratio", "1.00");
    out.put("allocator_rss_bytes", 0);
    out.put("rss_overhead_ratio", "1.00");
    out.put("rss_overhead_bytes", 0);
    out.put("mem_fragmentation_ratio", format_args!("{:.2}", memory.fragmentation()));
    out.put("mem_fragmentation_bytes", memory.fragmentation_bytes());
    out.zeros(&["mem_not_counted_for_evict", "mem_replication_backlog", "mem_total_replication_buffers"]);
    out.put("mem_clients_slaves", 0);
    out.put("mem_clients_normal", memory.clients);
    out.zeros(&["mem_cluster_links", "mem_aof_buffer"]);
    out.put("mem_allocator", "mimalloc");
    out.put("active_defrag_running", 0);
    out.put("lazyfree_pending_objects", view.sum.lazyfree_pending);
    out.put("lazyfreed_objects", view.sum.data.lazyfreed_objects);
}

/// `# CPU`
pub(super) fn cpu(view: &View<'_>, out: &mut Lines) {
    let seconds = |us: u64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    let CpuTime { user_us, system_us } = process_of(view.sum).cpu;
    out.put("used_cpu_sys", seconds(system_us));
    out.put("used_cpu_user", seconds(user_us));
    out.put("used_cpu_sys_children", seconds(0));
    out.put("used_cpu_user_children", seconds(0));
    // The threads that carry out commands: here all core loops together.
    out.put("used_cpu_sys_main_thread", seconds(view.sum.cpu.system_us));
    out.put("used_cpu_user_main_thread", seconds(view.sum.cpu.user_us));
}

fn process_of(sum: &CoreReport) -> &ProcessReport {
    sum.process.as_ref().expect("core 0 reports the process")
}

/// The memory figures that INFO and MEMORY STATS derive from a report.
pub(super) struct Memory {
    /// All that is accounted for.
    pub used: u64,
    /// The most that ever was.
    pub peak: u64,
    /// Resident.
    pub rss: u64,
    /// Held from the start.
    pub startup: u64,
    /// Connections.
    pub clients: u64,
    /// What cores hold beside clients and data: who listens to what, scripts, logs, buffers.
    pub others: u64,
    /// Tables, without their entries.
    pub tables: u64,
    /// Keys.
    pub keys: u64,
}

impl Memory {
    /// The figures of the whole process.
    pub(super) fn of(sum: &CoreReport) -> Memory {
        let (memory, process) = (&sum.memory, process_of(sum));
        let used = memory.used();
        Memory {
            used,
            peak: process.used_bytes_peak.max(used),
            rss: process.rss_bytes,
            startup: memory.startup,
            clients: memory.clients,
            others: memory.others() - memory.clients,
            tables: memory.tables,
            keys: sum.keys(),
        }
    }

    /// What is not data.
    pub(super) fn overhead(&self) -> u64 {
        self.startup + self.clients + self.others + self.tables
    }

    /// What is.
    pub(super) fn dataset(&self) -> u64 {
        self.used.saturating_sub(self.overhead())
    }

    /// The data's part of all that came after the start.
    pub(super) fn dataset_percent(&self) -> f64 {
        percent(self.dataset(), self.used.saturating_sub(self.startup))
    }

    /// What is used, as a part of the most that ever was.
    pub(super) fn peak_percent(&self) -> f64 {
        percent(self.used, self.peak)
    }

    /// Resident bytes per byte used.
    pub(super) fn fragmentation(&self) -> f64 {
        percent(self.rss, self.used) / 100.0
    }

    /// Resident bytes above those used.
    pub(super) fn fragmentation_bytes(&self) -> i64 {
        self.rss as i64 - self.used as i64
    }

    /// Bytes per key, all that came after the start counted.
    pub(super) fn bytes_per_key(&self) -> u64 {
        self.used.saturating_sub(self.startup).checked_div(self.keys).unwrap_or(0)
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// Bytes with a unit, as Redis prints them.
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.2}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_people() {
        let rows = [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (916_248, "894.77K"), (25_276_510_208, "23.54G")];
        for (bytes, text) in rows {
            assert_eq!(human(bytes), text);
        }
        assert_eq!(human(u64::MAX), "16384.00P");
    }

    #[test]
    fn nothing_divides_by_zero() {
        let memory = Memory { used: 0, peak: 0, rss: 7, startup: 0, clients: 0, others: 0, tables: 0, keys: 0 };
        assert_eq!((memory.dataset_percent(), memory.peak_percent(), memory.fragmentation()), (0.0, 0.0, 0.0));
        assert_eq!((memory.bytes_per_key(), memory.fragmentation_bytes()), (0, 7));
    }
}
