//! Finds users: by a sentence, or like those of a list.

use std::path::PathBuf;

use clap::Parser;
use instructue::pipeline::{
    Condition, ScoreKind, SearchQuery, SearchRequest, Watch, open_answers, open_forecasts,
    search_users,
};
use instructue::schema::Timestamp;
use serde_json::json;

use crate::say::say;
use crate::{Command, Console, Outcome, Users, instruction};

/// Lists users of whom a sentence is true, or who are like those of a list.
#[derive(Debug, Parser)]
pub struct Search {
    #[command(flatten)]
    users: Users,
    /// A question about users, such as "Will this user buy diapers in the next 30 days?".
    #[arg(value_parser = instruction, required_unless_present = "like")]
    sentence: Option<String>,
    /// A file of ids, one in each line: users like these. A sentence beside it says in what.
    #[arg(long, value_name = "FILE")]
    like: Option<PathBuf>,
    /// How many users.
    #[arg(long, default_value_t = 20)]
    top: usize,
    /// A condition on a feature of users, such as age>=30; all of several must be true.
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<Condition>,
    /// Write all of them as lines of id and score, separated by a comma.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Search though most users have no event in the windows before the reference time.
    #[arg(long)]
    allow_empty: bool,
}

/// Users that are printed where all go to a file.
const PRINTED: usize = 20;

impl Command for Search {
    const NAME: &'static str = "search";

    fn run(&self) -> Outcome {
        let query = match (&self.like, &self.sentence) {
            (Some(file), instruction) => SearchQuery::Like {
                users: ids(&instructue::fs::read_text(file)?),
                instruction: instruction.clone(),
            },
            (None, sentence) => SearchQuery::Sentence(sentence.clone().unwrap_or_default()),
        };
        let mut request = SearchRequest {
            query,
            reference: Timestamp(0),
            top: self.top,
            conditions: self.conditions.clone(),
            allow_empty: self.allow_empty,
        };
        // The request is checked before anything is read.
        request.validate()?;
        let mut console = Console::new();
        let opened = self.users.open(&mut console)?;
        request.reference = opened.reference;
        let store = &opened.ingested.store;
        let scorer = open_answers(&self.users.model, store)?;
        let measured = open_forecasts(&self.users.model)?;
        let beside = scorer.as_ref().map(|scorer| (scorer, measured.as_ref()));
        let found = search_users(&opened.model, beside, store, &request, &mut |stage| {
            console.progress(stage);
        })?;
        console.done();
        let name = match found.kind {
            ScoreKind::Probability => "probability",
            ScoreKind::Cosine => "cosine",
        };
        say!(
            "compared: {} users{}",
            found.compared,
            match found.left_out {
                0 => String::new(),
                left_out => format!(", {left_out} left out by conditions"),
            }
        );
        if self.like.is_some() {
            say!("like: {} users of the list", found.listed);
        }
        if let Some(expected) = found.expected_precision {
            let off = found.calibration_error.map(|error| {
                format!(" (on questions that were never learned probabilities are off by {error:.3} in the mean)")
            });
            say!(
                "of these about {:.0} % are expected to answer yes{}",
                100.0 * expected,
                off.unwrap_or_default()
            );
        }
        let shown = match self.out {
            Some(_) => found.users.len().min(PRINTED),
            None => found.users.len(),
        };
        for user in &found.users[..shown] {
            say!("  {:.3}  {}", user.score, user.id);
        }
        if let Some(out) = &self.out {
            let mut text = format!("id,{name}\n");
            for user in &found.users {
                text += &format!("{},{}\n", field(&user.id), user.score);
            }
            instructue::eval::write_atomically(out, text.as_bytes())?;
            say!("wrote {}: {} users", out.display(), found.users.len());
        }
        Ok(json!({ "reference": request.reference.to_string(), "found": found }))
    }
}

/// The ids of a text file: the first field of each line that has one. A first line that is called
/// `id` is a name.
pub(super) fn ids(text: &str) -> Vec<String> {
    let first = |line: &str| {
        let field = line.split([',', ';', '\t']).next().unwrap_or_default();
        field.trim().trim_matches('"').to_owned()
    };
    let mut ids: Vec<String> = text
        .lines()
        .map(first)
        .filter(|id| !id.is_empty())
        .collect();
    let named =
        |id: &String| id.eq_ignore_ascii_case("id") || id.to_ascii_lowercase().ends_with("_id");
    if ids.first().is_some_and(named) {
        ids.remove(0);
    }
    ids
}

/// A field of comma-separated values.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_lines() {
        assert_eq!(ids("user_id,age\n7,30\n\"9\",31\n\n"), ["7", "9"]);
        assert_eq!(ids("a\nb\n"), ["a", "b"]);
        assert_eq!(field("a,\"b"), "\"a,\"\"b\"");
    }
}
