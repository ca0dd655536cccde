//! What fuzzing needs and no file format knows: random numbers, changes to
//! bytes, and a loop that watches what a reader does with them.
//!
//! A case is a function of (seed, number), so that each can be made again.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

/// Counts what a reader allocates.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Tests that run beside each other would count each other's memory.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A reader may hold this many times the file's bytes, and a fixed amount: a
/// byte of a quantised block becomes seven, one of a short key with its place in
/// a map a few dozen.
const BYTES_PER_BYTE: usize = 24;
const BYTES: usize = 256 << 10;
/// An error is a line that can be read, whatever the file held.
const LONGEST_ERROR: usize = 2000;
/// More findings than this are one finding.
const ENOUGH: usize = 10;

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64, case: u64) -> Self {
        let mut random = Self(seed);
        Self(random.next() ^ case.wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`; 0 for an `end` of 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Below the one, seldom below the other.
    pub fn mostly_below(&mut self, end: usize, seldom: usize) -> usize {
        let end = if self.one_in(6) { seldom } else { end };
        self.below(end)
    }

    /// Once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A length that nothing has, or nearly: around 0, powers of two, the size of
    /// the file, and what is negative when it is read with a sign.
    pub fn extreme(&mut self, size: usize) -> u64 {
        let near = self.below(5) as u64;
        let base = match self.below(6) {
            0 => 0,
            1 => size as u64,
            2 => u64::MAX,
            3 => 1 << 63,
            _ => 1 << self.below(64),
        };
        base.wrapping_add(near).wrapping_sub(2)
    }
}

/// Changes bytes without knowing what they mean. `other` is a file to take from.
pub fn change_bytes(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    // What comes first in a file decides how the rest is read.
    let place = |random: &mut Random, end: usize| {
        let near = if random.one_in(2) { end.min(256) } else { end };
        random.below(near)
    };
    let at = place(random, bytes.len());
    match random.below(9) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
        2 => bytes.truncate(at),
        3 => {
            let new: Vec<u8> = (0..random.below(20)).map(|_| random.next() as u8).collect();
            bytes.splice(at..at, new);
        }
        4 => {
            let end = (at + 1 + random.below(64)).min(bytes.len());
            bytes.drain(at.min(end)..end);
        }
        5 => {
            let from = random.below(other.len());
            let end = (from + 1 + random.below(200)).min(other.len());
            let until = match random.one_in(2) {
                true => at,
                false => (at + end - from).min(bytes.len()),
            };
            bytes.splice(at..until, other[from..end].iter().copied());
        }
        6 => {
            let end = (at + 1 + random.below(100)).min(bytes.len());
            let copy = bytes[at.min(end)..end].to_vec();
            bytes.splice(at..at, copy);
        }
        // A number where one may be.
        7 => {
            let number = random.extreme(bytes.len());
            overwrite(bytes, at, &number.to_le_bytes());
        }
        _ => {
            let number = random.extreme(bytes.len()) as u32;
            overwrite(bytes, at, &number.to_le_bytes());
        }
    }
}

fn overwrite(bytes: &mut [u8], at: usize, new: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(at).zip(new) {
        *byte = *new;
    }
}

/// A file format and its reader.
pub trait Target {
    /// Names the files: `NAME-SEED-CASE.EXTENSION`.
    const NAME: &str;
    const EXTENSION: &str;

    /// The bytes of a case.
    fn case(&self, random: &mut Random) -> Vec<u8>;

    /// Reads a file and all that is in it. Every error is returned; what must
    /// hold of a file that is accepted is asserted.
    fn read(&self, path: &Path, errors: &mut Vec<String>);

    /// What cannot be measured, since another's code does it: it may return what
    /// it likes and must not panic.
    fn read_on(&self, _path: &Path) {}
}

/// How long to go on.
pub enum Until {
    Cases(u64),
    Time(Duration),
}

/// Counts of a run.
#[derive(Default)]
pub struct Report {
    cases: u64,
    accepted: u64,
    seconds: f64,
    /// The most that was allocated over what may be.
    memory: f64,
    slowest: f64,
    findings: Vec<String>,
}

/// Runs cases; a finding is saved to `dir` and the run goes on.
pub fn run<T: Target>(target: &T, seed: u64, until: &Until, dir: &Path) -> Report {
    fs::create_dir_all(dir).unwrap();
    // There when the process dies in the middle of a case.
    let path = dir.join(format!("{}-now.{}", T::NAME, T::EXTENSION));
    // Kept open: to replace a file costs a wait for the disk on some systems.
    let mut file = File::create(&path).unwrap();
    let start = Instant::now();
    let mut report = Report::default();
    let goes_on = |report: &Report| match until {
        Until::Cases(cases) => report.cases < *cases,
        Until::Time(time) => start.elapsed() < *time,
    };
    while goes_on(&report) && report.findings.len() < ENOUGH {
        let case = report.cases;
        let bytes = target.case(&mut Random::new(seed, case));
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(&bytes).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        let before = Instant::now();
        let seen = check(target, &path, bytes.len());
        report.slowest = report.slowest.max(before.elapsed().as_secs_f64());
        report.cases += 1;
        report.accepted += u64::from(seen.accepted);
        report.memory = report.memory.max(seen.memory);
        if let Err(what) = seen.result {
            let kept = format!("{}-{seed}-{case}.{}", T::NAME, T::EXTENSION);
            fs::write(dir.join(&kept), &bytes).unwrap();
            report.findings.push(format!("{kept}: {what}"));
        }
    }
    report.seconds = start.elapsed().as_secs_f64();
    drop(file);
    fs::remove_file(&path).unwrap();
    report
}

/// What one file does.
pub struct Seen {
    /// Whether it was read without an error.
    accepted: bool,
    memory: f64,
    pub result: Result<(), String>,
}

/// Reads one file and judges how.
pub fn check<T: Target>(target: &T, path: &Path, size: usize) -> Seen {
    let mut errors = Vec::new();
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let read = catch_unwind(AssertUnwindSafe(|| target.read(path, &mut errors)));
    let used = MEMORY.peak_usage().saturating_sub(before);
    let allowed = BYTES + BYTES_PER_BYTE * size;
    let on = catch_unwind(AssertUnwindSafe(|| target.read_on(path)));
    let unreadable = errors.iter().find(|error| {
        let control = error.chars().any(char::is_control);
        error.is_empty() || control || error.len() > LONGEST_ERROR
    });
    let result = if let Err(panic) = read.and(on) {
        Err(format!("panicked: {}", said(&*panic)))
    } else if used > allowed {
        Err(format!("{used} bytes allocated for a file of {size}"))
    } else if let Some(error) = unreadable {
        let start: String = error.escape_debug().take(300).collect();
        Err(format!("an error of {} bytes: {start}", error.len()))
    } else {
        Ok(())
    };
    Seen {
        accepted: errors.is_empty(),
        memory: used as f64 / allowed as f64,
        result,
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a message".into())
}

/// Where findings go: below the build's directory.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz")
}

/// The run that is part of every test run. Its length is a number of cases, so
/// that it is the same everywhere.
pub fn short<T: Target>(target: &T, cases: u64) {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let report = run(target, 1, &Until::Cases(cases), dir.path());
    report.print(T::NAME, 1);
    // A reader that is never reached, or always, tests nothing.
    assert!(report.accepted > cases / 100 && report.accepted < cases / 2);
    if !report.findings.is_empty() {
        panic!("{} (with seed 1)", report.findings.join("\n"));
    }
}

/// The run that `cargo xtask fuzz` asks for.
pub fn long<T: Target>(target: &T) {
    let number = |name: &str| {
        let text = std::env::var(name).unwrap_or_else(|_| panic!("{name} is a number"));
        text.parse::<u64>()
            .unwrap_or_else(|_| panic!("{name} is a number"))
    };
    let _alone = alone();
    let seed = number("INSTRUCTUE_FUZZ_SEED");
    let time = Duration::from_secs(number("INSTRUCTUE_FUZZ_SECONDS"));
    let report = run(target, seed, &Until::Time(time), &directory());
    report.print(T::NAME, seed);
    assert!(
        report.findings.is_empty(),
        "kept in {}:\n{}",
        directory().display(),
        report.findings.join("\n")
    );
}

/// Files that were found before and committed.
pub fn found<T: Target>(target: &T) {
    let _alone = alone();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in fs::read_dir(crates.join("tests/fuzz/found")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension() != Some(T::EXTENSION.as_ref()) {
            continue;
        }
        let size = fs::metadata(&path).unwrap().len() as usize;
        let result = check(target, &path, size).result;
        assert_eq!(result, Ok(()), "{}", path.display());
        count += 1;
    }
    assert!(count > 0, "nothing in tests/fuzz/found");
}

impl Report {
    #[expect(clippy::print_stdout, reason = "a summary of the cases")]
    fn print(&self, name: &str, seed: u64) {
        println!(
            "{name}: {} cases in {:.0} s ({:.0} a second, seed {seed}), {} read, {} refused; \
             memory at most {:.2} of the bound, {:.0} ms the slowest; {} findings",
            self.cases,
            self.seconds,
            self.cases as f64 / self.seconds,
            self.accepted,
            self.cases - self.accepted,
            self.memory,
            1000.0 * self.slowest,
            self.findings.len()
        );
    }
}
