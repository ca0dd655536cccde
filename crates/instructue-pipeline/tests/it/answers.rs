//! Answer scores learned from generated users: what they know, and that they are saved whole.

use std::sync::Arc;

use instructue_eval::{ForecastMethod, ForecastSubset, Wording};
use instructue_features::WordVectors;
use instructue_generate::{GenerateConfig, generate};
use instructue_model::AnswerScorer;
use instructue_pipeline::{ANSWERS_DIR, RunConfig, learn_answers, open_answers, score_user};
use instructue_schema::DataText;
use instructue_store::UserStore;

#[test]
fn answers_are_learned_measured_and_saved() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    let people = GenerateConfig {
        users: 400,
        events_per_user: 60.0,
        ..GenerateConfig::default()
    };
    generate(&people, &data, &mut |_| {}).unwrap();
    let mut config = RunConfig::default();
    config.answers.rows = 20_000;
    config.privacy.min_users = 5;
    let (scorer, found) = learn_answers(&data, &out, &config, &mut |_| {}).unwrap();
    let score = ForecastMethod {
        name: "answer score".into(),
        wording: Some(Wording::Exact),
    };
    let mean = found
        .mean(&score, ForecastSubset::UnseenValue)
        .expect("values kept from learning");
    assert!(mean.auc.point > 0.6, "{mean:?}");

    // What was saved scores as what was learned.
    let store = UserStore::open(&out.join("store")).unwrap();
    let loaded = open_answers(&out, &store).unwrap().expect("it was saved");
    let shard = store.shard(0).unwrap();
    let reference = store.time_range().unwrap().1;
    let profiles = shard.histories().take(5);
    let profiles: Vec<_> = profiles
        .map(|history| loaded.profiles().build(&history, reference))
        .collect();
    let questions = [
        "Will this user buy dog food in the next 30 days?",
        "Anything?",
    ];
    let questions = questions.map(DataText::new);
    let scores = loaded.scores(&profiles, &questions);
    assert_eq!(scores, scorer.scores(&profiles, &questions));
    assert!(
        scores
            .values
            .iter()
            .all(|score| (0.0..=1.0).contains(score))
    );
    // A user's score is the same alone and among others.
    let alone = loaded.scores(&profiles[3..4], &questions[..1]);
    assert_eq!(alone.row(0)[0], scores.row(3)[0]);
    let user = profiles[3].user.as_str();
    let text = questions[0].as_str();
    let one = score_user(&loaded, &store, user, reference, text).unwrap();
    assert_eq!(one, scores.row(3)[0]);
    assert!(score_user(&loaded, &store, "nobody", reference, text).is_err());

    // A flipped byte is found.
    let file = out.join(ANSWERS_DIR).join("scorer.json");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let vectors = Arc::clone(&WordVectors::shared());
    let error = AnswerScorer::load(&out.join(ANSWERS_DIR), vectors).unwrap_err();
    assert!(error.to_string().contains("scorer.json"), "{error}");
}

#[test]
fn without_tasks_questions_are_about_days_that_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    let people = GenerateConfig {
        users: 400,
        events_per_user: 60.0,
        ..GenerateConfig::default()
    };
    generate(&people, &data, &mut |_| {}).unwrap();
    std::fs::remove_file(data.join("tasks.toml")).unwrap();
    // Somebody's own directory has no manifest of generated users.
    std::fs::remove_file(data.join("manifest.json")).unwrap();
    let mut config = RunConfig::default();
    config.answers.rows = 10_000;
    let (_, found) = learn_answers(&data, &out, &config, &mut |_| {}).unwrap();
    let yes: usize = found.questions.iter().map(|question| question.yes).sum();
    let asked: usize = found.questions.iter().map(|question| question.asked).sum();
    assert!(yes > asked / 20, "{yes} of {asked}");
}

#[test]
fn too_few_users_are_said() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    let people = GenerateConfig {
        users: 12,
        events_per_user: 20.0,
        ..GenerateConfig::default()
    };
    generate(&people, &data, &mut |_| {}).unwrap();
    let error = learn_answers(&data, &out, &RunConfig::default(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("too few"), "{error}");
    assert!(!out.join(ANSWERS_DIR).exists());
}
