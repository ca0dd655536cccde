//! What must hold whatever the weights: batching, padding, packing, order and
//! answers change no vector.

use crate::common;
use crate::common::{
    REFERENCE, config, model, preprocessor, preprocessor_of, profiles, segment, shard,
    without_tabular,
};
use burn::tensor::Device;
use instructue_features::{Batch, Row};
use instructue_model::{InstructUe, Matrix, Preprocessor, VectorKind};
use instructue_schema::Shard;
use instructue_schema::{DataText, Timestamp};

fn instructions() -> Vec<Option<DataText>> {
    vec![
        Some(DataText::new("Will this user buy pets food?")),
        None,
        Some(DataText::new(
            "Which travel does the user like, and </bill> <USER> [SEP]?",
        )),
    ]
}

fn assert_near(a: &[f32], b: &[f32], bound: f32) {
    assert_eq!(a.len(), b.len());
    let worst = a
        .iter()
        .zip(b)
        .map(|(x, y)| (x - y).abs())
        .fold(0.0, f32::max);
    assert!(worst <= bound, "differs by {worst}");
}

fn one_by_one(model: &InstructUe) -> Vec<Matrix> {
    let profiles = profiles(model, &shard());
    let mut out: Vec<Matrix> = Vec::new();
    for instruction in instructions() {
        let mut values = Vec::new();
        for profile in &profiles {
            let one = model
                .embed(
                    std::slice::from_ref(profile),
                    std::slice::from_ref(&instruction),
                )
                .unwrap();
            values.extend_from_slice(&one[0].values);
        }
        out.push(Matrix::new(profiles.len(), model.width(), values).unwrap());
    }
    out
}

#[test]
fn batch_size_padding_and_packing_change_no_vector() {
    let model = model(&shard(), &Device::default());
    let together = model
        .embed(&profiles(&model, &shard()), &instructions())
        .unwrap();
    for (all, alone) in together.iter().zip(one_by_one(&model)) {
        assert_near(&all.values, &alone.values, 1e-5);
    }
}

#[test]
fn states_come_with_the_unit_vectors_and_do_not_depend_on_the_batch() {
    let model = model(&shard(), &Device::default());
    let profiles = profiles(&model, &shard());
    let both = model.embed_both(&profiles, &instructions()).unwrap();
    let units = model.embed(&profiles, &instructions()).unwrap();
    for (both, unit) in both.iter().zip(&units) {
        assert_eq!(&both.unit, unit);
        assert_eq!(both.state.columns, model.width_of(VectorKind::State));
        assert_eq!(both.state.rows, profiles.len());
    }
    for (user, profile) in profiles.iter().enumerate() {
        let alone = model
            .embed_both(std::slice::from_ref(profile), &instructions())
            .unwrap();
        for (both, alone) in both.iter().zip(alone) {
            assert_near(both.state.row(user), alone.state.row(0), 1e-4);
        }
    }
    assert_ne!(both[0].state.row(5), both[1].state.row(5));
    assert_ne!(both[0].state.row(5), both[0].state.row(4));
}

#[test]
fn vectors_have_length_one_and_follow_user_and_instruction() {
    let model = model(&shard(), &Device::default());
    let vectors = model
        .embed(&profiles(&model, &shard()), &instructions())
        .unwrap();
    for vectors in &vectors {
        for user in 0..vectors.rows {
            let norm: f32 = vectors.row(user).iter().map(|x| x * x).sum();
            assert!((norm - 1.0).abs() < 1e-4, "{norm}");
        }
    }
    assert_ne!(vectors[0].row(5), vectors[1].row(5));
    assert_ne!(vectors[0].row(5), vectors[0].row(4));
}

#[test]
fn a_permutation_of_users_permutes_the_vectors() {
    let model = model(&shard(), &Device::default());
    let mut profiles = profiles(&model, &shard());
    let before = model.embed(&profiles, &instructions()).unwrap();
    profiles.reverse();
    let after = model.embed(&profiles, &instructions()).unwrap();
    for (before, after) in before.iter().zip(&after) {
        for user in 0..before.rows {
            assert_near(before.row(user), after.row(before.rows - 1 - user), 1e-5);
        }
    }
}

#[test]
fn the_answer_does_not_influence_the_embedding_at_all() {
    let model = model(&shard(), &Device::default());
    let preprocessor = model.preprocessor();
    let vectors = |answer: &str| {
        let mut tokenizer = preprocessor.profile_tokenizer();
        let instruction = DataText::new("Will this user buy pets food?");
        // Both answers have as many tokens, so that the shapes are the same and
        // the comparison can be exact.
        let answer = DataText::new(answer);
        let length = preprocessor.segment(None, Some(&answer)).answer.len();
        let rows: Vec<Row> = profiles(&model, &shard())
            .iter()
            .zip(0..)
            .map(|(profile, key)| {
                let segment = segment(preprocessor, profile, Some(&instruction), Some(&answer));
                preprocessor.row(&mut tokenizer, profile, key, vec![segment; 2])
            })
            .collect();
        let batch = Batch::collate(preprocessor.layout(), &rows);
        let output = model.forward(&batch);
        let logits = output
            .logits
            .unwrap()
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        (
            output.users.into_data().try_to_vec::<f32>().unwrap(),
            logits,
            length,
        )
    };
    let (yes, yes_logits, yes_length) = vectors("\u{1}\u{2}\u{3}");
    let (no, no_logits, no_length) = vectors("\u{4}\u{5}\u{6}");
    assert_eq!(yes_length, no_length);
    assert_eq!(yes, no);
    assert_ne!(
        yes_logits, no_logits,
        "the answer does reach its own logits"
    );
}

#[test]
fn a_saved_model_gives_the_same_vectors_bit_for_bit() {
    let device = Device::default();
    let model = model(&shard(), &device);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    model.save(&path).unwrap();
    // Saving over a model replaces it.
    model.save(&path).unwrap();
    common::assert_ordinary(&path);
    let loaded = InstructUe::load(&path, &device).unwrap();
    let profiles = profiles(&model, &shard());
    let (a, b) = (
        model.embed(&profiles, &instructions()).unwrap(),
        loaded.embed(&profiles, &instructions()).unwrap(),
    );
    assert_eq!(a, b);
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "nothing else is left"
    );
}

#[test]
fn texts_share_the_space_and_padding_changes_nothing() {
    let model = model(&shard(), &Device::default());
    let texts = ["Yes, this user will.", "No.", "books"].map(DataText::new);
    let all = model.embed_texts(&texts).unwrap();
    for (index, text) in texts.iter().enumerate() {
        let one = model.embed_texts(std::slice::from_ref(text)).unwrap();
        assert_near(all.row(index), &one.values, 1e-5);
    }
}

#[test]
fn an_empty_instruction_or_text_is_refused() {
    let model = model(&shard(), &Device::default());
    let profiles = profiles(&model, &shard());
    let error = model
        .embed(&profiles, &[Some(DataText::new(""))])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("instruction") && error.contains("empty"),
        "{error}"
    );
    assert!(model.embed_texts(&[DataText::new("")]).is_err());
}

#[test]
fn a_megabyte_of_instruction_is_cut_and_answered() {
    let model = model(&shard(), &Device::default());
    let profiles = profiles(&model, &shard());
    let long = DataText::new("a".repeat(1_000_000));
    let vectors = model.embed(&profiles[..1], &[Some(long)]).unwrap();
    assert_eq!(vectors[0].rows, 1);
}

#[test]
fn behind_the_bottleneck_an_answer_sees_the_user_slot_and_itself_only() {
    let model = model(&shard(), &Device::default());
    let preprocessor = model.preprocessor();
    let mut tokenizer = preprocessor.profile_tokenizer();
    let instruction = DataText::new("Will this user buy pets food?");
    let answer = DataText::new("Yes, this user will.");
    let rows: Vec<Row> = profiles(&model, &shard())
        .iter()
        .zip(0..)
        .map(|(profile, key)| {
            let segment = segment(preprocessor, profile, Some(&instruction), Some(&answer));
            preprocessor.row(&mut tokenizer, profile, key, vec![segment; 2])
        })
        .collect();
    let open = Batch::collate(preprocessor.layout(), &rows);
    let closed = Batch::collate(&preprocessor.layout().clone().with_bottleneck(true), &rows);
    let read = preprocessor.segment(None, Some(&answer)).answer.len() - 1;
    for user in &closed.users {
        for query in 0..=user.slot + read {
            for key in 0..=query {
                let inside = key >= user.slot;
                let is_answer = query > user.slot;
                if is_answer && !inside {
                    assert!(!closed.may_attend(user.row, query, key));
                } else if query >= user.slot {
                    let expected = open.may_attend(user.row, query, key);
                    assert_eq!(closed.may_attend(user.row, query, key), expected);
                }
            }
        }
        assert!(
            closed.may_attend(user.row, user.slot, 0),
            "the user slot sees the profile"
        );
        assert!(
            open.may_attend(user.row, user.slot + 1, 0),
            "and without it the answer does"
        );
    }
}

#[test]
fn numbers_come_to_the_user_slot_where_there_are_any() {
    let device = Device::default();
    let vectors = |preprocessor: Preprocessor, shard: &Shard, at_user: bool| {
        let mut config = config(&preprocessor);
        config.tabular_at_user = at_user;
        let model = InstructUe::new(config, preprocessor, 3, &device).unwrap();
        let profiles = profiles(&model, shard);
        model.embed(&profiles, &instructions()).unwrap()
    };
    let with = shard();
    let [on, off] = [true, false].map(|at_user| vectors(preprocessor(&with), &with, at_user));
    assert_ne!(on, off);
    let (without, schema) = without_tabular(&with);
    let [on, off] =
        [true, false].map(|at_user| vectors(preprocessor_of(&without, &schema), &without, at_user));
    assert_eq!(on, off);
}

#[test]
fn without_event_features_only_texts_and_their_order_count() {
    let device = Device::default();
    let (shard, schema) = without_tabular(&shard());
    for event_features in [true, false] {
        let preprocessor = preprocessor_of(&shard, &schema);
        let mut config = config(&preprocessor);
        config.event_features = event_features;
        config.lexical_matches = false; // how lately an event was named is of its time
        let model = InstructUe::new(config, preprocessor, 3, &device).unwrap();
        let builder = model.preprocessor().profiles();
        // An hour later all events are a little older; no window ends in between.
        let [now, later] = [0, 3_600].map(|seconds| {
            let reference = Timestamp(REFERENCE.0 + seconds);
            let users = shard.histories();
            let profiles: Vec<_> = users.map(|h| builder.build(&h, reference)).collect();
            model.embed(&profiles, &instructions()).unwrap()
        });
        assert_eq!(now != later, event_features);
    }
}

#[test]
fn passes_at_a_time_give_the_same_vectors() {
    let device = Device::default();
    let shard = shard();
    let one = model(&shard, &device);
    let profiles: Vec<_> = profiles(&one, &shard)
        .into_iter()
        .cycle()
        .take(600)
        .collect();
    let expected = one.embed(&profiles, &instructions()).unwrap();
    let found = one
        .with_replicas(2)
        .embed(&profiles, &instructions())
        .unwrap();
    for (expected, found) in expected.iter().zip(&found) {
        assert_near(&expected.values, &found.values, 1e-5);
    }
}

#[test]
fn numbers_beside_the_state_are_kept_with_the_model() {
    let device = Device::default();
    let shard = shard();
    let fitted = preprocessor(&shard);
    let histories = || shard.histories().map(|history| (history, REFERENCE));
    let components =
        Preprocessor::fit_pca_components(fitted.profiles(), fitted.normalisers(), histories(), 2);
    let components = components.unwrap().expect("users differ in their numbers");
    let plain = InstructUe::new(config(&fitted), fitted.clone(), 3, &device).unwrap();
    let with = fitted.clone().with_pca_components(Some(components));
    let model = InstructUe::new(config(&with), with, 3, &device).unwrap();
    let dir = tempfile::tempdir().unwrap();
    model.save(dir.path()).unwrap();
    let loaded = InstructUe::load(dir.path(), &device).unwrap();
    assert_eq!(loaded.digest().unwrap(), model.digest().unwrap());
    assert_ne!(model.digest().unwrap(), plain.digest().unwrap());
    let profiles = profiles(&model, &shard);
    let asked = [Some(DataText::new("Does this user buy books?")), None];
    let found = loaded.embed_both(&profiles, &asked).unwrap();
    assert_eq!(found[0].pca, found[1].pca, "whatever is asked");
    let numbers = &found[0].pca;
    assert_eq!(numbers.columns, 2);
    assert!(numbers.values.iter().all(|value| value.is_finite()));
    assert_ne!(numbers.row(0), numbers.row(1));
    assert_eq!(plain.preprocessor().pca_width(), 0);
    // What is compared with texts does not have them.
    let vectors = |model: &InstructUe| model.embed(&profiles, &instructions()).unwrap();
    assert_eq!(vectors(&model), vectors(&plain));
}

#[test]
fn what_an_instruction_names_reaches_the_vector_and_not_the_one_without() {
    let (device, shard) = (Device::default(), shard());
    let vectors = |lexical_matches: bool| {
        let preprocessor = preprocessor(&shard);
        let mut config = config(&preprocessor);
        config.lexical_matches = lexical_matches;
        let model = InstructUe::new(config, preprocessor, 3, &device).unwrap();
        let asked = [Some(DataText::new("Does this user buy books?")), None];
        model.embed(&profiles(&model, &shard), &asked).unwrap()
    };
    let (with, without) = (vectors(true), vectors(false));
    assert_eq!(with[1], without[1]);
    assert_ne!(with[0].row(4), without[0].row(4));
}

#[test]
fn lexical_matches_want_their_weights() {
    let fitted = preprocessor(&shard()).with_lexical_matches(None);
    let error = InstructUe::new(config(&fitted), fitted, 3, &Device::default()).unwrap_err();
    assert!(error.to_string().contains("lexical_matches"), "{error}");
}
