//! Says what carries a user's vector.

use clap::Parser;
use instructue::pipeline::{Carried, ExplainRequest, explain_user, open_answers};
use serde_json::json;

use crate::say::say;
use crate::{Command, Console, Outcome, Users, instruction};

/// Says which sources and events carry a user's vector under an instruction.
#[derive(Debug, Parser)]
pub struct Explain {
    #[command(flatten)]
    users: Users,
    /// The user's id.
    #[arg(long)]
    user: String,
    /// What the vector is about; without it the general one is explained.
    #[arg(long, value_parser = instruction)]
    instruction: Option<String>,
    /// How many events to show.
    #[arg(long, default_value_t = 10)]
    top: usize,
}

impl Command for Explain {
    const NAME: &'static str = "explain";

    fn run(&self) -> Outcome {
        let mut console = Console::new();
        let opened = self.users.open(&mut console)?;
        console.done();
        let store = &opened.ingested.store;
        let scorer = open_answers(&self.users.model, store)?;
        let request = ExplainRequest {
            user: self.user.clone(),
            reference: opened.reference,
            instruction: self.instruction.clone(),
        };
        let mut found = explain_user(&opened.model, scorer.as_ref(), store, &request)?;
        let whole = found.probability;
        if let Some(probability) = whole {
            say!("probability of a yes: {probability:.3}");
        }
        say!("without a source, the vector turns by");
        for source in &found.sources {
            let events = source.events;
            say!(
                "  {}  {} ({events})",
                line(&source.carried, whole),
                source.name
            );
        }
        say!("without an event");
        for event in found.events.iter().take(self.top) {
            let times = match event.count {
                1 => String::new(),
                count => format!(", {count} times"),
            };
            let (days, source, text) = (event.days, &event.source, &event.text);
            say!(
                "  {}  {source}, {days:.0} days ago{times}: {text}",
                line(&event.carried, whole)
            );
        }
        if let Some(agreement) = found.agreement {
            say!("leaving out and gradient agree by {agreement:.2} (rank correlation over events)");
        }
        found.events.truncate(self.top);
        Ok(
            json!({ "user": request.user, "reference": request.reference.to_string(), "explanation": found }),
        )
    }
}

/// How far the vector turns, and what becomes of the probability.
fn line(carried: &Carried, whole: Option<f32>) -> String {
    let change = carried.probability.zip(whole);
    let change = change.map(|(without, whole)| format!("  {:+.3}", without - whole));
    format!("{:.4}{}", carried.moved, change.unwrap_or_default())
}
