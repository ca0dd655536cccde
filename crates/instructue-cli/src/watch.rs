//! Progress displays, and the end of a program.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use instructue::pipeline::Watch;
use instructue::schema::Progress;
use instructue::schema::printable;
use instructue::trainer::{Event, Phase};

use crate::say::{one_line, tell};

/// The exit code after a signal.
const INTERRUPTED: u8 = 130;

/// Whether the program trains, which a signal ends in order.
static TRAINING: AtomicBool = AtomicBool::new(false);
/// Whether a signal has come.
static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Plain lines are at least so far apart.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A display of progress. On a terminal it is a bar with both losses, users/s and the time left,
/// elsewhere plain lines. All text is escaped.
#[derive(Debug)]
pub struct Console {
    terminal: bool,
    bar: Option<ProgressBar>,
    stage: &'static str,
    began: Instant,
    last_line: Instant,
    last_step: Option<(usize, Instant)>,
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

impl Console {
    /// Chooses the form by the kind of standard error. From now on a signal removes
    /// [private](instructue::fs::NewDirectory::create_private) directories before it ends the
    /// program.
    pub fn new() -> Self {
        // An earlier console of this process may already have set the handler.
        let _ = ctrlc::set_handler(|| {
            // Training ends after the step at work, with a checkpoint; a second signal does
            // not wait for that.
            if TRAINING.load(Ordering::Relaxed) && !INTERRUPT.swap(true, Ordering::Relaxed) {
                tell(
                    "interrupted: training ends after this step, with a checkpoint from which \
                     train_userqa --resume or the same suite goes on",
                );
                return;
            }
            instructue::fs::remove_private();
            #[expect(clippy::disallowed_methods, reason = "a signal ends the program here")]
            std::process::exit(INTERRUPTED.into());
        });
        // A decoder's panic over a damaged file becomes an error of one line, so the hook need
        // not print it.
        static QUIET: Once = Once::new();
        QUIET.call_once(|| {
            let print = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if !instructue::store::panic_becomes_error() {
                    print(panic);
                }
            }));
        });
        let now = Instant::now();
        Self {
            terminal: std::io::stderr().is_terminal(),
            bar: None,
            stage: "",
            began: now,
            last_line: now,
            last_step: None,
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(printable(text)),
            None => tell(text),
        }
    }

    fn close_stage(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if !self.stage.is_empty() {
            let seconds = self.began.elapsed().as_secs_f64();
            tell(&format!("{}: done in {seconds:.1} s", self.stage));
        }
        self.stage = "";
    }

    /// Begins a stage that something else shows.
    #[cfg(feature = "tui")]
    pub(crate) fn begin_elsewhere(&mut self, name: &'static str) {
        self.close_stage();
        TRAINING.store(name == "training", Ordering::Relaxed);
        self.stage = name;
        self.began = Instant::now();
    }

    fn due(&mut self) -> bool {
        let due = self.last_line.elapsed() >= LINE_EVERY;
        if due {
            self.last_line = Instant::now();
        }
        due
    }

    fn move_to(&mut self, done: u64, total: u64, message: String) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(printable(&message).into_owned());
        } else if self.due() {
            let share = 100.0 * done as f64 / total.max(1) as f64;
            tell(&format!(
                "{}: {share:.0} % ({done} of {total}) {message}",
                self.stage
            ));
        }
    }
}

impl Watch for Console {
    fn interrupt(&self) -> &'static AtomicBool {
        &INTERRUPT
    }

    fn progress(&mut self, stage: Progress) {
        match stage {
            Progress::Stage { name } => {
                TRAINING.store(name == "training", Ordering::Relaxed);
                self.close_stage();
                self.stage = name;
                self.began = Instant::now();
                self.last_line = self.began;
                // A run may train several models.
                self.last_step = None;
                if self.terminal {
                    let style = "{prefix} [{bar:30}] {pos}/{len} {msg} (left: {eta})";
                    let bar = ProgressBar::new(0).with_prefix(name).with_style(
                        ProgressStyle::with_template(style)
                            .expect("a valid template")
                            .progress_chars("=> "),
                    );
                    bar.enable_steady_tick(Duration::from_millis(200));
                    self.bar = Some(bar);
                } else {
                    tell(&format!("{name} ..."));
                }
            }
            Progress::Done { done, total } => self.move_to(done, total, String::new()),
            Progress::Note { text } => self.line(&format!("  {text}")),
            _ => {}
        }
    }

    fn training(&mut self, event: Event<'_>) {
        match event {
            Event::Resumed { path, step } => {
                self.line(&format!(
                    "  going on after step {step} from {}",
                    path.display()
                ));
            }
            Event::Damaged { path, reason } => {
                let path = path.display();
                self.line(&format!(
                    "  {path} is damaged, an older one is tried: {reason}"
                ));
            }
            Event::Metrics { metrics, steps } if metrics.phase == Phase::Train => {
                let (first, since) = *self
                    .last_step
                    .get_or_insert((metrics.step.saturating_sub(1), Instant::now()));
                let done = (metrics.step - first).max(1) as f64;
                let left = since.elapsed().as_secs_f64() / done * (steps - metrics.step) as f64;
                let eta = if self.terminal {
                    String::new()
                } else {
                    format!(", {left:.0} s left")
                };
                let known = metrics.event_hit_rate.map_or(String::new(), |rate| {
                    format!(", {:.0} % of event texts known", 100.0 * rate)
                });
                let message = format!(
                    "contrastive {:.3}, next token {:.3}, {:.0} users/s{known}{eta}",
                    metrics.losses.of("contrastive"),
                    metrics.losses.of("next_token"),
                    metrics.users_per_second.unwrap_or_default(),
                );
                self.move_to(metrics.step as u64, steps as u64, message);
            }
            Event::Metrics { metrics, .. } => self.line(&format!(
                "  step {}: validation contrastive {:.3}, next token {:.3}",
                metrics.step,
                metrics.losses.of("contrastive"),
                metrics.losses.of("next_token")
            )),
            Event::EarlyStop { best_step } => {
                self.line(&format!(
                    "  no better since step {best_step}: training ends early"
                ));
            }
            _ => {}
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // The bar must not overwrite the line of an error.
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Console {
    /// Ends the bar of the running stage.
    pub fn done(mut self) {
        self.close_stage();
    }
}

/// Ends a program. An error gives one readable line and an exit code other than 0; training
/// that a signal ended in order gives the code of a signal.
pub fn finish(result: Result<(), Box<dyn std::error::Error>>) -> ExitCode {
    use instructue::{pipeline, trainer};
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error)
            if matches!(
                error.downcast_ref(),
                Some(pipeline::Error::Trainer(trainer::Error::Interrupted { .. }))
            ) =>
        {
            tell(&one_line(&error.to_string()));
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            tell(&format!("error: {}", one_line(&error.to_string())));
            ExitCode::FAILURE
        }
    }
}
