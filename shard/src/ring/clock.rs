//! Clocks: wall time, monotonic time, and a cheap tick counter for timing commands.
//!
//! A tick is one step of the CPU's time-stamp counter where that runs at a constant rate through all sleep states (CPUID says
//! so), otherwise one nanosecond of the monotonic clock. The rate is measured once, against the monotonic clock, when
//! [`calibrate`] or any tick function is first called. Only [`thread_cpu_ns`] makes a system call (the vDSO answers the others).

#![allow(unsafe_code)]

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the tick rate is measured at start: the error of both readings (some 50 ns) stays below 1 in 50,000.
const CALIBRATION: Duration = Duration::from_millis(5);

/// Readings per calibration point; the tightest is used, so that one interruption does not spoil it.
const READINGS: u32 = 8;

/// Fraction bits of the rate.
const RATE_BITS: u32 = 32;

/// What one reading takes in a simulation, in nanoseconds: some readings use up a connection's or a script's share of a turn.
const SIMULATED_READING_NS: u64 = 10_000;

/// Where ticks come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The CPU's counter.
    Counter,
    /// The monotonic clock.
    Clock,
    /// The readings themselves.
    Readings,
}

thread_local! {
    /// Readings of this thread, in a simulation.
    static READ: Cell<u64> = const { Cell::new(0) };
}

#[derive(Clone, Copy)]
struct Rate {
    source: Source,
    /// Nanoseconds per tick, times 2^32.
    ns_per_tick: u64,
}

static RATE: OnceLock<Rate> = OnceLock::new();

/// Measures the tick rate, once per process; takes 5 ms. To be called before the cores start.
pub fn calibrate() {
    rate();
}

/// Has ticks pass by being read, and not otherwise, so that a simulation runs the same each time. For the whole process, before anything
/// else here is called.
pub fn simulate() {
    let ns_per_tick = SIMULATED_READING_NS << RATE_BITS;
    let rate = RATE.get_or_init(|| Rate { source: Source::Readings, ns_per_tick });
    assert!(rate.source == Source::Readings, "ticks were read before");
}

/// A reading of the tick counter. About 10 ns; only differences on one machine mean anything.
#[inline]
pub fn ticks() -> u64 {
    match rate().source {
        Source::Counter => counter(),
        Source::Clock => monotonic_ns(),
        Source::Readings => READ.replace(READ.get() + 1),
    }
}

/// The length of a number of ticks in nanoseconds.
#[inline]
pub fn ticks_to_ns(ticks: u64) -> u64 {
    ((u128::from(ticks) * u128::from(rate().ns_per_tick)) >> RATE_BITS) as u64
}

/// Wall time in milliseconds since the Unix epoch.
#[inline]
pub fn now_ms() -> u64 {
    now_us() / 1000
}

/// Wall time in microseconds since the Unix epoch; 0 if the clock is set before it.
#[inline]
pub fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// Nanoseconds since some moment before the process started; never goes back.
#[inline]
pub fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

/// Processor time that the calling thread has taken, in nanoseconds. A system call, some 150 ns; in a simulation, the ticks that were read.
pub fn thread_cpu_ns() -> u64 {
    if rate().source == Source::Readings {
        return READ.get() * SIMULATED_READING_NS;
    }
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

#[inline]
fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the timespec is valid for the call. The clocks used here exist on every Linux, so the call cannot fail.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[inline]
fn rate() -> &'static Rate {
    RATE.get_or_init(measure)
}

fn measure() -> Rate {
    let plain = Rate { source: Source::Clock, ns_per_tick: 1 << RATE_BITS };
    if !counter_is_constant() {
        return plain;
    }
    let (start_ticks, start_ns) = point();
    while monotonic_ns() - start_ns < CALIBRATION.as_nanos() as u64 {
        std::hint::spin_loop();
    }
    let (end_ticks, end_ns) = point();
    let ticks = end_ticks.saturating_sub(start_ticks);
    if ticks == 0 {
        return plain;
    }
    let ns = u128::from(end_ns - start_ns) << RATE_BITS;
    Rate { source: Source::Counter, ns_per_tick: (ns / u128::from(ticks)) as u64 }
}

/// Both clocks at nearly the same moment.
fn point() -> (u64, u64) {
    let reading = || {
        let before = counter();
        let ns = monotonic_ns();
        (counter().saturating_sub(before), before, ns)
    };
    let (width, before, ns) = (0..READINGS).map(|_| reading()).min().expect("READINGS is not zero");
    (before + width / 2, ns)
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: the instruction reads a register; Linux allows it in user mode.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn counter() -> u64 {
    monotonic_ns()
}

/// CPUID's "invariant TSC": constant rate, running in every sleep state.
#[cfg(target_arch = "x86_64")]
fn counter_is_constant() -> bool {
    use core::arch::x86_64::__cpuid;
    const HIGHEST_EXTENDED: u32 = 0x8000_0000;
    const POWER_MANAGEMENT: u32 = 0x8000_0007;
    const INVARIANT_TSC: u32 = 1 << 8;
    __cpuid(HIGHEST_EXTENDED).eax >= POWER_MANAGEMENT && __cpuid(POWER_MANAGEMENT).edx & INVARIANT_TSC != 0
}

#[cfg(not(target_arch = "x86_64"))]
fn counter_is_constant() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_measure_what_the_monotonic_clock_measures() {
        calibrate();
        let (ticks_before, ns_before) = (ticks(), monotonic_ns());
        while monotonic_ns() - ns_before < 20_000_000 {
            std::hint::spin_loop();
        }
        let (ticks_after, ns_after) = (ticks(), monotonic_ns());
        let measured = ticks_to_ns(ticks_after - ticks_before);
        // An interruption between the two readings may cost a time slice, hence the wide bound.
        let expected = ns_after - ns_before;
        assert!(measured.abs_diff(expected) < expected / 4, "{measured} ns, expected {expected} ns");
    }

    #[test]
    fn a_long_time_does_not_overflow() {
        let year_ns = 365 * 24 * 3600 * 1_000_000_000_u64;
        let ticks_in_a_year = (u128::from(year_ns) << RATE_BITS) / u128::from(rate().ns_per_tick);
        let back = ticks_to_ns(ticks_in_a_year as u64);
        assert!(back.abs_diff(year_ns) < year_ns / 1_000_000);
    }

    #[test]
    fn wall_time_is_after_this_was_written() {
        assert!(now_ms() > 1_700_000_000_000);
        assert!(now_us() / 1000 >= now_ms() - 1000);
    }
}
