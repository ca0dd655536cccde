//! The declarations beside the data: `tasks.toml` for evaluation, `truth.json` for readers and
//! tests.

use serde::Serialize;

use crate::config::GenerateConfig;
use crate::names::LABELS_FILE;
use crate::traits::Trait;

/// The content of `tasks.toml`, in the format that `instructue-eval` reads.
#[derive(Debug, Serialize)]
pub(crate) struct TaskSet {
    reference: String,
    active_days: u32,
    active_source: &'static str,
    task: Vec<Task>,
}

#[derive(Debug, Serialize)]
struct Task {
    name: &'static str,
    instruction: &'static str,
    reworded: Vec<&'static str>,
    positive_text: &'static str,
    negative_text: &'static str,
    label: Label,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Label {
    Event {
        source: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        equals: Option<&'static [&'static str]>,
        days: u32,
        negate: bool,
    },
    Column {
        file: &'static str,
        user_column: &'static str,
        column: &'static str,
        positive: [&'static str; 1],
    },
}

/// A task about the future that follows from a trait.
struct EventTask {
    name: &'static str,
    of: Trait,
    instructions: &'static [&'static str],
    positive: &'static str,
    negative: &'static str,
    source: &'static str,
    values: Option<(&'static str, &'static [&'static str])>,
    negate: bool,
}

/// The length of an event task's window in days.
const HORIZON: u32 = 30;

const EVENT_TASKS: [EventTask; 4] = [
    EventTask {
        name: "no_payment",
        of: Trait::Leaving,
        instructions: &[
            "Will this user stop making payments in the next 30 days?",
            "Is this customer going to make no payment within a month?",
        ],
        positive: "Yes, this user will stop: no payments in the next 30 days.",
        negative: "No, this user will not stop and will have payments in the next 30 days.",
        source: "bill",
        values: None,
        negate: true,
    },
    EventTask {
        name: "pays_for_pet_care",
        of: Trait::PetOwner,
        instructions: &[
            "Will this user spend on Pet Care in the next 30 days?",
            "Is a payment for pets to be expected within a month?",
        ],
        positive: "Yes, this user will spend on Pet Care in the next 30 days.",
        negative: "No, this user will not spend on Pet Care in the next 30 days.",
        source: "bill",
        values: Some(("category", &["Pet Care"])),
        negate: false,
    },
    EventTask {
        name: "plays_games",
        of: Trait::Gamer,
        instructions: &[
            "Will this user play a game in the next 30 days?",
            "Is a mobile game going to be opened within a month?",
        ],
        positive: "Yes, this user will use games in the next 30 days.",
        negative: "No, this user will not use games in the next 30 days.",
        source: "app",
        values: Some((
            "app",
            &[
                "Star Miner",
                "Castle Clash Online",
                "Puzzle Valley",
                "Turbo Kart",
            ],
        )),
        negate: false,
    },
    EventTask {
        name: "uses_transit_card",
        of: Trait::Commuter,
        instructions: &[
            "Will this user use the Transit Card in the next 30 days?",
            "Can we expect a ride with the transit card within a month?",
        ],
        positive: "Yes, this user will use Transit Card in the next 30 days.",
        negative: "No, this user will not use Transit Card in the next 30 days.",
        source: "minipro",
        values: Some(("service", &["Transit Card"])),
        negate: false,
    },
];

/// One task per trait, then the tasks about the future for which the data reach far enough.
pub(crate) fn task_set(config: &GenerateConfig) -> TaskSet {
    let traits = Trait::ALL.map(|of| {
        let info = of.info();
        Task {
            name: info.name,
            instruction: info.instructions[0],
            reworded: info.instructions[1..].to_vec(),
            positive_text: info.positive,
            negative_text: info.negative,
            label: Label::Column {
                file: LABELS_FILE,
                user_column: "user_id",
                column: info.name,
                positive: ["true"],
            },
        }
    });
    let events = event_tasks(config).map(|task| Task {
        name: task.name,
        instruction: task.instructions[0],
        reworded: task.instructions[1..].to_vec(),
        positive_text: task.positive,
        negative_text: task.negative,
        label: Label::Event {
            source: task.source,
            field: task.values.map(|(field, _)| field),
            equals: task.values.map(|(_, values)| values),
            days: HORIZON,
            negate: task.negate,
        },
    });
    TaskSet {
        reference: config.reference.to_text(),
        active_days: 90,
        active_source: "bill",
        task: traits.into_iter().chain(events).collect(),
    }
}

fn event_tasks(config: &GenerateConfig) -> impl Iterator<Item = &'static EventTask> {
    let covered = config.future_days >= HORIZON;
    EVENT_TASKS.iter().filter(move |_| covered)
}

/// The content of `truth.json`: the trait behind each task.
#[derive(Debug, Serialize)]
pub(crate) struct Truth {
    /// A notice that no real people are described.
    generated: bool,
    reference: String,
    noise: f64,
    tasks: Vec<TaskTruth>,
}

#[derive(Debug, Serialize)]
struct TaskTruth {
    task: &'static str,
    #[serde(rename = "trait")]
    of: &'static str,
    share: f64,
    /// The sources in which the trait shows.
    sources: &'static [&'static str],
    instructions: &'static [&'static str],
    positive: &'static str,
    negative: &'static str,
}

pub(crate) fn truth(config: &GenerateConfig) -> Truth {
    let traits = Trait::ALL.map(|of| {
        let info = of.info();
        TaskTruth {
            task: info.name,
            of: info.name,
            share: info.share,
            sources: info.sources,
            instructions: info.instructions,
            positive: info.positive,
            negative: info.negative,
        }
    });
    let events = event_tasks(config).map(|task| TaskTruth {
        task: task.name,
        of: task.of.info().name,
        share: task.of.info().share,
        sources: task.of.info().sources,
        instructions: task.instructions,
        positive: task.positive,
        negative: task.negative,
    });
    Truth {
        generated: true,
        reference: config.reference.to_text(),
        noise: config.noise,
        tasks: traits.into_iter().chain(events).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        let reference = GenerateConfig::default().reference;
        assert_eq!(reference.to_text(), "2025-07-01");
    }

    #[test]
    fn tasks_have_distinct_names_and_rewordings() {
        let set = task_set(&GenerateConfig::default());
        assert_eq!(set.task.len(), Trait::ALL.len() + EVENT_TASKS.len());
        let mut seen = std::collections::BTreeSet::new();
        for task in &set.task {
            assert!(!task.reworded.is_empty());
            for text in task
                .reworded
                .iter()
                .copied()
                .chain([task.name, task.instruction])
            {
                assert!(seen.insert(text), "{text}");
            }
        }
        let short = GenerateConfig {
            future_days: 29,
            ..GenerateConfig::default()
        };
        assert_eq!(task_set(&short).task.len(), Trait::ALL.len());
    }
}
