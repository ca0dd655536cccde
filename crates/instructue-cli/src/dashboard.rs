//! Burn's terminal dashboard, fed from this project's training loop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn_train::Interrupter;
use burn_train::logger::TrainingProgressLogger;
use burn_train::metric::{
    MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry, SerializedEntry,
};
use burn_train::renderer::tui::TuiMetricsRendererWrapper;
use burn_train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};
use instructue::pipeline::Watch;
use instructue::schema::Progress;
use instructue::trainer::{Event, Metrics, Phase};

use crate::watch::Console;

/// Progress as curves while training, as [`Console`] shows it before and after.
pub struct Dashboard {
    console: Console,
    open: Option<Open>,
}

/// The dashboard while training runs.
struct Open {
    renderer: TuiMetricsRendererWrapper,
    interrupter: Interrupter,
    known: BTreeSet<String>,
    steps: usize,
}

impl Dashboard {
    /// The dashboard appears when training begins.
    pub fn new() -> Self {
        Self {
            console: Console::new(),
            open: None,
        }
    }

    /// Ends the running stage.
    pub fn done(mut self) {
        self.open = None;
        self.console.done();
    }
}

impl Default for Dashboard {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch for Dashboard {
    fn interrupt(&self) -> &'static AtomicBool {
        self.console.interrupt()
    }

    fn progress(&mut self, stage: Progress) {
        match stage {
            Progress::Stage { name: "training" } => {
                self.console.begin_elsewhere("training");
                let interrupter = Interrupter::new();
                self.open = Some(Open {
                    renderer: TuiMetricsRendererWrapper::new(interrupter.clone(), None),
                    interrupter,
                    known: BTreeSet::new(),
                    steps: 0,
                });
            }
            Progress::Stage { .. } => {
                // Gives the terminal back.
                self.open = None;
                self.console.progress(stage);
            }
            stage if self.open.is_none() => self.console.progress(stage),
            _ => {}
        }
    }

    fn training(&mut self, event: Event<'_>) {
        let interrupt = self.console.interrupt();
        let Some(open) = &mut self.open else {
            return self.console.training(event);
        };
        if let Event::Metrics { metrics, steps } = event {
            open.show(metrics, steps);
        }
        // `q`, then `s`, in the dashboard stops training as a signal does.
        if open.interrupter.should_stop() {
            interrupt.store(true, Ordering::Relaxed);
        }
    }
}

impl Open {
    fn show(&mut self, metrics: &Metrics, steps: usize) {
        if self.steps == 0 {
            self.steps = steps;
            let first = Some(steps);
            self.renderer.start(1, 1, first, Some("instructue"));
            self.renderer.start_split("train", steps);
        }
        let losses = metrics.losses.0.iter();
        let losses = losses.map(|(name, value)| (name.clone(), *value));
        let rate = metrics
            .learning_rate
            .map(|rate| ("learning rate".to_owned(), rate));
        let users = metrics.users_per_second;
        let users = users.map(|users| ("users per second".to_owned(), users));
        for (name, value) in losses.chain(rate).chain(users) {
            self.point(name, value, metrics.phase);
        }
        if metrics.phase == Phase::Train {
            self.renderer.update_split(metrics.step);
        }
    }

    fn point(&mut self, name: String, value: f64, phase: Phase) {
        let id = MetricId::new(Arc::new(name.clone()));
        if self.known.insert(name.clone()) {
            self.renderer.register_metric(MetricDefinition {
                metric_id: id.clone(),
                name: Arc::new(name),
                description: None,
                attributes: NumericAttributes {
                    unit: None,
                    higher_is_better: false,
                }
                .into(),
            });
        }
        let text = format!("{value:.4}");
        let entry = MetricEntry::new(id, SerializedEntry::new(text.clone(), text));
        let state = MetricState::Numeric(entry, Some(NumericEntry::Value(value)));
        match phase {
            Phase::Train => self.renderer.update_train(state),
            Phase::Validation => self.renderer.update_valid(state),
        }
    }
}
