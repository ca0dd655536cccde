//! Which sources a vector depends on, held to differences of the vector itself.

use crate::common;
use burn::tensor::{Device, Tensor, TensorData};
use instructue_features::{Batch, Profile, Row};
use instructue_model::InstructUe;
use instructue_schema::DataText;

const QUESTION: &str = "Will this user buy pets food?";
const HIDDEN: usize = 32;

fn direction() -> Vec<f32> {
    (0..HIDDEN)
        .map(|at| ((at * 7 % 11) as f32 - 5.0) / 4.0)
        .collect()
}

/// `direction · state` with `by` added to one number of one vector of a source.
fn moved(
    model: &InstructUe,
    profile: &Profile,
    (source, row, column): (usize, usize, usize),
    by: f32,
) -> f64 {
    let preprocessor = model.preprocessor();
    let question = DataText::new(QUESTION);
    let segments = vec![common::segment(
        preprocessor,
        profile,
        Some(&question),
        None,
    )];
    let rows = [Row {
        user_key: 0,
        profile: preprocessor.profile_tokenizer().tokenize(profile),
        segments,
    }];
    let input = model.upload(&Batch::collate(preprocessor.layout(), &rows));
    let output = model.network().forward_with(&input, &mut |of, vectors, _| {
        if of != source {
            return vectors;
        }
        let mut change = vec![0.0; vectors.dims()[0] * HIDDEN];
        change[row * HIDDEN + column] = by;
        let change = TensorData::new(change, vectors.dims());
        let change = Tensor::<2>::from_data(change, &vectors.device());
        vectors + change
    });
    let state: Vec<f32> = output.states.into_data().try_to_vec().unwrap();
    let products = state.iter().zip(direction());
    products.map(|(a, b)| f64::from(a * b)).sum()
}

#[test]
fn gradients_are_the_slopes_of_the_vector() {
    let shard = common::shard();
    let model = common::model(&shard, &Device::default());
    let profiles = common::profiles(&model, &shard);
    let question = DataText::new(QUESTION);
    let found = model
        .source_gradients(&profiles, Some(&question), &direction())
        .unwrap();
    assert_eq!(found.len(), profiles.len());
    let of_events = model
        .event_gradients(&profiles, Some(&question), &direction())
        .unwrap();
    // User 2 has six payments, two searches and a row of numbers.
    for (source, rows) in [(0, 6), (1, 2), (2, 1)] {
        let mut sum = 0.0;
        assert_eq!(of_events[2][source].len(), rows);
        for (row, &exact) in of_events[2][source].iter().enumerate() {
            let slope = |column: usize| {
                let place = (source, row, column);
                let [up, down] = [1e-2, -1e-2].map(|by| moved(&model, &profiles[2], place, by));
                (up - down) / 2e-2
            };
            let squares = (0..HIDDEN).map(|column| slope(column).powi(2));
            let norm = squares.sum::<f64>().sqrt();
            assert!(
                (exact - norm).abs() < 0.01 * exact,
                "{source}, event {row}: {exact} {norm}"
            );
            sum += norm;
        }
        let exact = found[2][source];
        assert!(exact > 0.0, "{source}");
        assert!(
            (exact - sum).abs() < 0.01 * exact,
            "{source}: {exact} {sum}"
        );
    }
    // Others are of no account to a user, and what is not there has no gradient.
    let alone = model
        .source_gradients(&profiles[2..3], Some(&question), &direction())
        .unwrap();
    for (alone, together) in alone[0].iter().zip(&found[2]) {
        assert!(
            (alone - together).abs() < 1e-4 * together,
            "{alone} {together}"
        );
    }
    assert_eq!(found[3][1], 0.0, "user 3 has no searches");
    assert_eq!(found[0][0], 0.0, "user 0 has no payments");
}

#[test]
fn what_does_not_fit_is_refused() {
    let shard = common::shard();
    let model = common::model(&shard, &Device::default());
    let profiles = common::profiles(&model, &shard);
    let error = model
        .source_gradients(&profiles, None, &[1.0; 3])
        .unwrap_err();
    assert!(error.to_string().contains("32 numbers"), "{error}");
    let empty = DataText::new("");
    let refused = model.source_gradients(&profiles, Some(&empty), &direction());
    assert!(refused.is_err());
    assert!(
        model
            .source_gradients(&[], None, &direction())
            .unwrap()
            .is_empty()
    );
}
