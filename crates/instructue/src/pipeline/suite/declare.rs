//! What a suite is: data, folds, ablations and everything that is measured, in one TOML file.

use std::path::{Path, PathBuf};

use instructue_data::seed;
use instructue_eval::NoiseKind;
use instructue_schema::{Schema, SourceKind};
use serde::{Deserialize, Serialize};

use crate::pipeline::config::RunConfig;
use crate::pipeline::error::{Error, Result};
use crate::pipeline::prepare::SCHEMA_FILE;
use crate::pipeline::suggest;

/// The name of the model that variants are compared with.
pub const WHOLE: &str = "whole";
/// Fewer labels than this may have too few of a class to fit a probe by cross-validation.
const LEAST_LABELS: usize = 25;

/// A benchmark suite.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("suite.toml");
/// # std::fs::write(&path, r#"
/// name = "shop"
/// title = "A shop's customers"
/// data = "shop"               # relative to this file
/// folds = 5
///
/// [run.train]                 # as in a run's config.toml; what is left out keeps its default
/// steps = 400
///
/// [[variant]]
/// name = "no_next_token"
/// title = "no next-token loss"
/// folds = 2
/// run = { train = { next_token_weight = 0.0 } }
/// # "#).unwrap();
/// # std::fs::create_dir(dir.path().join("shop")).unwrap();
/// let suite = instructue::pipeline::suite::Suite::load(&path)?;
/// assert_eq!(suite.variants[0].config(&suite)?.train.steps, 400);
/// # Ok::<(), instructue::pipeline::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// A name for files, `[a-z0-9_-]+`.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// The data directory with `schema.toml` and `tasks.toml`, relative to the suite's file.
    pub data: PathBuf,
    /// Folds of users. Each is tested by a model that saw the others.
    #[serde(default = "five")]
    pub folds: usize,
    /// Of these, how many are run, the first ones; default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_folds: Option<usize>,
    /// Seed of folds, training, resamples and noise.
    #[serde(default = "seven")]
    pub seed: u64,
    /// Bootstrap resamples.
    #[serde(default = "thousand")]
    pub resamples: usize,
    /// Tasks that belong to marketing; the others are predictions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marketing: Vec<String>,
    /// What differs from a default run.
    #[serde(default)]
    pub run: toml::Table,
    /// Changed events.
    #[serde(default)]
    pub noise: Noise,
    /// Tuning on few labels.
    #[serde(default)]
    pub few_shot: FewShotSettings,
    /// Users like those of a list.
    #[serde(default)]
    pub lookalike: LookalikeSettings,
    /// Next items.
    #[serde(default, rename = "recommendation")]
    pub recommendations: Vec<Recommendation>,
    /// Models with one thing changed.
    #[serde(default, rename = "variant")]
    pub variants: Vec<Variant>,
    /// Where the file is.
    #[serde(skip)]
    path: PathBuf,
}

/// Which changes of events are tried on test users.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Noise {
    /// Shares of events that come from other users.
    pub foreign: Vec<f64>,
    /// Shares of events whose times are permuted within the user.
    pub shuffled: Vec<f64>,
    /// Sources without any event.
    pub missing: Vec<String>,
    /// Folds that it is tried in; 0: all.
    pub folds: usize,
}

impl Noise {
    /// What is tried: its name, and how events are changed.
    pub(crate) fn conditions(&self) -> Vec<(String, NoiseKind)> {
        let named = |name: &str, share: f64| format!("{name}-{:.0}", share * 100.0);
        let foreign = self
            .foreign
            .iter()
            .map(|&share| (named("foreign", share), NoiseKind::Foreign { share }));
        let shuffled = self
            .shuffled
            .iter()
            .map(|&share| (named("shuffled", share), NoiseKind::Shuffled { share }));
        let missing = self.missing.iter().map(|source| {
            let source = source.clone();
            (format!("missing-{source}"), NoiseKind::Missing { source })
        });
        foreign.chain(shuffled).chain(missing).collect()
    }
}

/// Tuning an instruction on few labelled users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FewShotSettings {
    /// Numbers of labelled users.
    pub labels: Vec<usize>,
    /// Folds that it is tried in; 0: all.
    pub folds: usize,
    /// Learned tokens.
    pub tokens: usize,
    /// Steps of tuning.
    pub steps: usize,
}

/// Lists of known positives and what is found beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LookalikeSettings {
    /// Lengths of the lists.
    pub seeds: Vec<usize>,
    /// Lists drawn for each length.
    pub draws: usize,
}

/// Items that a user may take next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// A short name.
    pub name: String,
    /// The question.
    pub instruction: String,
    /// What an item is as an answer; `{item}` stands for it.
    pub text: String,
    /// The source of the events.
    pub source: String,
    /// The field with the item.
    pub field: String,
    /// The truth: items of the source's events in so many days from the reference time on …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// … or rows of a Parquet file of the data directory, with the source's user column and the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Whether items of the profile are no candidates.
    #[serde(default)]
    pub exclude_seen: bool,
    /// Sampled negatives beside one true item.
    #[serde(default = "hundred")]
    pub negatives: usize,
}

/// A model with one thing changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// A name for files, `[a-z0-9_-]+`.
    pub name: String,
    /// What is changed.
    pub title: String,
    /// Folds that it is trained on, the first ones; default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Sources that are left out of the schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// What differs from the suite's run.
    #[serde(default)]
    pub run: toml::Table,
    /// The variant that it is compared with; default: the whole model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
}

fn five() -> usize {
    5
}

fn seven() -> u64 {
    7
}

fn hundred() -> usize {
    100
}

fn thousand() -> usize {
    1000
}

impl Default for FewShotSettings {
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            folds: 0,
            tokens: 6,
            steps: 500,
        }
    }
}

impl Default for LookalikeSettings {
    fn default() -> Self {
        Self {
            seeds: Vec::new(),
            draws: 20,
        }
    }
}

impl Suite {
    /// Reads and checks a suite's file.
    ///
    /// # Errors
    /// Names the file, the key, what is expected and what was found.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let mut suite: Self = toml::from_str(&text).map_err(|e| Error::Config {
            path: path.into(),
            line: e.span().map(|s| text[..s.start].matches('\n').count() + 1),
            message: suggest::shorten(e.message()),
        })?;
        suite.path = path.into();
        suite.check()?;
        Ok(suite)
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        let parent = self.path.parent().unwrap_or(Path::new(""));
        parent.join(&self.data)
    }

    /// The folds that are run.
    pub fn folds_run(&self) -> usize {
        self.run_folds.unwrap_or(self.folds)
    }

    /// The run of the whole model, before a fold is chosen.
    ///
    /// # Errors
    /// A key that is none, or a value that does not fit.
    pub fn config(&self) -> Result<RunConfig> {
        self.config_with(&toml::Table::new())
    }

    fn config_with(&self, changes: &toml::Table) -> Result<RunConfig> {
        let mut table = self.run.clone();
        merge(&mut table, changes);
        let wrong = |message: String| Error::Config {
            path: self.path.clone(),
            line: None,
            message: format!("run: {message}"),
        };
        let config: RunConfig = table
            .try_into()
            .map_err(|e: toml::de::Error| wrong(suggest::shorten(e.message())))?;
        config.train.validate()?;
        Ok(config)
    }

    /// The run of one fold.
    pub fn in_fold(&self, config: &RunConfig, fold: usize) -> RunConfig {
        let mut config = config.clone();
        config.seed = self.seed;
        config.userqa.test_share = 1.0 / self.folds as f64;
        config.userqa.test_from = fold as f64 / self.folds as f64;
        config
    }

    /// Another one stands for another measurement. Which variants there are changes none.
    pub(crate) fn digest(&self) -> u64 {
        let mut alone = self.clone();
        alone.variants.clear();
        let text = toml::to_string(&alone).expect("a suite of plain values");
        seed::derive(0, &text, &[])
    }

    fn check(&self) -> Result<()> {
        let fail = |key: &str, expected: &str, found: String| {
            let what = format!("{}: {key}", self.path.display());
            Err(Error::argument(&what, expected, found))
        };
        if !is_name(&self.name) {
            return fail("name", "letters a-z, digits, _ and -", self.name.clone());
        }
        if self.folds < 2 {
            return fail("folds", "at least 2", self.folds.to_string());
        }
        if !(1..=self.folds).contains(&self.folds_run()) {
            let expected = format!("1 to {}", self.folds);
            return fail("run_folds", &expected, self.folds_run().to_string());
        }
        if self.resamples == 0 {
            return fail("resamples", "at least 1", "0".into());
        }
        if !self.data_dir().is_dir() {
            let found = format!("nothing at {}", self.data_dir().display());
            return fail("data", "a directory", found);
        }
        let shares = self.noise.foreign.iter().chain(&self.noise.shuffled);
        for share in shares {
            if !(*share > 0.0 && *share <= 1.0) {
                return fail("noise", "shares above 0 and at most 1", share.to_string());
            }
        }
        let conditions = self.noise.conditions();
        let names: Vec<&str> = conditions.iter().map(|(name, _)| name.as_str()).collect();
        if let Some(twice) = repeated(&names) {
            let expected = "each change once, shares at least a percent apart";
            return fail("noise", expected, format!("`{twice}` twice"));
        }
        if let Some(few) = self.few_shot.labels.iter().find(|&&n| n < LEAST_LABELS) {
            let expected = format!("at least {LEAST_LABELS}");
            return fail("few_shot.labels", &expected, few.to_string());
        }
        let names: Vec<&str> = self
            .recommendations
            .iter()
            .map(|r| r.name.as_str())
            .collect();
        if let Some(twice) = repeated(&names) {
            let found = format!("`{twice}` twice");
            return fail("recommendation.name", "a name of its own", found);
        }
        for recommendation in &self.recommendations {
            let key = |key: &str| format!("recommendation `{}`.{key}", recommendation.name);
            if !is_name(&recommendation.name) {
                let found = recommendation.name.clone();
                return fail("recommendation.name", "letters a-z, digits, _ and -", found);
            }
            if !recommendation.text.contains("{item}") {
                return fail(&key("text"), "{item} in it", recommendation.text.clone());
            }
            if recommendation.days.is_some() == recommendation.file.is_some() {
                return fail(&key("days"), "either days or file", "both or none".into());
            }
        }
        for (at, variant) in self.variants.iter().enumerate() {
            let key = |key: &str| format!("variant `{}`.{key}", variant.name);
            let before = &self.variants[..at];
            let taken = variant.name == WHOLE || before.iter().any(|v| v.name == variant.name);
            if !is_name(&variant.name) || taken {
                let expected = "a name of its own of letters a-z, digits, _ and -";
                return fail("variant.name", expected, variant.name.clone());
            }
            if let Some(other) = &variant.against
                && !self.variants.iter().any(|v| v.name == *other)
            {
                return fail(&key("against"), "the name of a variant", other.clone());
            }
            if let Some(folds) = variant.folds
                && !(1..=self.folds_run()).contains(&folds)
            {
                let expected = format!("1 to {}", self.folds_run());
                return fail(&key("folds"), &expected, folds.to_string());
            }
            variant.config(self)?;
        }
        let validation = self.config()?.userqa.validation_share;
        if validation + 1.0 / self.folds as f64 >= 1.0 {
            let expected = format!("below 1 - 1 / {} folds", self.folds);
            return fail(
                "run.userqa.validation_share",
                &expected,
                validation.to_string(),
            );
        }
        Ok(())
    }

    /// Whether what the suite names exists in the schema and among the tasks.
    pub(crate) fn check_against(&self, schema: &Schema, tasks: &[&str]) -> Result<()> {
        let known = |key: String, names: Vec<&str>, name: &str| {
            if names.contains(&name) {
                return Ok(());
            }
            let what = format!("{}: {key}", self.path.display());
            let expected = format!("one of {}", names.join(", "));
            Err(Error::argument(&what, &expected, format!("`{name}`")))
        };
        let sources = || schema.sources.iter().map(|s| s.name.as_str()).collect();
        for task in &self.marketing {
            known("marketing".into(), tasks.to_vec(), task)?;
        }
        let events = schema.sources.iter();
        let events = events.filter(|source| source.kind == SourceKind::Events);
        let events: Vec<&str> = events.map(|source| source.name.as_str()).collect();
        for source in &self.noise.missing {
            known("noise.missing".into(), events.clone(), source)?;
        }
        for variant in &self.variants {
            for source in &variant.without {
                known(
                    format!("variant `{}`.without", variant.name),
                    sources(),
                    source,
                )?;
            }
        }
        for one in &self.recommendations {
            let key = |key: &str| format!("recommendation `{}`.{key}", one.name);
            known(key("source"), events.clone(), &one.source)?;
            let Some((_, source)) = schema.source(&one.source) else {
                continue;
            };
            let fields = source.fields();
            let fields = fields.iter().map(|field| field.name.as_str()).collect();
            known(key("field"), fields, &one.field)?;
        }
        let file = self.data_dir().join(SCHEMA_FILE);
        if tasks.is_empty() {
            let found = format!("none beside {}", file.display());
            return Err(Error::argument("tasks.toml", "at least one task", found));
        }
        Ok(())
    }
}

impl Variant {
    /// The run of this variant, before a fold is chosen.
    ///
    /// # Errors
    /// A key that is none, or a value that does not fit.
    pub fn config(&self, suite: &Suite) -> Result<RunConfig> {
        suite.config_with(&self.run)
    }
}

/// A name that comes more than once.
fn repeated<'a>(names: &[&'a str]) -> Option<&'a str> {
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    let twice = sorted.windows(2).find(|pair| pair[0] == pair[1])?;
    Some(twice[0])
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    !name.is_empty() && name.chars().all(allowed)
}

/// Puts the values of `changes` into `table`, table by table.
fn merge(table: &mut toml::Table, changes: &toml::Table) {
    for (key, value) in changes {
        match (table.get_mut(key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(changes)) => merge(inner, changes),
            _ => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        name = "shop"
        title = "A shop"
        data = "."
        folds = 4
        [run.train]
        steps = 40
        learning_rate = 0.001
        [[variant]]
        name = "short"
        title = "ten steps"
        run = { train = { steps = 10 }, model = { lookup = false } }
    "#;

    fn load(text: &str) -> Result<Suite> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("suite.toml");
        std::fs::write(&path, text).unwrap();
        Suite::load(&path)
    }

    #[test]
    fn a_variant_changes_what_it_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("suite.toml");
        std::fs::write(&path, TEXT).unwrap();
        let suite = Suite::load(&path).unwrap();
        let whole = suite.config().unwrap();
        let short = suite.variants[0].config(&suite).unwrap();
        assert_eq!((whole.train.steps, short.train.steps), (40, 10));
        assert_eq!(short.train.learning_rate, 0.001);
        assert!(whole.model.lookup && !short.model.lookup);
        let fold = suite.in_fold(&whole, 3);
        assert_eq!(fold.userqa.test_from, 0.75);
        assert_eq!(fold.userqa.test_share, 0.25);
    }

    #[test]
    fn conditions_are_named_by_kind_and_share() {
        let noise = Noise {
            foreign: vec![0.1, 0.3],
            shuffled: vec![0.5],
            missing: vec!["app".into()],
            folds: 0,
        };
        let (names, kinds): (Vec<String>, Vec<NoiseKind>) = noise.conditions().into_iter().unzip();
        let expected = ["foreign-10", "foreign-30", "shuffled-50", "missing-app"];
        assert_eq!(names, expected);
        assert_eq!(kinds[1], NoiseKind::Foreign { share: 0.3 });
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("folds = 4", "folds = 1", "folds"),
            ("steps = 40", "step = 40", "unknown key `step`"),
            ("data = \".\"", "data = \"nowhere\"", "nowhere"),
            ("name = \"short\"", "name = \"whole\"", "a name of its own"),
            ("lookup = false", "lookups = false", "lookup"),
            (
                "title = \"ten steps\"",
                "title = \"t\"\nfolds = 9",
                "1 to 4",
            ),
            ("folds = 4", "folds = 4\nfold = 2", "unknown key `fold`"),
            (
                "[run.train]",
                "[noise]\nforeign = [0.301, 0.3]\n[run.train]",
                "`foreign-30` twice",
            ),
            (
                "[run.train]",
                "[few_shot]\nlabels = [50, 9]\n[run.train]",
                "at least 25, found 9",
            ),
            (
                "[run.train]",
                "[run.userqa]\nvalidation_share = 0.8\n[run.train]",
                "below 1 - 1 / 4 folds",
            ),
        ];
        for (from, to, expected) in cases {
            let message = load(&TEXT.replace(from, to)).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert!(load(TEXT).is_ok());
    }
}
