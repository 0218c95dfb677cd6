//! LATENCY DOCTOR and LATENCY GRAPH: the samples of the latency monitor in words and as a drawing.

use std::fmt::Write;

use crate::latency::{Event, Sample};
use crate::settings::Settings;

/// The drawing's width, in samples; more of them go below.
const COLUMNS: usize = 80;

/// Its height, in lines.
const ROWS: usize = 4;

/// What one line can show, from low to high.
const MARKS: [char; 3] = ['_', 'o', '#'];

/// What lies below a mark.
const FILL: char = '|';

/// The samples of an event as a drawing: a heading, and per sample a column with its age below.
pub(super) fn graph(event: &Event, now_s: i64) -> String {
    let values = || event.samples.iter().map(|sample| sample.ms);
    let (low, high) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
    let name = event.kind.name();
    let mut text = format!("{name} - high {high} ms, low {low} ms (all time high {} ms)\n", event.ms_max);
    text.push_str(&"-".repeat(COLUMNS));
    text.push('\n');
    for (place, samples) in event.samples.chunks(COLUMNS).enumerate() {
        if place > 0 {
            text.push('\n');
        }
        draw(&mut text, samples, low, high, now_s);
    }
    text
}

fn draw(text: &mut String, samples: &[Sample], low: u64, high: u64, now_s: i64) {
    let steps = ROWS * MARKS.len();
    let range = (high - low).max(1);
    let step =
        |sample: &Sample| ((u128::from(sample.ms - low) * steps as u128 / u128::from(range)) as usize).min(steps - 1);
    for row in (0..ROWS).rev() {
        let mark = |sample: &Sample| match step(sample).checked_sub(row * MARKS.len()) {
            None => ' ',
            Some(mark) => MARKS.get(mark).copied().unwrap_or(FILL),
        };
        text.extend(samples.iter().map(mark));
        text.push('\n');
    }
    let ages: Vec<Vec<char>> = samples.iter().map(|sample| age(now_s - sample.at).chars().collect()).collect();
    text.push_str(&" ".repeat(samples.len()));
    text.push('\n');
    for line in 0..ages.iter().map(Vec::len).max().unwrap_or(0) {
        text.extend(ages.iter().map(|age| age.get(line).copied().unwrap_or(' ')));
        text.push('\n');
    }
}

fn age(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m", s / 60),
        s @ 3600..86_400 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// What took long, in words, with what may help.
pub(super) fn doctor(settings: &Settings, events: &[Event]) -> String {
    let threshold_ms = settings.latency_monitor_threshold;
    if events.is_empty() {
        return match threshold_ms {
            0 => "The latency monitor is off, so nothing is known. Turn it on with \
                  \"CONFIG SET latency-monitor-threshold <milliseconds>\".\n"
                .into(),
            _ => "Nothing took as long as latency-monitor-threshold since the monitor was turned on or reset.\n".into(),
        };
    }
    let mut text = String::from("Some commands took as long as latency-monitor-threshold or longer.\n\n");
    for (number, event) in events.iter().enumerate() {
        let Spikes { count, mean_ms, deviation_ms, period_s } = Spikes::of(event);
        writeln!(
            text,
            "{}. {}: {count} latency spikes (average {mean_ms}ms, mean deviation {deviation_ms}ms, \
             period {period_s:.2} sec). Worst all time event {}ms.",
            number + 1,
            event.kind.name(),
            event.ms_max,
        )
        .expect("a string takes everything");
    }
    text.push_str("\nWhat may help:\n\n");
    let slower_than_us = settings.slowlog_log_slower_than;
    let threshold_us = i64::try_from(threshold_ms).unwrap_or(i64::MAX).saturating_mul(1000);
    if slower_than_us < 0 {
        text.push_str("- The slow log is off. Turn it on with 'CONFIG SET slowlog-log-slower-than <microseconds>'.\n");
    } else if slower_than_us > threshold_us {
        writeln!(
            text,
            "- The slow log misses what is shorter than {slower_than_us} microseconds, and the events above may be. Lower it with \
             'CONFIG SET slowlog-log-slower-than {threshold_us}'."
        )
        .expect("a string takes everything");
    }
    text.push_str(
        "- SLOWLOG GET shows which commands these were, and who sent them.\n\
         - A command that reads or frees a very large value takes long. Smaller values, UNLINK in place of DEL, and SCAN in place \
         of KEYS keep commands short.\n",
    );
    text
}

/// What the samples of an event add up to.
struct Spikes {
    count: usize,
    mean_ms: u64,
    /// The mean distance from the mean.
    deviation_ms: u64,
    /// From one sample to the next, on average, in seconds.
    period_s: f64,
}

impl Spikes {
    fn of(event: &Event) -> Spikes {
        let samples = &event.samples;
        let count = samples.len();
        let mean = |sum: u64| sum / count.max(1) as u64;
        let mean_ms = mean(samples.iter().map(|sample| sample.ms).sum());
        let deviation_ms = mean(samples.iter().map(|sample| sample.ms.abs_diff(mean_ms)).sum());
        let span_s = match (samples.first(), samples.last()) {
            (Some(first), Some(last)) => last.at - first.at,
            _ => 0,
        };
        let period_s = if count > 1 { span_s as f64 / (count - 1) as f64 } else { 1.0 };
        Spikes { count, mean_ms, deviation_ms, period_s }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::EventKind;

    fn event(samples: &[(i64, u64)]) -> Event {
        let samples: Vec<Sample> = samples.iter().map(|&(at, ms)| Sample { at, ms }).collect();
        let ms_max = samples.iter().map(|sample| sample.ms).max().unwrap_or(0);
        Event { kind: EventKind::Command, samples, ms_max }
    }

    #[test]
    fn a_drawing() {
        let samples = event(&[(100, 10), (8_000, 25), (9_900, 40), (9_999, 70), (10_000, 55)]);
        let expected = format!(
            "command - high 70 ms, low 10 ms (all time high 70 ms)\n{}\n{}",
            "-".repeat(80),
            "   #_\n  _||\n _|||\n_||||\n     \n23110\nh3mss\n m   \n"
        );
        assert_eq!(graph(&samples, 10_000), expected);
    }

    #[test]
    fn one_sample_is_low() {
        let drawn = graph(&event(&[(100, 5)]), 100);
        assert!(drawn.ends_with("-\n \n \n \n_\n \n0\ns\n"), "{drawn}");
    }

    #[test]
    fn ages() {
        let rows = [(-1, "0s"), (59, "59s"), (60, "1m"), (3_599, "59m"), (7_200, "2h"), (86_400, "1d")];
        rows.iter().for_each(|(seconds, text)| assert_eq!(age(*seconds), *text));
    }

    #[test]
    fn the_doctor_counts() {
        let spikes = Spikes::of(&event(&[(10, 10), (12, 20), (16, 30)]));
        assert_eq!((spikes.count, spikes.mean_ms, spikes.deviation_ms, spikes.period_s), (3, 20, 6, 3.0));
        let settings = Settings { latency_monitor_threshold: 5, ..Settings::default() };
        let text = doctor(&settings, &[event(&[(10, 10)])]);
        assert!(text.contains("1. command: 1 latency spikes (average 10ms") && text.contains("slower-than 5000'"));
        assert!(doctor(&settings, &[]).starts_with("Nothing took"));
    }
}
