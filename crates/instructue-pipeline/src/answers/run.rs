//! The answer scores of a run: learned, measured, saved.

use std::path::Path;
use std::sync::Arc;

use instructue_eval::{ForecastResult, save_json};
use instructue_features::{ProfileBuilder, TextVectors};
use instructue_fs::{remove_directory, remove_file};
use instructue_model::{AnswerScorer, check_scorer_dir};
use instructue_schema::{Progress, Timestamp};
use instructue_trainer::{Claim, RUN};
use instructue_userqa::{UserQa, UserQaConfig};

use super::evaluate::evaluate_forecasts;
use super::forecast_run::ForecastRun;
use super::learn::Learned::{All, Half};
use super::learn::{AnswerData, Learner};
use super::text_vectors::{load_answers, text_vectors};
use super::wordings::Wordings;
use crate::config::{RunConfig, userqa_config};
use crate::error::{Error, Result};
use crate::prepare::{FIT_USERS, Ingested, declared, ingest, references, userqa};

/// The directory of a run's answer scorer.
pub const ANSWERS_DIR: &str = "answers";
/// The file with what was measured of it.
pub const FORECASTS_FILE: &str = "forecasts.json";

/// Learns answer scores from `data` and leaves the scorer (`answers`) and what it is worth
/// (`forecasts.json`) in `out`. Half of all values are kept from the scorer that is measured; the
/// one that is saved has learned from all.
///
/// # Errors
/// Anything wrong with configuration, data or disk; too little data to learn from.
pub fn learn_answers(
    data: &Path,
    out: &Path,
    config: &RunConfig,
    watch: &mut dyn FnMut(Progress),
) -> Result<(AnswerScorer, ForecastResult)> {
    config.validate()?;
    // First, so that a wrong file does not cost what it took to get to it.
    let (schema, _) = declared(data)?;
    let wordings = Wordings::load(data, &schema)?;
    let vectors = text_vectors(config.answers.encoder.as_deref(), watch)?;
    let claim = Claim::take(out, RUN)?;
    check_scorer_dir(&out.join(ANSWERS_DIR))?;
    let ingested = ingest(data, &out.join("store"), watch)?;
    let references = references(config, &ingested);
    let qa = userqa_config(config, &references, ingested.end);
    qa.validate()?;
    let triples = userqa(&ingested.store, &qa, &out.join("userqa"), watch)?;
    let run = AnswerRun {
        wordings: &wordings,
        vectors: &vectors,
        claim: &claim,
        ingested: &ingested,
        triples: &triples,
        userqa: &qa,
        config,
    };
    run.finish(watch)?.ok_or_else(|| {
        let expected = "training users with events that others have, too, and events that follow";
        Error::argument(
            &format!("data directory {}", data.display()),
            expected,
            "too few",
        )
    })
}

/// What a run has when answer scores are to be learned.
pub(crate) struct AnswerRun<'a> {
    pub wordings: &'a Wordings,
    pub vectors: &'a Arc<dyn TextVectors>,
    pub claim: &'a Claim,
    pub ingested: &'a Ingested,
    pub triples: &'a UserQa,
    pub userqa: &'a UserQaConfig,
    pub config: &'a RunConfig,
}

/// What was learned to be measured: without half of the values.
pub(crate) struct LearnedAnswers {
    measured: AnswerScorer,
    profiles: ProfileBuilder,
    reference: Timestamp,
}

impl AnswerRun<'_> {
    /// Learns, measures and saves; `None` where the data are too little to learn from. What an
    /// earlier run left is gone then.
    pub fn finish(
        &self,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<Option<(AnswerScorer, ForecastResult)>> {
        let dir = self.claim.directory().join(ANSWERS_DIR);
        check_scorer_dir(&dir)?;
        let profiles = self.profiles()?;
        let learner = self.learner(&profiles, watch)?;
        let measured = self.measured(&learner, watch)?;
        let scorer = learner.learn(All, self.ingested.end, watch)?;
        drop(learner);
        let Some(((measured, reference), scorer)) = measured.zip(scorer) else {
            remove_directory(&dir)?;
            remove_file(&self.claim.directory().join(FORECASTS_FILE))?;
            watch(Progress::note(
                "too few users and events to learn answer scores from",
            ));
            return Ok(None);
        };
        let learned = LearnedAnswers {
            measured,
            profiles,
            reference,
        };
        let forecasts = evaluate_forecasts(&self.forecasts(&learned), watch)?;
        scorer.save(&dir)?;
        save_json(&self.claim.directory().join(FORECASTS_FILE), &forecasts)?;
        Ok(Some((scorer, forecasts)))
    }

    /// Learns without half of the values, to be measured; `None` where the data are too little.
    pub fn learn(&self, watch: &mut dyn FnMut(Progress)) -> Result<Option<LearnedAnswers>> {
        let profiles = self.profiles()?;
        let learner = self.learner(&profiles, watch)?;
        let measured = self.measured(&learner, watch)?;
        drop(learner);
        Ok(measured.map(|(measured, reference)| LearnedAnswers {
            measured,
            profiles,
            reference,
        }))
    }

    /// The scorer in the run's directory, learned from all values if there is none yet; `None`
    /// where the data are too little.
    pub fn scorer(&self, watch: &mut dyn FnMut(Progress)) -> Result<Option<AnswerScorer>> {
        let dir = self.claim.directory().join(ANSWERS_DIR);
        if dir.is_dir() {
            return Ok(Some(load_answers(&dir)?));
        }
        let profiles = self.profiles()?;
        let learner = self.learner(&profiles, watch)?;
        let scorer = learner.learn(All, self.ingested.end, watch)?;
        if let Some(scorer) = &scorer {
            scorer.save(&dir)?;
        }
        Ok(scorer)
    }

    fn learner<'a>(
        &'a self,
        profiles: &'a ProfileBuilder,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<Learner<'a>> {
        let (data, end) = (self.data(profiles), self.ingested.end);
        let vectors = Arc::clone(self.vectors);
        Learner::fit(data, self.triples, end, vectors, watch)
    }

    /// What has learned without half of the values, and the time from which it is asked.
    fn measured(
        &self,
        learner: &Learner<'_>,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<Option<(AnswerScorer, Timestamp)>> {
        // Where the data end there, nothing follows to ask about: then the newest time of
        // training, of users that were not learned from.
        let (end, days) = (self.ingested.end, self.userqa.horizon_days);
        let last = self.ingested.store.time_range().map(|(_, last)| last);
        let reference = match last.is_some_and(|last| end.plus_days(days - 1) <= last) {
            true => end,
            false => learner.newest(),
        };
        let measured = learner.learn(Half, reference, watch)?;
        Ok(measured.map(|measured| (measured, reference)))
    }

    fn data<'a>(&'a self, profiles: &'a ProfileBuilder) -> AnswerData<'a> {
        AnswerData {
            store: &self.ingested.store,
            profiles,
            userqa: self.userqa,
            config: &self.config.answers,
        }
    }

    /// What the evaluation of learned answers works on.
    pub fn forecasts<'a>(&'a self, learned: &'a LearnedAnswers) -> ForecastRun<'a> {
        ForecastRun {
            data: self.data(&learned.profiles),
            scorer: &learned.measured,
            wordings: self.wordings,
            reference: learned.reference,
            min_users: self.userqa.min_users,
        }
    }

    /// Profiles with all that the schema lets them hold: nobody has to attend to them.
    fn profiles(&self) -> Result<ProfileBuilder> {
        let (store, qa) = (&self.ingested.store, self.userqa);
        let data = |user: &_| {
            instructue_userqa::split_of(user, qa.seed, qa) == instructue_userqa::Split::Train
        };
        let mut shards = Vec::new();
        let mut users = 0;
        for index in 0..store.shards() {
            let shard = store.shard(index)?;
            users += shard.users.iter().filter(|user| data(user)).count();
            shards.push(shard);
            if users >= FIT_USERS {
                break;
            }
        }
        let last = *qa.references.last().expect("validated: at least one");
        let histories = shards.iter().flat_map(|shard| shard.histories());
        let training = histories.filter(|history| data(history.user()));
        let training = training.map(|history| (history, last));
        Ok(ProfileBuilder::fit(
            store.schema(),
            training,
            None,
            qa.min_users,
        ))
    }
}
