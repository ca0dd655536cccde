//! The nearest users in a file of vectors.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Parser;
use instructue::pipeline::{FoundUser, VectorFile};
use serde_json::{Value, json};

use super::search::ids;
use crate::say::say;
use crate::{Command, Outcome};

/// Lists the users of a file of `embed` that are nearest to a list of users, or to questions.
#[derive(Debug, Parser)]
pub struct Nearest {
    /// A file of `embed`.
    vectors: PathBuf,
    /// Its column of vectors, where there are several.
    #[arg(long)]
    column: Option<String>,
    /// A file of ids, one in each line: users like these.
    #[arg(long, value_name = "FILE", required_unless_present = "questions")]
    like: Option<PathBuf>,
    /// The file of questions that `embed --vectors answers` wrote: for each, who is likeliest to
    /// answer yes.
    #[arg(long, value_name = "FILE", conflicts_with = "like")]
    questions: Option<PathBuf>,
    /// How many users.
    #[arg(long, default_value_t = 20)]
    top: usize,
}

impl Command for Nearest {
    const NAME: &'static str = "nearest";

    fn run(&self) -> Outcome {
        let file = VectorFile::read(&self.vectors, self.column.as_deref())?;
        let reference = file
            .reference()
            .map(|time| format!(", as they were at {time}"));
        let reference = reference.unwrap_or_default();
        say!("compared: {} users{reference}", file.names().len());
        if let Some(like) = &self.like {
            let list: BTreeSet<String> =
                ids(&instructue::fs::read_text(like)?).into_iter().collect();
            let (mean, known) = file.mean_of(&list)?;
            let found = file.nearest(&mean, self.top, &list)?.remove(0);
            say!("like: {known} users of the list");
            print(&found);
            return Ok(json!({ "listed": known, "found": found }));
        }
        let questions = self.questions.as_deref().unwrap_or(&self.vectors);
        let asked = VectorFile::read(questions, None)?;
        if asked.kind() != file.kind() {
            let kinds = [&file, &asked].map(|file| file.kind().unwrap_or("vectors of no kind"));
            let [of_users, of_questions] = kinds;
            let questions = questions.display();
            return Err(format!(
                "{questions}: expected {of_users}, as the users have, found {of_questions}"
            )
            .into());
        }
        let found = file.nearest(asked.vectors(), self.top, &BTreeSet::new())?;
        let mut all = Vec::<Value>::new();
        for (question, users) in asked.names().iter().zip(&found) {
            say!("{question}");
            print(users);
            all.push(json!({ "question": question, "found": users }));
        }
        Ok(json!(all))
    }
}

fn print(users: &[FoundUser]) {
    for user in users {
        say!("  {:.3}  {}", user.score, user.id);
    }
}
