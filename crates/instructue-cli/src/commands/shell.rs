//! What shells and manuals read of the command line.

use clap::Parser;
use clap_complete::Shell;
use serde_json::Value;

use crate::command::command_line;
use crate::{Command, Outcome};

/// Prints completions for a shell.
#[derive(Debug, Parser)]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

impl Command for Completions {
    const NAME: &'static str = "completions";

    fn run(&self) -> Outcome {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command_line(), "instructue", &mut text);
        crate::print_table(String::from_utf8_lossy(&text).trim_end());
        Ok(Value::Null)
    }
}

/// Prints the manual page, of the program or of one of its commands.
#[derive(Debug, Parser)]
pub struct Man {
    /// A command.
    of: Option<String>,
}

impl Command for Man {
    const NAME: &'static str = "man";

    fn run(&self) -> Outcome {
        let mut all = command_line();
        all.build();
        let page = match &self.of {
            None => all,
            Some(name) => {
                let found = all
                    .get_subcommands()
                    .find(|command| command.get_name() == name);
                let names: Vec<&str> = all.get_subcommands().map(clap::Command::get_name).collect();
                let found = found.cloned();
                found.ok_or_else(|| {
                    format!("man: expected one of {}, found {name:?}", names.join(", "))
                })?
            }
        };
        let mut text = Vec::new();
        clap_mangen::Man::new(page).render(&mut text)?;
        crate::print_table(String::from_utf8_lossy(&text).trim_end());
        Ok(Value::Null)
    }
}
