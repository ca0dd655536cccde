//! What a declaration of tasks must keep, whatever the data are.

use std::path::Path;

use instructue_schema::limits::{self, OutOfRange, numbers, texts};
use instructue_schema::paths;

use crate::error::{Error, Result};
use crate::tasks::{Label, Task, TaskSet};

/// Values of a field that count, at most.
const MAX_VALUES: usize = 100_000;

impl TaskSet {
    /// Checks every rule; `file` stands in the error.
    pub(crate) fn check(&self, file: &str) -> Result<()> {
        self.rules().map_err(|wrong| Error::Task {
            file: file.to_owned(),
            key: wrong.key,
            expected: wrong.expected,
            found: wrong.found,
        })
    }

    fn rules(&self) -> Result<(), OutOfRange> {
        if self.tasks.is_empty() {
            return Err(OutOfRange::new("task", "at least one task", "none"));
        }
        limits::check([("task", numbers::LIST.of(self.tasks.len()))])?;
        if self.active_days.is_some() != self.active_source.is_some() {
            let expected = "active_days and active_source together";
            return Err(OutOfRange::new("active_days", expected, "only one of them"));
        }
        let days = self.active_days.iter();
        limits::check(days.map(|days| ("active_days", numbers::LABEL_DAYS.of(*days))))?;
        for (index, task) in self.tasks.iter().enumerate() {
            texts::name(&format!("task[{index}].name"), &task.name)?;
            let key = |name: &str| format!("task[{index}] `{}`.{name}", task.name);
            let mut earlier = self.tasks[..index].iter();
            if earlier.any(|other| other.name == task.name) {
                let found = "an earlier task's name";
                return Err(OutOfRange::new(key("name"), "a name of its own", found));
            }
            if self.wrong_of(index) == task.instruction {
                let expected = "another text than the instruction (with one task it must be given)";
                return Err(OutOfRange::new(key("wrong"), expected, "the same"));
            }
            questions(task, &key)?;
            label(&task.label, &key)?;
        }
        Ok(())
    }
}

fn questions(task: &Task, key: &dyn Fn(&str) -> String) -> Result<(), OutOfRange> {
    texts::instruction(&key("instruction"), &task.instruction)?;
    limits::check([(&*key("reworded"), numbers::LIST.of(task.reworded.len()))])?;
    if task.reworded.is_empty() || task.reworded.contains(&task.instruction) {
        let found = match task.reworded.is_empty() {
            true => "none",
            false => "the instruction itself",
        };
        let expected = "at least one text other than the instruction";
        return Err(OutOfRange::new(key("reworded"), expected, found));
    }
    for text in &task.reworded {
        texts::instruction(&key("reworded"), text)?;
    }
    if task.positive_text.is_some() != task.negative_text.is_some() {
        let expected = "positive_text and negative_text together";
        return Err(OutOfRange::new(
            key("positive_text"),
            expected,
            "only one of them",
        ));
    }
    for (name, text) in [
        ("wrong", &task.wrong),
        ("positive_text", &task.positive_text),
        ("negative_text", &task.negative_text),
    ] {
        if let Some(text) = text {
            texts::instruction(&key(name), text)?;
        }
    }
    Ok(())
}

fn label(label: &Label, key: &dyn Fn(&str) -> String) -> Result<(), OutOfRange> {
    match label {
        Label::Event {
            field,
            equals,
            days,
            ..
        } => {
            limits::check([(&*key("label.days"), numbers::LABEL_DAYS.of(*days))])?;
            if field.is_some() != equals.is_some() {
                let expected = "field and equals together";
                return Err(OutOfRange::new(
                    key("label.field"),
                    expected,
                    "only one of them",
                ));
            }
            match equals {
                Some(values) => some_values(&key("label.equals"), values),
                None => Ok(()),
            }
        }
        Label::Column {
            file,
            user_column,
            column,
            positive,
            at_least,
        } => {
            paths::plain(Path::new(file)).map_err(|outside| {
                OutOfRange::new(key("label.file"), outside.expected, outside.found)
            })?;
            texts::column(&key("label.user_column"), user_column)?;
            texts::column(&key("label.column"), column)?;
            match at_least {
                None if positive.is_empty() => {
                    let expected = "either positive values or at_least";
                    Err(OutOfRange::new(key("label.positive"), expected, "neither"))
                }
                None => some_values(&key("label.positive"), positive),
                Some(_) if !positive.is_empty() => {
                    let expected = "either positive values or at_least";
                    Err(OutOfRange::new(key("label.positive"), expected, "both"))
                }
                Some(bound) if bound.is_finite() => Ok(()),
                Some(bound) => {
                    let found = bound.to_string();
                    Err(OutOfRange::new(
                        key("label.at_least"),
                        "a finite number",
                        found,
                    ))
                }
            }
        }
    }
}

fn some_values(key: &str, values: &[String]) -> Result<(), OutOfRange> {
    if values.is_empty() || values.len() > MAX_VALUES {
        let expected = format!("1 to {MAX_VALUES} values");
        return Err(OutOfRange::new(key, expected, values.len().to_string()));
    }
    let most = texts::MAX_INSTRUCTION_BYTES;
    match values.iter().find(|value| value.len() > most) {
        None => Ok(()),
        Some(long) => {
            let expected = format!("values of at most {most} bytes");
            Err(OutOfRange::new(
                key,
                expected,
                format!("{} bytes", long.len()),
            ))
        }
    }
}
