//! A question tuned on a few labelled users (arXiv:2602.14492).

use std::path::{Path, PathBuf};

use instructue_features::Profile;
use instructue_metrics::auc;
use instructue_model::{InstructUe, SoftPrompt};
use instructue_schema::{Timestamp, excerpt};
use instructue_store::UserStore;
use instructue_trainer::{TuneConfig, TuneData, TuneScores, Tuning, tune};

use crate::embed::{check_instruction, check_schema};
use crate::error::{Error, Result};
use crate::labels::{Labelled, read_labels};
use crate::windows::{has_events, tell_empty};
use instructue_schema::Progress;

/// What to tune, on whom.
#[derive(Debug, Clone, PartialEq)]
pub struct TuneRequest {
    /// A Parquet file with one row per labelled user.
    pub labels: PathBuf,
    /// Its column of ids.
    pub user_column: String,
    /// Its column of labels.
    pub label_column: String,
    /// The question that the labels answer.
    pub instruction: String,
    /// Only events strictly before it are seen.
    pub reference: Timestamp,
    /// Tune though most labelled users have no event in the windows before the reference time.
    pub allow_empty: bool,
    /// How.
    pub config: TuneConfig,
}

/// How well tuned tokens tell some users' classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TuneQuality {
    /// Number of users.
    pub users: usize,
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of users whose class has the highest score.
    pub accuracy: f64,
    /// With two classes, the AUC of the second one's score.
    pub auc: Option<f64>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct TunedUsers {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Classes and how many users each has.
    pub classes: Vec<(String, usize)>,
    /// Labelled users that the data do not hold.
    pub unknown: usize,
    /// Steps taken.
    pub steps: usize,
    /// The step that was kept.
    pub best_step: usize,
    /// Learned tokens that were kept; 0 where they told held-out users no better than
    /// the question as it was asked.
    pub tokens: usize,
    /// On the users that were learned from.
    pub train: TuneQuality,
    /// On the held-out users, which chose the step.
    pub validation: TuneQuality,
}

/// Tunes the question of `request` on the labelled users of `store` and writes
/// what was learned to `out`.
///
/// # Errors
/// Labels that do not fit (see [`read_labels`]), fewer than two classes or two known
/// users of each, an empty or overlong instruction, another schema than the
/// model's, a reference time before which most labelled users have no event, a path that does
/// not take a file.
pub fn tune_users(
    model: &InstructUe,
    store: &UserStore,
    request: &TuneRequest,
    out: &Path,
    watch: &mut dyn FnMut(Progress),
) -> Result<TunedUsers> {
    request.config.validate()?;
    check_instruction(&request.instruction)?;
    check_schema(model, store)?;
    SoftPrompt::check_replaceable(out)?;
    let labelled = read_labels(&request.labels, &request.user_column, &request.label_column)?;
    let total = labelled.users.len();
    let (data, unknown) = known(model, store, request, labelled)?;
    if unknown > 0 {
        let text = format!("{unknown} of {total} labelled users are not in the data: left out");
        watch(Progress::Note { text });
    }
    let empty = data.profiles.iter().filter(|profile| !has_events(profile));
    let (empty, labelled) = (empty.count() as u64, data.profiles.len() as u64);
    tell_empty(
        empty,
        labelled,
        request.reference,
        request.allow_empty,
        watch,
    )?;
    let tuning = tune(model, &data, &request.config, watch)?;
    tuning.tuned.save(out)?;
    let bytes = std::fs::metadata(out).map_err(|e| Error::io(out, e))?.len();
    let count = |class| data.labels.iter().filter(|&&label| label == class).count();
    let classes = data.classes.iter().enumerate();
    Ok(TunedUsers {
        path: out.into(),
        bytes,
        classes: classes.map(|(k, name)| (name.clone(), count(k))).collect(),
        unknown,
        steps: tuning.steps,
        best_step: tuning.best_step,
        tokens: tuning.tuned.weights().tokens.val().dims()[0],
        train: quality(&data, &tuning, &tuning.train),
        validation: quality(&data, &tuning, &tuning.validation),
    })
}

/// The labelled users that the store knows, and how many it does not.
fn known(
    model: &InstructUe,
    store: &UserStore,
    request: &TuneRequest,
    labelled: Labelled,
) -> Result<(TuneData, usize)> {
    let mut found: Vec<Option<Profile>> = vec![None; labelled.users.len()];
    let mut order: Vec<(usize, usize)> = labelled
        .users
        .iter()
        .enumerate()
        .map(|(row, (user, _))| (store.shard_of(user), row))
        .collect();
    order.sort_unstable();
    let builder = model.preprocessor().profiles();
    for rows in order.chunk_by(|a, b| a.0 == b.0) {
        let shard = store.shard(rows[0].0)?;
        for &(_, row) in rows {
            let index = shard.find(&labelled.users[row].0);
            found[row] = index.map(|i| builder.build(&shard.history(i), request.reference));
        }
    }
    let unknown = found.iter().filter(|profile| profile.is_none()).count();
    if unknown == found.len() {
        let name = request.labels.display();
        let what = format!("{name}: column `{}`", request.user_column);
        let expected = format!("ids of the {} users of the data", store.users());
        let found = format!(
            "{unknown} others, such as {:?}",
            excerpt(labelled.users[0].0.as_str())
        );
        return Err(Error::argument(&what, &expected, found));
    }
    let labels = labelled.users.iter().map(|(_, label)| *label);
    let (profiles, labels): (Vec<_>, Vec<_>) = found
        .into_iter()
        .zip(labels)
        .filter_map(|(profile, label)| Some((profile?, label)))
        .unzip();
    let data = TuneData {
        instruction: request.instruction.clone(),
        classes: labelled.classes,
        profiles,
        labels,
    };
    Ok((data, unknown))
}

fn quality(data: &TuneData, tuning: &Tuning, scores: &TuneScores) -> TuneQuality {
    let classes = tuning.tuned.classes().len();
    let auc = (classes == 2).then(|| {
        let second: Vec<f64> = scores.scores.chunks(2).map(|s| f64::from(s[1])).collect();
        let labels: Vec<bool> = scores.rows.iter().map(|&r| data.labels[r] == 1).collect();
        auc(&second, &labels)
    });
    TuneQuality {
        users: scores.rows.len(),
        loss: scores.loss,
        accuracy: scores.accuracy,
        auc: auc.flatten(),
    }
}
