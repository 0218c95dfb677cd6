//! The report for a browser: one self-contained page.
//!
//! Goals first, then plots per data set (a panel per pipeline depth, each with its own scale, as depths differ by a factor of ten),
//! then the tables, the machine sheet and the exact commands.

use std::fmt::Write as _;

use crate::load::Generator;
use crate::results::Metric;
use crate::workload::{Cell, Transport, Verb};

use super::svg::{Group, Mark, bars, spans};
use super::{Report, text};

/// Colours of the contenders in column order: told apart in grey, too.
const COLOURS: [&str; 3] = ["#c98b7e", "#2b6ca3", "#b9bec4"];
/// Sections of plots that are open from the start.
const OPEN_SECTIONS: usize = 2;

const STYLE: &str = "
body{font:15px/1.5 system-ui,sans-serif;color:#1d2329;background:#fff;max-width:1400px;margin:2rem auto;padding:0 1.5rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2.2rem}h3{font-size:1rem;margin:1rem 0 .2rem}
p.sub{color:#5a646e;margin-top:0}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
td,th{padding:.15rem .7rem;border-bottom:1px solid #e6e9ec;text-align:right;white-space:nowrap}
td:first-child,th:first-child{text-align:left}table.wide td{text-align:left;white-space:normal}
.pass{color:#1b7a3d;font-weight:600}.miss{color:#b3261e;font-weight:600}
.panels{display:flex;flex-wrap:wrap;gap:.6rem 1.4rem}
svg{max-width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:#333}svg .t{font-weight:600;font-size:12px}
svg .l{text-anchor:end}svg .axis{stroke:#b9bec4;fill:none}
summary{cursor:pointer;font-weight:600;margin:.6rem 0}
.key i{display:inline-block;width:.8em;height:.8em;margin:0 .35em 0 1em}
code,pre{font:12px ui-monospace,monospace}pre{overflow-x:auto;background:#f6f7f8;padding:.6rem}
";

/// The page.
pub(super) fn render(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Ashlar bench: {0}</title><style>{STYLE}</style><h1>Ashlar bench: {0}</h1>\
         <p class=\"sub\">Medians of {1} alternating rounds. Lines on bars reach from the least to the greatest round.</p>",
        escape(report.title),
        report.rounds
    );
    verdicts(&mut page, report);
    notes(&mut page, report);
    legend(&mut page, report);
    for &generator in &report.generators {
        plots(&mut page, report, generator);
    }
    memory(&mut page, report);
    for &generator in &report.generators {
        tables(&mut page, report, generator);
    }
    machine(&mut page, report);
    page.push_str("</html>\n");
    page
}

/// Text made safe inside elements and quoted attributes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn verdicts(page: &mut String, report: &Report) {
    if report.verdicts.is_empty() {
        return;
    }
    page.push_str("<h2>Goals</h2><table><tr><th>goal<th>verdict<th>measured<th>bound</tr>");
    for (row, verdict) in text::verdict_rows(report).iter().zip(&report.verdicts) {
        let class = match verdict.passes() {
            Some(true) => "pass",
            Some(false) => "miss",
            None => "",
        };
        let _ = write!(
            page,
            "<tr><td>{}<td class=\"{class}\">{}<td>{}<td>{}</tr>",
            escape(&row[0]),
            row[1],
            row[2],
            escape(&row[3])
        );
    }
    page.push_str("</table>");
}

fn notes(page: &mut String, report: &Report) {
    if !report.notes.is_empty() {
        page.push_str("<h2>Notes</h2>");
        for note in &report.notes {
            let _ = write!(page, "<pre>{}</pre>", escape(note));
        }
    }
}

fn legend(page: &mut String, report: &Report) {
    page.push_str("<h2>Plots</h2><p class=\"key\">");
    for (name, colour) in report.contenders.iter().zip(COLOURS.iter().cycle()) {
        let _ = write!(page, "<i style=\"background:{colour}\"></i>{}", escape(name));
    }
    if let Some((part, whole)) = report.ratios.first() {
        let _ = write!(page, " &nbsp; × : {} / {}", escape(part), escape(whole));
    }
    page.push_str("</p>");
}

fn plots(page: &mut String, report: &Report, generator: Generator) {
    let cells = report.measured_cells(generator);
    let same = |a: &Cell, b: &Cell| (a.data, a.transport) == (b.data, b.transport);
    for (at, section) in cells.chunk_by(same).enumerate() {
        let (data, transport) = (section[0].data, section[0].transport);
        let socket = if transport == Transport::Tcp { "TCP" } else { "UNIX socket" };
        let _ = write!(
            page,
            "<details{}><summary>{} core{}, {} byte values, {} keys, {socket} ({})</summary>",
            if at < OPEN_SECTIONS { " open" } else { "" },
            data.cores,
            if data.cores == 1 { "" } else { "s" },
            data.value_bytes,
            Metric::Throughput.format(data.keys as f64),
            generator.name()
        );
        for metric in [Metric::CpuPerRequest, Metric::Throughput] {
            panels(page, metric.title(), section, |title, cells| {
                bars(title, &groups(report, cells, generator, metric))
            });
        }
        panels(page, "latency p50, p99 and p99.9 (hollow), ms, logarithmic", section, |title, cells| {
            spans(title, &latency_groups(report, cells, generator))
        });
        page.push_str("</details>");
    }
}

fn panels(page: &mut String, title: &str, section: &[Cell], draw: impl Fn(&str, &[Cell]) -> String) {
    let _ = write!(page, "<h3>{}</h3><div class=\"panels\">", escape(title));
    // MSET does the work of ten commands and would press the others flat on a scale in common.
    let panel = |cell: &Cell| (cell.pipeline, cell.verb == Verb::Mset);
    for cells in section.chunk_by(|a, b| panel(a) == panel(b)) {
        page.push_str(&draw(&format!("P={}", cells[0].pipeline), cells));
    }
    page.push_str("</div>");
}

fn groups(report: &Report, cells: &[Cell], generator: Generator, metric: Metric) -> Vec<Group> {
    grouped(report, cells, |contender, id| {
        let spread = report.results.spread(contender, id, generator, metric)?;
        let mut text = metric.format(spread.median);
        if let Some(&pair) = report.ratios.first().filter(|pair| pair.0 == contender)
            && let Some(ratio) = report.ratio(pair, id, generator, metric)
        {
            let _ = write!(text, "  {ratio:.2}×");
        }
        Some(([spread.low, spread.median, spread.high], text))
    })
}

fn latency_groups(report: &Report, cells: &[Cell], generator: Generator) -> Vec<Group> {
    grouped(report, cells, |contender, id| {
        let median = |metric| report.results.median(contender, id, generator, metric);
        let points = [median(Metric::P50)?, median(Metric::P99)?, median(Metric::P999)?];
        Some((points, points.map(|ms| format!("{ms:.2}")).join(" · ")))
    })
}

fn grouped(report: &Report, cells: &[Cell], mark: impl Fn(&str, &str) -> Option<([f64; 3], String)>) -> Vec<Group> {
    let group = |cell: &Cell| {
        let id = cell.to_string();
        let marks = report.contenders.iter().zip(COLOURS.iter().cycle()).filter_map(|(&contender, &colour)| {
            let (points, text) = mark(contender, &id)?;
            Some(Mark { series: contender.to_owned(), colour, points, text })
        });
        Group { label: cell.verb.name().to_uppercase(), marks: marks.collect() }
    };
    cells.iter().map(group).collect()
}

fn memory(page: &mut String, report: &Report) {
    if report.memory.is_empty() {
        return;
    }
    page.push_str("<h2>Memory</h2><h3>Resident bytes per key beyond key and value, 2 million keys of 16 bytes</h3>");
    let group = |rows: &[crate::memory::Overhead]| Group {
        label: format!("{} B", rows[0].value_bytes),
        marks: rows
            .iter()
            .map(|row| Mark {
                series: row.contender.to_owned(),
                colour: colour_of(report, row.contender),
                points: [row.bytes_per_key.max(0.0); 3],
                text: format!("{:.1}", row.bytes_per_key),
            })
            .collect(),
    };
    let groups: Vec<Group> = report.memory.chunk_by(|a, b| a.value_bytes == b.value_bytes).map(group).collect();
    page.push_str(&bars("by value size", &groups));
}

fn colour_of(report: &Report, contender: &str) -> &'static str {
    let at = report.contenders.iter().position(|name| *name == contender).unwrap_or(0);
    COLOURS[at % COLOURS.len()]
}

fn tables(page: &mut String, report: &Report, generator: Generator) {
    let cells = report.measured_cells(generator);
    if cells.is_empty() {
        return;
    }
    let _ = write!(page, "<h2>Medians ({})</h2>", generator.name());
    for metric in Metric::ALL {
        let _ = write!(page, "<details><summary>{}</summary><table>", metric.title());
        for (at, row) in text::metric_rows(report, &cells, generator, metric).iter().enumerate() {
            let tag = if at == 0 { "th" } else { "td" };
            page.push_str("<tr>");
            for cell in row {
                let _ = write!(page, "<{tag}>{}</{tag}>", escape(cell));
            }
            page.push_str("</tr>");
        }
        page.push_str("</table></details>");
    }
}

fn machine(page: &mut String, report: &Report) {
    page.push_str("<h2>Machine</h2><table class=\"wide\">");
    for (name, value) in &report.sheet {
        let _ = write!(page, "<tr><td>{}<td>{}</tr>", escape(name), escape(value));
    }
    page.push_str("</table><h2>Commands</h2><details><summary>servers, first round</summary><pre>");
    for line in &report.servers {
        let _ = writeln!(page, "{}", escape(line));
    }
    page.push_str("</pre></details><details><summary>load, first round</summary><pre>");
    for sample in report.results.samples.iter().filter(|sample| sample.round == 1) {
        let _ = writeln!(page, "{:<18} {}", escape(sample.contender), escape(&sample.command_line));
    }
    page.push_str("</pre></details>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_is_escaped() {
        assert_eq!(escape("a<b> & \"c\""), "a&lt;b&gt; &amp; &quot;c&quot;");
    }
}
