//! Adapters: dimensions, no events, gradients, bad configurations.

use burn::prelude::*;
use burn::tensor::Distribution;
use instructue_adapter::{AdapterConfig, AdapterKind, Projection};

use crate::common::distance;

fn random(rows: usize, width: usize, device: &Device) -> Tensor<2> {
    Tensor::random([rows, width], Distribution::Normal(0.0, 1.0), device)
}

#[test]
fn each_event_is_mapped_on_its_own() {
    let device = Device::default();
    for kind in [AdapterKind::Linear, AdapterKind::Mlp] {
        let config = AdapterConfig::new(6, 2, 10).with_kind(kind);
        let adapter = config.init(&device).unwrap();
        let (x, f) = (random(5, 6, &device), random(5, 2, &device));
        let all = adapter.forward(x.clone(), Some(f.clone()));
        assert_eq!(all.dims(), [5, adapter.output()]);
        let one = adapter.forward(x.narrow(0, 3, 1), Some(f.narrow(0, 3, 1)));
        assert!(distance(all.narrow(0, 3, 1), one) <= 1e-6);
    }
}

#[test]
fn features_are_added() {
    let device = Device::default();
    let config = AdapterConfig::new(6, 2, 10);
    let adapter = config.init(&device).unwrap();
    let (x, f) = (random(3, 6, &device), random(3, 2, &device));
    let zero = adapter.forward(x.clone(), Some(f.zeros_like()));
    let with = adapter.forward(x, Some(f.clone()));
    let map = adapter.features.as_ref().unwrap();
    assert!(distance(with.clone() - zero.clone(), map.forward(f)) <= 1e-5);
    assert!(distance(with, zero) > 1e-3);
}

#[test]
fn no_events_give_no_tokens() {
    for device in [Device::default(), Device::default().autodiff()] {
        for kind in [AdapterKind::Linear, AdapterKind::Mlp] {
            let config = AdapterConfig::new(6, 2, 10).with_kind(kind);
            let adapter = config.init(&device).unwrap();
            let vectors = Tensor::zeros([0, 6], &device);
            let features = Tensor::zeros([0, 2], &device);
            let tokens = adapter.forward(vectors, Some(features));
            assert_eq!(tokens.dims(), [0, 10]);
            // These tokens can be joined with the tokens of another source.
            let joined = Tensor::cat(vec![tokens, random(4, 10, &device)], 0);
            assert_eq!(joined.dims(), [4, 10]);
        }
    }
}

#[test]
fn every_weight_gets_a_gradient() {
    let device = Device::default().autodiff();
    let adapter = AdapterConfig::new(6, 2, 10).init(&device).unwrap();
    let loss = adapter
        .forward(random(4, 6, &device), Some(random(4, 2, &device)))
        .powi_scalar(2)
        .sum();
    let grads = loss.backward();
    let Projection::Mlp(mlp) = &adapter.projection else {
        panic!("the default is an MLP");
    };
    let features = &adapter.features.as_ref().unwrap().weight;
    for weight in [&mlp.up.weight, &mlp.down.weight, features] {
        let grad = weight.grad(&grads).unwrap();
        assert!(grad.abs().max().into_scalar::<f32>() > 0.0);
    }
}

#[test]
fn zero_widths_are_named() {
    let device = Device::default();
    let cases = [
        (AdapterConfig::new(0, 2, 10), "AdapterConfig: `input`"),
        (AdapterConfig::new(6, 2, 0), "AdapterConfig: `output`"),
        (
            AdapterConfig::new(6, 2, 10).with_hidden(Some(0)),
            "AdapterConfig: `hidden`",
        ),
    ];
    for (config, expected) in cases {
        let error = config.init(&device).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
