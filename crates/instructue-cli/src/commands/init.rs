//! Drafts the declarations of a directory of tables.

use std::path::PathBuf;

use clap::Parser;
use instructue::pipeline::{SCHEMA_FILE, TASKS_FILE, Watch};
use instructue_draft::draft;
use serde_json::{Value, json};

use crate::commands::{Check, Train};
use crate::say::say;
use crate::{Command, Console, Outcome, call};

/// Looks at the Parquet and CSV files of a directory and drafts its schema.toml and tasks.toml.
#[derive(Debug, Parser)]
pub struct Init {
    /// The directory. CSV files are written as Parquet beside them.
    data: PathBuf,
    /// Replace a schema.toml and a tasks.toml that are there.
    #[arg(long)]
    force: bool,
    /// Print the drafts and write nothing but the Parquet files of CSV files.
    #[arg(long)]
    print: bool,
}

impl Command for Init {
    const NAME: &'static str = "init";

    fn run(&self) -> Outcome {
        let files = [SCHEMA_FILE, TASKS_FILE].map(|name| self.data.join(name));
        let there = files.iter().find(|file| file.exists());
        if let (Some(file), false, false) = (there, self.force, self.print) {
            let file = file.display();
            return Err(format!(
                "{file}: expected no declaration yet, found one (--force replaces it)"
            )
            .into());
        }
        let mut console = Console::new();
        let draft = draft(&self.data, &mut |stage| console.progress(stage))?;
        console.done();
        for file in &draft.converted {
            say!("wrote {}", file.display());
        }
        if self.print {
            crate::print_table(&draft.schema);
            draft
                .tasks
                .iter()
                .for_each(|tasks| crate::print_table(tasks));
        } else {
            let texts = [Some(&draft.schema), draft.tasks.as_ref()];
            for (file, text) in files.iter().zip(texts) {
                let Some(text) = text else {
                    if file.exists() {
                        say!("left as it was: {}", file.display());
                    }
                    continue;
                };
                instructue::eval::write_atomically(file, text.as_bytes())?;
                say!("wrote {}", file.display());
            }
        }
        for note in draft.notes.iter().filter(|note| note.doubt) {
            say!("look at {}: {}", note.place, note.text);
        }
        let data = self.data.display();
        say!(
            "next: {} {data}, then {} --data {data} --out target/mine",
            call::<Check>(),
            call::<Train>()
        );
        let notes = draft
            .notes
            .iter()
            .map(|note| json!({ "place": note.place, "text": note.text, "doubt": note.doubt }));
        Ok(json!({
            "schema": draft.schema,
            "tasks": draft.tasks,
            "notes": notes.collect::<Vec<Value>>(),
            "converted": draft.converted,
        }))
    }
}
