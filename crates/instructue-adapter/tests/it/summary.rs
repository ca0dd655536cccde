//! Summary tokens: means, sources without events, order, gradients, bad calls.

use burn::prelude::*;
use burn::tensor::Distribution;
use instructue_adapter::{SourceTokens, Summary, SummaryConfig};

const WIDTH: usize = 8;

fn summary(device: &Device) -> Summary {
    SummaryConfig::new(WIDTH, 3).init(device).unwrap()
}

/// The values are so small that the layer norm's epsilon matters. Otherwise a sum would give the
/// same result as a mean.
fn random(rows: usize, device: &Device) -> Tensor<2> {
    Tensor::random([rows, WIDTH], Distribution::Normal(0.0, 3e-3), device)
}

fn values(tensor: Tensor<2>) -> Vec<Vec<f32>> {
    let width = tensor.dims()[1];
    let flat: Vec<f32> = tensor.into_data().try_into_vec().unwrap();
    flat.chunks(width).map(<[f32]>::to_vec).collect()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5)
}

/// The mean of some rows, as one row.
fn mean(events: &Tensor<2>, rows: &[i32]) -> Tensor<2> {
    let index = Tensor::from_data(
        TensorData::new(rows.to_vec(), [rows.len()]),
        &events.device(),
    );
    events.clone().select(0, index).mean_dim(0)
}

#[test]
fn a_source_token_is_the_mean_of_its_events_through_the_modal_adapter() {
    let device = Device::default();
    let summary = summary(&device);
    let events = random(5, &device);
    let found = summary
        .source_tokens(1, events.clone(), &[2, 0, 2, 2, 0], 4)
        .unwrap();
    assert_eq!(found.present, [true, false, true, false]);
    let found = values(found.tokens);
    // A single event with that mean gives the same token.
    for (row, members) in [(0, vec![1, 4]), (2, vec![0, 2, 3])] {
        let one = summary.source_tokens(1, mean(&events, &members), &[0], 1);
        assert!(close(&found[row], &values(one.unwrap().tokens)[0]));
    }
    let empty = values(summary.empty_token(1).unwrap()).remove(0);
    assert_eq!(found[1], empty);
    assert_eq!(found[3], empty);
}

#[test]
fn the_modal_adapter_is_shared_and_the_empty_tokens_are_not() {
    let device = Device::default();
    let summary = summary(&device);
    let events = random(2, &device);
    let of = |source| {
        summary
            .source_tokens(source, events.clone(), &[0, 1], 3)
            .unwrap()
    };
    let (a, b) = (values(of(0).tokens), values(of(2).tokens));
    assert_eq!(a[..2], b[..2]);
    assert_ne!(a[2], b[2]);
}

#[test]
fn a_source_absent_from_the_whole_batch_is_its_empty_token_exactly() {
    for device in [Device::default(), Device::default().autodiff()] {
        let summary = summary(&device);
        let none = Tensor::zeros([0, WIDTH], &device);
        let found = summary.source_tokens(2, none, &[], 3).unwrap();
        assert_eq!(found.present, [false; 3]);
        let empty = values(summary.empty_token(2).unwrap()).remove(0);
        assert_eq!(values(found.tokens), vec![empty; 3]);
    }
}

#[test]
fn order_of_events_and_other_rows_change_nothing() {
    let device = Device::default();
    let summary = summary(&device);
    let events = random(4, &device);
    let all = summary
        .source_tokens(0, events.clone(), &[0, 0, 1, 0], 2)
        .unwrap();
    let order = Tensor::from_data(TensorData::from([3, 1, 0]), &device);
    let alone = summary
        .source_tokens(0, events.select(0, order), &[0, 0, 0], 1)
        .unwrap();
    assert!(close(&values(all.tokens)[0], &values(alone.tokens)[0]));
}

#[test]
fn absent_sources_do_not_count_into_the_user() {
    let device = Device::default();
    let summary = summary(&device);
    let rows = |tokens: Tensor<2>, present: [bool; 3]| SourceTokens {
        tokens,
        present: present.to_vec(),
    };
    let a = rows(random(3, &device), [true, true, false]);
    let b = rows(random(3, &device), [false, true, false]);
    let found = values(summary.user_tokens(&[a.clone(), b.clone()]).unwrap());

    // Row 0 has source a alone, so source b's token there does not matter.
    let only = summary
        .user_tokens(&[rows(a.tokens.clone(), [true; 3])])
        .unwrap();
    assert!(close(&found[0], &values(only)[0]));
    let both = (a.tokens + b.tokens).div_scalar(2.0);
    let both = summary.user_tokens(&[rows(both, [true; 3])]).unwrap();
    assert!(close(&found[1], &values(both)[1]));

    // Row 2 has no source, so it has the same learned token as any other such row.
    let none = summary
        .user_tokens(&[rows(random(3, &device), [false; 3])])
        .unwrap();
    let none = values(none);
    assert_eq!(found[2], none[0]);
    assert_eq!(none[0], none[2]);
    assert!(none[0].iter().any(|x| *x != 0.0));
}

#[test]
fn gradients_are_those_of_the_mean() {
    let device = Device::default().autodiff();
    let summary = summary(&device);
    let events = random(3, &device).require_grad();
    let source = summary
        .source_tokens(0, events.clone(), &[0, 2, 0], 3)
        .unwrap();
    let other = summary
        .source_tokens(1, Tensor::zeros([0, WIDTH], &device), &[], 3)
        .unwrap();
    let weights = Tensor::<2>::from_data([[1.0], [10.0], [100.0]], &device);
    let user = summary.user_tokens(&[source.clone(), other]).unwrap();
    let loss = (source.tokens * weights).powi_scalar(2).sum() + user.powi_scalar(2).sum();
    let grads = loss.backward();
    let grad = values(events.grad(&grads).unwrap());
    assert!(close(&grad[0], &grad[2]), "two events of one mean");
    assert!(!close(&grad[0], &grad[1]));
    for row in &grad {
        assert!(row.iter().all(|x| x.is_finite()) && row.iter().any(|x| *x != 0.0));
    }
}

#[test]
fn an_empty_batch_has_no_rows() {
    let device = Device::default();
    let summary = summary(&device);
    let none = || Tensor::zeros([0, WIDTH], &device);
    let source = summary.source_tokens(0, none(), &[], 0).unwrap();
    assert_eq!(source.tokens.dims(), [0, WIDTH]);
    assert_eq!(summary.user_tokens(&[source]).unwrap().dims(), [0, WIDTH]);
}

#[test]
fn bad_calls_are_named() {
    let device = Device::default();
    let summary = summary(&device);
    let error = |source, events: Tensor<2>, rows: &[usize]| {
        summary
            .source_tokens(source, events, rows, 2)
            .unwrap_err()
            .to_string()
    };
    let two = random(2, &device);
    assert!(error(3, two.clone(), &[0, 1]).contains("source 3: this summary has 3 sources"));
    assert!(error(1, two.clone(), &[0, 2]).contains("source 1: event 1 belongs to row 2"));
    assert!(error(1, two, &[0]).contains("event tokens: expected [1, 8], found [2, 8]"));
    let narrow = Tensor::zeros([1, 5], &device);
    assert!(error(1, narrow, &[0]).contains("expected [1, 8], found [1, 5]"));

    let source = |rows| SourceTokens {
        tokens: random(rows, &device),
        present: vec![true; rows],
    };
    let error = |sources: &[SourceTokens]| summary.user_tokens(sources).unwrap_err().to_string();
    assert!(error(&[]).contains("summary sources: expected [3], found [0]"));
    assert!(error(&[source(2), source(1)]).contains("expected [2, 8], found [1, 8]"));
    let config = SummaryConfig::new(8, 0).init(&device);
    assert!(config.unwrap_err().to_string().contains("`sources`"));
}
