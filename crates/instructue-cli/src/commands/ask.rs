//! Asks a trained model about one user: the answer in words, the nearest descriptions, and how
//! the instruction changed the vector.

use std::collections::BTreeMap;

use crate::say::say;
use crate::{Command, Console, Outcome, Users, instruction, print_piece};
use clap::Parser;
use instructue::model::{AnswerOptions, Decoding};
use instructue::pipeline::{
    AskRequest, ask_user, known_answers, open_answers, score_user, statement,
};
use instructue::schema::Timestamp;
use serde_json::json;

/// The number of training answers that are compared, unless descriptions are given.
const KNOWN_ANSWERS: usize = 2_000;

/// Prints the answer as it is made.
#[derive(Debug, Parser)]
pub struct Ask {
    #[command(flatten)]
    users: Users,
    /// The user's id.
    #[arg(long)]
    user: String,
    /// What to ask; without it the general vector is shown.
    #[arg(long, value_parser = instruction)]
    instruction: Option<String>,
    /// A text to compare the user with; several may be given. Default: the most
    /// frequent answers of the training set beside the model.
    #[arg(long)]
    description: Vec<String>,
    /// How many of the nearest descriptions to show.
    #[arg(long, default_value_t = 5)]
    nearest: usize,
    /// Draw each word among the likeliest that together reach this share (0 to 1)
    /// rather than take the likeliest.
    #[arg(long)]
    top_p: Option<f64>,
    /// Flattens (above 1) or sharpens (below 1) the draw; only with --top-p.
    #[arg(long, default_value_t = 1.0, requires = "top_p")]
    temperature: f64,
    /// Another seed gives another draw; only with --top-p.
    #[arg(long, default_value_t = 0, requires = "top_p")]
    seed: u64,
}

impl Command for Ask {
    const NAME: &'static str = "ask";
    const EXAMPLE: Option<&'static str> = Some("ask_user");

    fn run(&self) -> Outcome {
        let arguments = self;
        let decoding = arguments
            .top_p
            .map_or(Decoding::Greedy, |top_p| Decoding::Nucleus {
                top_p,
                temperature: arguments.temperature,
                seed: arguments.seed,
            });
        let mut request = AskRequest {
            user: arguments.user.clone(),
            reference: Timestamp(0),
            instruction: arguments.instruction.clone(),
            descriptions: arguments.description.clone(),
            nearest: arguments.nearest,
            options: AnswerOptions {
                decoding,
                ..AnswerOptions::default()
            },
        };
        // The request is checked before anything is read.
        request.validate()?;
        let mut console = Console::new();
        let opened = arguments.users.open(&mut console)?;
        console.done();
        request.reference = opened.reference;
        if request.descriptions.is_empty() {
            request.descriptions = known_answers(&arguments.users.model, KNOWN_ANSWERS)?;
        }
        let store = &opened.ingested.store;
        let scorer = open_answers(&arguments.users.model, store)?;
        let mut probability = None;
        if let Some((scorer, text)) = scorer.zip(request.instruction.as_deref()) {
            let score = score_user(&scorer, store, &request.user, request.reference, text)?;
            probability = Some(score);
            if let Some(answer) = statement(text, score >= 0.5) {
                say!("answer: {answer}");
            }
            say!("probability of a yes: {score:.3}");
        }
        let mut started = false;
        let asked = ask_user(
            &opened.model,
            &opened.ingested.store,
            &request,
            &mut |piece| {
                let start = if started { "" } else { "generated: " };
                let piece = if started { piece } else { piece.trim_start() };
                print_piece(&format!("{start}{piece}"));
                started = true;
            },
        )?;
        say!("{}", if asked.ended { "" } else { " … (cut)" });
        let events: Vec<String> = asked
            .events
            .iter()
            .map(|(source, count)| format!("{source} {count}"))
            .collect();
        say!("read: {}", events.join(", "));
        if !asked.has_events {
            let reference = opened.reference;
            say!("note: this user has no event in the windows before {reference}");
        }
        say!(
            "vector: state of length {:.2}; cosine with the general vector {:.3}",
            asked.state_norm,
            asked.cosine_to_general
        );
        if asked.nearest.is_empty() {
            say!("nearest: nothing to compare with (--description \"…\")");
        }
        for (text, cosine) in &asked.nearest {
            say!("  {cosine:+.3}  {text}");
        }
        let nearest = asked.nearest.iter();
        let nearest = nearest.map(|(text, cosine)| json!({ "text": text, "cosine": cosine }));
        Ok(json!({
            "user": request.user,
            "reference": request.reference.to_string(),
            "probability": probability,
            "generated": asked.answer,
            "ended": asked.ended,
            "events": asked.events.iter().cloned().collect::<BTreeMap<_, _>>(),
            "has_events": asked.has_events,
            "state_norm": asked.state_norm,
            "cosine_to_general": asked.cosine_to_general,
            "nearest": nearest.collect::<Vec<_>>(),
        }))
    }
}
