//! An allocator for programs that train and embed. It keeps the memory that a step frees, so
//! that the next step need not ask the system again. It is a crate of its own because it has
//! unsafe code.
//!
//! Every operation on tensors allocates some megabytes and frees others. The allocator of the
//! system gives such pieces back at once, and [mimalloc](https://docs.rs/mimalloc) those that
//! were free for a second; either way the kernel clears the same pages again in the next step,
//! which was a fifth of a training step of some seconds. A program of yours takes one line:
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: instructue_alloc::KeepingAllocator = instructue_alloc::KeepingAllocator;
//! # fn main() {}
//! ```
//!
//! What is kept stays with the process until its end: it holds as much as it once needed. Set
//! `MIMALLOC_PURGE_DELAY` to the milliseconds after which memory should go back instead; any
//! value but mimalloc's own 1000 is left as it is.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_long;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicU8, Ordering};

use libmimalloc_sys::{mi_option_get, mi_option_set};
use mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h: milliseconds until freed memory goes back.
const PURGE_DELAY: i32 = 15;
/// What it is unless the environment says otherwise.
const AS_IT_COMES: c_long = 1000;
/// Memory never goes back.
const NEVER: c_long = -1;

/// Nobody has allocated yet.
const NEW: u8 = 0;
/// A thread is setting the option.
const SETTING: u8 = 1;
/// The option is set.
const READY: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(NEW);

/// mimalloc that keeps freed memory; see the [crate].
#[derive(Debug, Clone, Copy, Default)]
pub struct KeepingAllocator;

/// Sets the option before the first allocation. mimalloc's options are plain numbers, which no
/// thread may read while another writes them, so whoever comes second waits.
#[cold]
fn prepare() {
    let first = STATE.compare_exchange(NEW, SETTING, Ordering::Acquire, Ordering::Acquire);
    if first.is_err() {
        while STATE.load(Ordering::Acquire) != READY {
            spin_loop();
        }
        return;
    }
    #[expect(unsafe_code, reason = "mimalloc's options are set through C")]
    // SAFETY: the number is an option's. No other thread is in this mimalloc, which is linked
    // into the program for its allocator: all come through `alloc` and `alloc_zeroed` below, and
    // wait until the state is READY.
    unsafe {
        if mi_option_get(PURGE_DELAY) == AS_IT_COMES {
            mi_option_set(PURGE_DELAY, NEVER);
        }
    }
    STATE.store(READY, Ordering::Release);
}

fn ready() {
    if STATE.load(Ordering::Acquire) != READY {
        prepare();
    }
}

#[expect(unsafe_code, reason = "an allocator is an unsafe trait")]
// SAFETY: every promise is mimalloc's, whose results are handed on as they are. Setting an
// option before them neither allocates nor unwinds.
unsafe impl GlobalAlloc for KeepingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ready();
        // SAFETY: the caller's promises about the layout are those that mimalloc asks for.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ready();
        // SAFETY: as in `alloc`.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the memory came from `alloc`, so from mimalloc, with this layout.
        unsafe { MiMalloc.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`; the caller promises a size that fits the alignment.
        unsafe { MiMalloc.realloc(memory, layout, size) }
    }
}
