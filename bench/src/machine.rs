//! The machine sheet: what a reader needs to judge or repeat a run.

use std::fs;
use std::path::Path;

use crate::procfs;
use crate::tool::first_line;

/// Rows of name and value, in reading order.
pub(crate) type Sheet = Vec<(String, String)>;

/// Looks at the machine and the programs. What cannot be found out is missing from the sheet.
pub(crate) fn sheet(programs: &[(&str, &Path)]) -> Sheet {
    let mut rows = Sheet::new();
    let mut add = |name: &str, value: Option<String>| {
        rows.extend(value.filter(|v| !v.is_empty()).map(|value| (name.to_owned(), value)));
    };
    add("command", Some(std::env::args().collect::<Vec<_>>().join(" ")));
    add("begun", first_line("date", &["-u", "+%Y-%m-%d %H:%M:%S UTC"]));
    add("commit", first_line("git", &["describe", "--always", "--dirty", "--abbrev=12"]));
    add("CPU", cpu_model());
    add("CPUs we may use", procfs::allowed_cpus().ok().map(|cpus| format!("{cpus:?}")));
    add(
        "memory available",
        procfs::available_bytes().ok().map(|b| format!("{:.1} GiB", b as f64 / (1u64 << 30) as f64)),
    );
    add("kernel", first_line("uname", &["-srvm"]));
    add("load average at the start", fs::read_to_string("/proc/loadavg").ok().map(|text| text.trim().to_owned()));
    for (name, program) in programs {
        let version = first_line(&program.to_string_lossy(), &["-v"]).unwrap_or_default();
        add(name, Some(format!("{} ({version})", program.display()).replace(" ()", "")));
    }
    add("redis-benchmark", first_line("redis-benchmark", &["--version"]));
    add("memtier_benchmark", first_line("memtier_benchmark", &["--version"]).or(Some("not installed".to_owned())));
    rows
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let (_, model) = text.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(model.trim().to_owned())
}
