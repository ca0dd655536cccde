//! What a suite's declaration must keep, whatever the data are.

use std::path::Path;

use instructue_schema::limits::{self, OutOfRange, numbers, texts};
use instructue_schema::{paths, shown};

use crate::error::Result;
use crate::suite::declare::{Recommendation, Suite, Variant, WHOLE};

/// Fewer labels than this may have too few of a class to fit a probe by cross-validation.
const MIN_LABELS: usize = 25;

impl Suite {
    /// Checks every rule, and the runs of all its models.
    pub(super) fn check(&self) -> Result<()> {
        let file = self.path().display();
        self.rules().map_err(|wrong| wrong.in_file(file))?;
        self.config()?;
        for variant in &self.variants {
            variant.config(self)?;
        }
        Ok(())
    }

    fn rules(&self) -> Result<(), OutOfRange> {
        texts::word("name", &self.name)?;
        texts::line("title", &self.title)?;
        limits::check([
            ("folds", numbers::FOLDS.of(self.folds)),
            ("seed", numbers::SEED.of(self.seed)),
            ("resamples", numbers::RESAMPLES.of(self.resamples)),
            ("noise.folds", numbers::FOLDS_TRIED.of(self.noise.folds)),
            (
                "few_shot.folds",
                numbers::FOLDS_TRIED.of(self.few_shot.folds),
            ),
            (
                "few_shot.tokens",
                numbers::TUNED_TOKENS.of(self.few_shot.tokens),
            ),
            ("few_shot.steps", numbers::STEPS.of(self.few_shot.steps)),
            ("lookalike.draws", numbers::DRAWS.of(self.lookalike.draws)),
        ])?;
        limits::check([
            ("marketing", numbers::LIST.of(self.marketing.len())),
            ("noise.foreign", numbers::LIST.of(self.noise.foreign.len())),
            (
                "noise.shuffled",
                numbers::LIST.of(self.noise.shuffled.len()),
            ),
            ("noise.missing", numbers::LIST.of(self.noise.missing.len())),
            (
                "few_shot.labels",
                numbers::LIST.of(self.few_shot.labels.len()),
            ),
            (
                "lookalike.seeds",
                numbers::LIST.of(self.lookalike.seeds.len()),
            ),
            (
                "recommendation",
                numbers::LIST.of(self.recommendations.len()),
            ),
            ("variant", numbers::LIST.of(self.variants.len())),
        ])?;
        if !(1..=self.folds).contains(&self.folds_run()) {
            let expected = format!("1 to {}", self.folds);
            return Err(OutOfRange::new(
                "run_folds",
                expected,
                self.folds_run().to_string(),
            ));
        }
        self.data_rules()?;
        self.noise_rules()?;
        if let Some(few) = self.few_shot.labels.iter().find(|&&n| n < MIN_LABELS) {
            let expected = format!("at least {MIN_LABELS}");
            return Err(OutOfRange::new(
                "few_shot.labels",
                expected,
                few.to_string(),
            ));
        }
        let labels = self.few_shot.labels.iter();
        limits::check(labels.map(|n| ("few_shot.labels", numbers::LABELLED_USERS.of(*n))))?;
        let seeds = self.lookalike.seeds.iter();
        limits::check(seeds.map(|n| ("lookalike.seeds", numbers::LABELLED_USERS.of(*n))))?;
        self.recommendations.iter().try_for_each(recommendation)?;
        let names = self.recommendations.iter().map(|one| one.name.as_str());
        if let Some(twice) = repeated(names.collect()) {
            let found = format!("`{twice}` twice");
            return Err(OutOfRange::new(
                "recommendation.name",
                "a name of its own",
                found,
            ));
        }
        (0..self.variants.len()).try_for_each(|at| self.variant_rules(at))
    }

    /// The data lie beside the suite's folder, or in it.
    fn data_rules(&self) -> Result<(), OutOfRange> {
        let folder = self.path().parent().unwrap_or(Path::new(""));
        let dir = paths::beside(folder, &self.data)
            .map_err(|outside| OutOfRange::new("data", outside.expected, outside.found))?;
        match dir.is_dir() {
            true => Ok(()),
            false => {
                let found = format!("nothing at {}", dir.display());
                Err(OutOfRange::new("data", "a directory", found))
            }
        }
    }

    fn noise_rules(&self) -> Result<(), OutOfRange> {
        for (key, shares) in [
            ("noise.foreign", &self.noise.foreign),
            ("noise.shuffled", &self.noise.shuffled),
        ] {
            let shares = shares.iter();
            limits::check(shares.map(|share| (key, numbers::SHARE_ABOVE_ZERO.of(*share))))?;
        }
        for source in &self.noise.missing {
            texts::word("noise.missing", source)?;
        }
        let conditions = self.noise.conditions();
        let names = conditions.iter().map(|(name, _)| name.as_str());
        match repeated(names.collect()) {
            None => Ok(()),
            Some(twice) => {
                let expected = "each change once, shares at least a percent apart";
                Err(OutOfRange::new(
                    "noise",
                    expected,
                    format!("`{twice}` twice"),
                ))
            }
        }
    }

    fn variant_rules(&self, at: usize) -> Result<(), OutOfRange> {
        let variant: &Variant = &self.variants[at];
        texts::word("variant.name", &variant.name)?;
        let key = |key: &str| format!("variant `{}`.{key}", variant.name);
        texts::line(&key("title"), &variant.title)?;
        let mut before = self.variants[..at].iter();
        if variant.name == WHOLE || before.any(|other| other.name == variant.name) {
            let found = variant.name.clone();
            return Err(OutOfRange::new("variant.name", "a name of its own", found));
        }
        if let Some(other) = &variant.against
            && !self.variants.iter().any(|v| v.name == *other)
        {
            return Err(OutOfRange::new(
                key("against"),
                "the name of a variant",
                shown(other),
            ));
        }
        if let Some(folds) = variant.folds
            && !(1..=self.folds_run()).contains(&folds)
        {
            let expected = format!("1 to {}", self.folds_run());
            return Err(OutOfRange::new(key("folds"), expected, folds.to_string()));
        }
        variant
            .without
            .iter()
            .try_for_each(|source| texts::word(&key("without"), source))
    }
}

fn recommendation(one: &Recommendation) -> Result<(), OutOfRange> {
    texts::word("recommendation.name", &one.name)?;
    let key = |key: &str| format!("recommendation `{}`.{key}", one.name);
    texts::instruction(&key("instruction"), &one.instruction)?;
    texts::instruction(&key("text"), &one.text)?;
    texts::word(&key("source"), &one.source)?;
    texts::column(&key("field"), &one.field)?;
    if !one.text.contains("{item}") {
        return Err(OutOfRange::new(
            key("text"),
            "{item} in it",
            shown(&one.text),
        ));
    }
    if one.days.is_some() == one.file.is_some() {
        let found = "both or none";
        return Err(OutOfRange::new(key("days"), "either days or file", found));
    }
    if let Some(days) = one.days {
        limits::check([(&*key("days"), numbers::LABEL_DAYS.of(days))])?;
    }
    limits::check([(&*key("negatives"), numbers::NEGATIVES.of(one.negatives))])?;
    match &one.file {
        Some(file) => paths::plain(file)
            .map_err(|outside| OutOfRange::new(key("file"), outside.expected, outside.found)),
        None => Ok(()),
    }
}

/// A name that comes more than once.
fn repeated(mut names: Vec<&str>) -> Option<&str> {
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1])?;
    Some(twice[0])
}
