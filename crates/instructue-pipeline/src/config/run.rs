//! Reading, checking and writing the configuration of a run.

use std::collections::BTreeSet;
use std::path::Path;

use instructue_model::Size;
use instructue_schema::limits::{self, numbers};
use instructue_schema::{Timestamp, excerpt, parse_toml, toml_fault};
use toml::{Table, Value};

use crate::config::recipe::Recipe;
use crate::config::settings::RunConfig;
use crate::config::userqa::userqa_config;
use crate::error::{Error, Result};
use crate::suggest;

impl RunConfig {
    /// Reads a TOML file; keys that are left out keep their defaults.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, has a key that does not exist or a
    /// number [out of range](numbers).
    pub fn load(path: &Path) -> Result<Self> {
        let text = instructue_fs::read_text(path)?;
        let wrong = |line: Option<usize>, message: String| Error::Config {
            path: path.into(),
            line,
            message,
        };
        // Read once as it stands, so that a fault is told with its line.
        let named: Self =
            parse_toml(&text).map_err(|fault| wrong(Some(fault.line), suggest::shorten(&fault)))?;
        let table: Table =
            parse_toml(&text).map_err(|fault| wrong(Some(fault.line), suggest::shorten(&fault)))?;
        let config = Self::from_table(named.recipe, &table)
            .map_err(|error| wrong(None, suggest::shorten(&toml_fault(&error))))?;
        config
            .validate()
            .map_err(|error| wrong(None, error.to_string()))?;
        Ok(config)
    }

    /// A recipe with the values that `changes` names in place of its own.
    ///
    /// # Errors
    /// A key that does not exist, or a value of another type.
    pub(crate) fn from_table(recipe: Recipe, changes: &Table) -> Result<Self, toml::de::Error> {
        let mut table: Table = recipe.config().to_toml().parse()?;
        merge(&mut table, changes);
        table.try_into()
    }

    /// Checks every number against its [range](numbers).
    ///
    /// # Errors
    /// Names the first key that does not fit, its range with the reason, and the value.
    pub fn validate(&self) -> Result<()> {
        let evaluation = &self.evaluation;
        limits::check([
            ("replicas", numbers::REPLICAS.of(self.replicas)),
            ("seed", numbers::SEED.of(self.seed)),
            (
                "model.vocabulary",
                numbers::VOCABULARY.of(self.model.vocabulary),
            ),
            (
                "model.slots",
                numbers::SLOTS.of(self.model.slots.unwrap_or(1)),
            ),
            (
                "model.pca_components",
                numbers::PCA_COMPONENTS.of(self.model.pca_components),
            ),
            (
                "pretrained.lora.rank",
                numbers::LORA_RANK.of(self.pretrained.lora.rank),
            ),
            (
                "pretrained.lora.alpha",
                numbers::LORA_ALPHA.of(self.pretrained.lora.alpha),
            ),
            (
                "pretrained.lora.dropout",
                numbers::SHARE_BELOW_ONE.of(self.pretrained.lora.dropout),
            ),
            (
                "references.count",
                numbers::REFERENCES.of(self.references.count),
            ),
            (
                "references.step_days",
                numbers::REFERENCE_STEP_DAYS.of(self.references.step_days),
            ),
            (
                "privacy.min_users",
                numbers::MIN_USERS.of(self.privacy.min_users),
            ),
            ("cache.max_bytes", numbers::BYTES.of(self.cache.max_bytes)),
            (
                "evaluation.resamples",
                numbers::RESAMPLES.of(evaluation.resamples),
            ),
            (
                "evaluation.retrieval_queries",
                numbers::QUERIES.of(evaluation.retrieval_queries),
            ),
            (
                "evaluation.retrieval_instructions",
                numbers::QUERY_INSTRUCTIONS.of(evaluation.retrieval_instructions),
            ),
        ])?;
        for (name, own) in &self.pretrained.sources {
            let key = |number: &str| format!("pretrained.sources.{name}.lora.{number}");
            limits::check([
                (&*key("rank"), numbers::LORA_RANK.of(own.lora.rank)),
                (&*key("alpha"), numbers::LORA_ALPHA.of(own.lora.alpha)),
                (
                    &*key("dropout"),
                    numbers::SHARE_BELOW_ONE.of(own.lora.dropout),
                ),
            ])?;
        }
        // What a training set may be is for that to say; these times stand for any.
        let times: Vec<_> = (0..self.references.count as i64).map(Timestamp).collect();
        let userqa = userqa_config(self, &times, Timestamp(0)).validate();
        userqa.map_err(|error| match error {
            instructue_userqa::Error::Config {
                field,
                expected,
                found,
            } => Error::argument(&format!("userqa.{field}"), &expected, found),
            other => other.into(),
        })?;
        self.answers.validate().map_err(|error| match error {
            instructue_trainer::Error::Config {
                key,
                expected,
                found,
            } => Error::argument(&format!("answers.{key}"), &expected, found),
            other => other.into(),
        })?;
        self.train.validate().map_err(|error| match error {
            instructue_trainer::Error::Config {
                key,
                expected,
                found,
            } => Error::argument(&format!("train.{key}"), &expected, found),
            other => other.into(),
        })?;
        Ok(())
    }

    /// Whether the run whose configuration is in `path` has this one: a run is resumed with
    /// the configuration that it began with.
    ///
    /// # Errors
    /// A file that cannot be read or is not complete, or the first key that differs.
    pub fn check_saved(&self, path: &Path) -> Result<()> {
        let saved = instructue_fs::read_text(path)?;
        let wrong = |message: String| Error::Config {
            path: path.into(),
            line: None,
            message,
        };
        let table = |text: &str| text.parse::<Table>();
        let theirs = table(&saved).ok().filter(|table| !table.is_empty());
        let Some(theirs) = theirs else {
            let expected = "the configuration of the run that is to be resumed";
            let found = "none that can be read: begin anew without --resume";
            return Err(wrong(format!("expected {expected}, found {found}")));
        };
        let ours = table(&self.to_toml()).expect("a configuration of plain values");
        match difference("", &Value::Table(ours), &Value::Table(theirs)) {
            None => Ok(()),
            Some((key, ours, theirs)) => Err(wrong(format!(
                "{key}: the run began with {theirs} and is to go on with {ours}: a run is resumed \
                 with the configuration that it began with"
            ))),
        }
    }

    /// The limit of events per source.
    pub fn slots(&self) -> Option<usize> {
        self.model.slots.or(match self.size {
            Size::Tiny => Some(96),
            Size::Small => Some(160),
            Size::Base => None,
        })
    }

    /// As TOML.
    ///
    /// # Panics
    /// If a number exceeds `i64::MAX`; one that was [validated](Self::validate) has none such.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a configuration of plain values")
    }
}

/// Puts `changes` into `table`, table by table.
pub(crate) fn merge(table: &mut Table, changes: &Table) {
    for (key, value) in changes {
        match (table.get_mut(key), value) {
            (Some(Value::Table(inner)), Value::Table(changes)) => merge(inner, changes),
            _ => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The first key in which two configurations differ, with both values.
fn difference(key: &str, ours: &Value, theirs: &Value) -> Option<(String, String, String)> {
    let (Value::Table(a), Value::Table(b)) = (ours, theirs) else {
        return (ours != theirs).then(|| (key.into(), shown(ours), shown(theirs)));
    };
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    names.into_iter().find_map(|name| {
        let below = match key {
            "" => name.clone(),
            key => format!("{key}.{name}"),
        };
        match (a.get(name), b.get(name)) {
            (Some(ours), Some(theirs)) => difference(&below, ours, theirs),
            (ours, theirs) => {
                let of = |side: Option<&Value>| side.map_or("none".into(), shown);
                Some((below, of(ours), of(theirs)))
            }
        }
    })
}

/// A value in a message.
fn shown(value: &Value) -> String {
    excerpt(&value.to_string())
}

#[cfg(test)]
mod tests {
    use instructue_schema::Timestamp;
    use instructue_schema::limits::trials::try_numbers;

    use super::*;

    #[test]
    fn a_config_survives_its_own_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.toml");
        let mut config = RunConfig::default();
        config.train.steps = 17;
        config.cache.folder = Some("vectors of events".into());
        config.cache.max_bytes = 1 << 20;
        std::fs::write(&path, config.to_toml()).unwrap();
        assert_eq!(RunConfig::load(&path).unwrap(), config);
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.toml");
        std::fs::write(&path, "seed = 1\n[train]\nstep = 5\n").unwrap();
        let message = RunConfig::load(&path).unwrap_err().to_string();
        assert!(
            message.contains("run.toml:3") && message.contains("step"),
            "{message}"
        );
        std::fs::write(&path, "size = \"huge\"\n").unwrap();
        let message = RunConfig::load(&path).unwrap_err().to_string();
        assert!(
            message.contains("tiny") && message.contains("huge"),
            "{message}"
        );
    }

    #[test]
    fn every_number_is_bounded() {
        let mut config = RunConfig::default();
        config.model.slots = Some(96);
        let tried = try_numbers(&config, |config| {
            config.validate().map_err(|error| error.to_string())?;
            // What is accepted can be saved and computed with.
            assert!(!config.to_toml().is_empty());
            let days = config.references.count as i64 * config.references.step_days;
            let first = Timestamp(0).plus_days(-days - 3 * config.userqa.horizon_days);
            assert!(first.0 > i64::MIN / 2, "{config:?}");
            Ok(())
        });
        assert!(tried.unwrap() > 500);
        // A larger seed is no number of a file.
        config.seed = u64::MAX;
        assert!(config.validate().unwrap_err().to_string().contains("seed"));
    }

    #[test]
    fn a_resumed_run_has_the_configuration_that_it_began_with() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let config = RunConfig::default();
        let with = |text: &str| {
            std::fs::write(&path, text).unwrap();
            config.check_saved(&path).map_err(|error| error.to_string())
        };
        with(&config.to_toml()).unwrap();
        // A remark changes nothing.
        with(&format!("# mine\n{}", config.to_toml())).unwrap();
        for (text, says) in [
            (String::new(), "found none that can be read"),
            (
                config.to_toml().replacen("seed = 7", "seed = 8", 1),
                "seed: the run began with 8",
            ),
            (
                config.to_toml().replacen("seed = 7", "", 1),
                "seed: the run began with none and is to go on with 7",
            ),
            (
                config
                    .to_toml()
                    .replacen("[pretrained]", "[pretrained]\nencoder = \"x\"", 1),
                "pretrained.encoder: the run began with \"x\"",
            ),
            ("size = \"tiny\"\n".into(), "began with none"),
        ] {
            let error = with(&text).unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
    }

    #[test]
    fn what_numbers_come_to_is_bounded() {
        let mut config = RunConfig::default();
        config.references.count = 1_000;
        config.userqa.triples_per_user = 10_000;
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains("userqa.references × "), "{message}");
        let mut config = RunConfig::default();
        config.userqa.validation_share = 0.8;
        let message = config.validate().unwrap_err().to_string();
        assert!(
            message.contains("userqa.test_share + validation_share"),
            "{message}"
        );
    }

    #[test]
    fn a_file_names_itself_its_key_and_no_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.toml");
        for (text, says) in [
            (
                "[evaluation]\nresamples = 1000000000000\n",
                "evaluation.resamples: expected 1 to",
            ),
            ("[train]\nsteps = -1\n", "run.toml:2: train.steps"),
            ("[train]\nsteps = \"hunter2\"\n", "run.toml:2: train.steps"),
            ("root:hunter2:0\n", "run.toml:1"),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = RunConfig::load(&path).unwrap_err().to_string();
            assert!(
                message.contains(says) && message.contains("run.toml"),
                "{message}"
            );
            assert!(
                !message.contains("hunter2") && !message.contains('\n'),
                "{message}"
            );
        }
    }
}
