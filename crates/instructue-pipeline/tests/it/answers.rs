//! Answer scores learned from generated users: what they know, and that they are saved whole.

use std::sync::Arc;

use crate::common::{copy, golden};
use arrow::array::AsArray;
use arrow::datatypes::Float32Type;
use instructue_eval::{ForecastMethod, ForecastSubset, Wording};
use instructue_features::{TextVectors, WordVectors};
use instructue_generate::{GenerateConfig, generate};
use instructue_model::{AnswerScorer, AnswerSpace};
use instructue_pipeline::{
    ANSWERS_DIR, AnswerVectorsRequest, RunConfig, embed_answers, learn_answers, open_answers,
    score_user,
};
use instructue_schema::DataText;
use instructue_store::{UserStore, open_parquet};

/// Vectors that no scorer here was learned with.
#[derive(Debug)]
struct Letters;

impl TextVectors for Letters {
    fn vector(&self, text: &str) -> Vec<f32> {
        vec![text.len() as f32]
    }

    fn digest(&self) -> String {
        "letters".into()
    }
}

/// Generated users in a directory.
fn people(users: u64, events_per_user: f64, data: &std::path::Path) {
    let people = GenerateConfig {
        users,
        events_per_user,
        ..GenerateConfig::default()
    };
    generate(&people, data, &mut |_| {}).unwrap();
}

#[test]
fn answers_are_learned_measured_and_saved() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    people(400, 60.0, &data);
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

    // In the space of answers users and questions are vectors; files of them are the same.
    let vectors = dir.path().join("vectors.parquet");
    let request = |instructions| AnswerVectorsRequest {
        reference,
        instructions,
        allow_empty: false,
    };
    let asked = request(vec![questions[0].as_str().to_owned()]);
    let unasked = request(Vec::new());
    let written = embed_answers(&loaded, &store, &asked, &vectors, &mut |_| {});
    let written = written.unwrap();
    assert_eq!(written.count, store.users());
    assert!(written.width > 2);
    let column = |path: &std::path::Path| {
        let reader = open_parquet(path).unwrap().build().unwrap();
        let batches: Vec<_> = reader.map(|batch| batch.unwrap()).collect();
        let lists = batches.iter().flat_map(|batch| {
            let list = batch.column_by_name("vector").unwrap();
            let values = list.as_fixed_size_list().values().clone();
            values.as_primitive::<Float32Type>().values().to_vec()
        });
        lists.collect::<Vec<f32>>()
    };
    let users = loaded.user_vectors(&profiles);
    assert_eq!(column(&vectors)[..users.values.len()], users.values);
    let question = loaded.question_vectors(&questions[..1]);
    let beside = written.questions.unwrap();
    assert_eq!(column(&beside), question.values);
    let early = AnswerVectorsRequest {
        reference: store.time_range().unwrap().0,
        ..unasked.clone()
    };
    let error = embed_answers(&loaded, &store, &early, &vectors, &mut |_| {});
    assert!(error.unwrap_err().to_string().contains("no event"));
    assert!(beside.is_file(), "what failed took nothing away");
    // Questions of an earlier space do not stay beside other users.
    let unsaid = embed_answers(&loaded, &store, &unasked, &vectors, &mut |_| {});
    assert_eq!(unsaid.unwrap().questions, None);
    assert!(!beside.exists());
    let other = dir.path().join("other.parquet");
    std::fs::write(&other, "notes").unwrap();
    let error = embed_answers(&loaded, &store, &unasked, &other, &mut |_| {});
    assert!(error.unwrap_err().to_string().contains("another file"));
    let flat = AnswerScorer::new(
        loaded.profiles().clone(),
        loaded.texts().clone(),
        loaded.reader().clone(),
        AnswerSpace::default(),
    );
    let flat = flat.unwrap();
    let error = embed_answers(&flat, &store, &unasked, &vectors, &mut |_| {});
    assert!(error.unwrap_err().to_string().contains("answers.width"));

    // Of other vectors it would answer something else.
    let scorers = out.join(ANSWERS_DIR);
    let error = AnswerScorer::load(&scorers, Arc::new(Letters)).unwrap_err();
    assert!(
        error.to_string().contains("text vectors letters"),
        "{error}"
    );

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
fn texts_are_compared_by_an_encoder_that_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    people(200, 60.0, &data);
    let encoder = dir.path().join("encoder");
    let sentences = golden("instructue-model/tests/golden/sentences");
    copy(&sentences.join("model"), &encoder);
    copy(&sentences.join("mean_normalized"), &encoder);
    let mut config = RunConfig::default();
    config.answers.rows = 5_000;
    config.answers.encoder = Some(encoder.to_str().unwrap().to_owned());
    config.privacy.min_users = 5;
    let (scorer, _) = learn_answers(&data, &out, &config, &mut |_| {}).unwrap();
    let store = UserStore::open(&out.join("store")).unwrap();
    let reference = store.time_range().unwrap().1;
    let profile = |scorer: &AnswerScorer| {
        let shard = store.shard(0).unwrap();
        let history = shard.histories().next().unwrap();
        scorer.profiles().build(&history, reference)
    };
    let question = [DataText::new(
        "Will this user order something warm to drink?",
    )];
    let loaded = open_answers(&out, &store).unwrap().expect("it was saved");
    let score = loaded.scores(&[profile(&loaded)], &question);
    assert_eq!(score, scorer.scores(&[profile(&scorer)], &question));

    // The word vectors read the same scorer as something else, so they do not read it at all.
    let words = AnswerScorer::load(&out.join(ANSWERS_DIR), WordVectors::shared()).unwrap_err();
    assert!(words.to_string().contains("text vectors"), "{words}");
    // An encoder that is gone is named, when a scorer is opened and before one is learned.
    std::fs::rename(&encoder, dir.path().join("elsewhere")).unwrap();
    let gone = open_answers(&out, &store).unwrap_err().to_string();
    assert!(gone.contains("encoder"), "{gone}");
    let fresh = dir.path().join("fresh");
    let early = learn_answers(&data, &fresh, &config, &mut |_| {}).unwrap_err();
    assert!(early.to_string().contains("encoder"), "{early}");
    assert!(!fresh.exists());
}

#[test]
fn without_tasks_questions_are_about_days_that_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    people(400, 60.0, &data);
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
    people(12, 20.0, &data);
    let error = learn_answers(&data, &out, &RunConfig::default(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("too few"), "{error}");
    assert!(!out.join(ANSWERS_DIR).exists());
}

#[test]
fn wrong_wordings_are_refused_before_anything_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    people(12, 20.0, &data);
    let value =
        |more: &str| format!("[[value]]\nsource = \"bill\"\nfield = \"category\"\n{more}\n");
    let coffee = value("value = \"coffee\"\nplain = \"hot drinks\"\nfar = \"a cup\"");
    for (text, says) in [
        (
            value("value = \"coffee\"\nplain = \"hot drinks\""),
            "missing field `far`",
        ),
        (
            coffee.replace("bill", "bills"),
            "value[0]: expected a source of schema.toml",
        ),
        (
            coffee.replace("\"category\"", "\"kind\""),
            "found \"bill.kind\"",
        ),
        (coffee.repeat(2), "stands for two values"),
        (coffee.replace("plain", "simple"), "simple"),
    ] {
        std::fs::write(data.join("wordings.toml"), text).unwrap();
        let error = learn_answers(&data, &out, &RunConfig::default(), &mut |_| {}).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("wordings.toml") && message.contains(says),
            "{says}: {message}"
        );
        assert!(!out.exists(), "{says}");
    }
}
