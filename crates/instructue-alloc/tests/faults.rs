//! Memory that was freed is there again without the kernel clearing its pages.

#![cfg(target_os = "linux")]

use std::thread::sleep;
use std::time::Duration;

use instructue_alloc::KeepingAllocator;

#[global_allocator]
static ALLOCATOR: KeepingAllocator = KeepingAllocator;

const PAGE: usize = 4096;

/// Page faults of this process so far that needed no disk.
fn faults() -> usize {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The command's name, in brackets, may hold spaces.
    let behind = stat.rsplit(") ").next().unwrap();
    behind.split(' ').nth(7).unwrap().parse().unwrap()
}

/// What a step does: some large pieces, touched and freed.
fn step() -> usize {
    let before = faults();
    for megabytes in [1, 5, 20, 64] {
        let mut piece = vec![1_u8; megabytes << 20];
        for at in (0..piece.len()).step_by(PAGE) {
            piece[at] = 2;
        }
        std::hint::black_box(piece);
    }
    faults() - before
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "memory goes back after a time, and staying is what is tested"
)]
fn a_step_after_a_pause_faults_nothing_in() {
    let first = step();
    // Pages of two megabytes, where the system has them.
    assert!(first > 20, "{first} faults: memory came from nowhere");
    // mimalloc gives back what was free for a second, when something is freed later.
    sleep(Duration::from_millis(1500));
    step();
    sleep(Duration::from_millis(1500));
    let later = step();
    assert!(later < first / 4, "{later} faults after {first}");
}
