//! LoRA into the weights and out again, for any sizes and settings.

use burn::module::Param;
use burn::nn::LinearConfig;
use burn::tensor::{Device, Distribution, Tensor};
use instructue_nn::Error;
use instructue_nn::lora::{LoraConfig, LoraLinear};
use proptest::prelude::*;

fn normal<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

/// The largest absolute difference; NaN counts as infinite.
fn distance<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
    let d: f32 = (a - b).abs().max().into_scalar();
    if d.is_nan() { f32::INFINITY } else { d }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn merged_is_the_same_map_and_unmerged_the_same_weight(
        input in 1usize..40,
        output in 1usize..40,
        rank in 1usize..20,
        alpha in -4.0..4.0f64,
        bias: bool,
        autodiff: bool,
        seed: u64,
    ) {
        let device = Device::default();
        let device = if autodiff { device.autodiff() } else { device };
        device.seed(seed);
        let base = LinearConfig::new(input, output).with_bias(bias).init(&device);
        let lora = LoraConfig::new().with_rank(rank).with_alpha(alpha).with_dropout(0.0);
        let mut layer = LoraLinear::new(base, Some(&lora), &device);
        let factors = layer.lora.as_mut().unwrap();
        factors.b = Param::from_tensor(normal([rank, output], &device) / (rank as f64).sqrt());
        let x = normal([5, input], &device) / (input as f64).sqrt();

        let expected = layer.forward(x.clone());
        let merged = layer.clone().merge().unwrap();
        prop_assert!(distance(merged.forward(x.clone()), expected.clone()) <= 1e-5);
        let stated = matches!(
            merged.clone().merge(),
            Err(Error::Merge { expected: "unmerged", found: "merged" })
        );
        prop_assert!(stated);

        let back = merged.unmerge().unwrap();
        let d = distance(back.linear.weight.val(), layer.linear.weight.val());
        prop_assert!(d <= 1e-6, "the weight is off by {d}");
        prop_assert!(distance(back.forward(x), expected) <= 1e-5);
        let stated = matches!(
            back.unmerge(),
            Err(Error::Merge { expected: "merged", found: "unmerged" })
        );
        prop_assert!(stated);
    }
}

#[test]
fn a_map_without_factors_has_nothing_to_merge() {
    let device = Device::default();
    let base = LinearConfig::new(3, 2).init(&device);
    let layer = LoraLinear::new(base, None, &device);
    for result in [layer.clone().merge(), layer.unmerge()] {
        let message = result.unwrap_err().to_string();
        assert!(message.contains("found none"), "{message}");
    }
}

#[test]
fn merged_factors_get_no_gradient_and_unmerged_ones_do() {
    let device = Device::default().autodiff();
    let base = LinearConfig::new(4, 3).init(&device);
    let layer = LoraLinear::new(base, Some(&LoraConfig::new().with_rank(2)), &device);
    let x = normal([2, 4], &device).require_grad();
    let merged = layer.merge().unwrap();
    let gradients = merged.forward(x.clone()).sum().backward();
    let factors = merged.lora.as_ref().unwrap();
    assert!(factors.b.val().grad(&gradients).is_none());
    assert!(merged.linear.weight.val().grad(&gradients).is_none());
    assert!(x.grad(&gradients).is_some());

    let back = merged.unmerge().unwrap();
    let gradients = back.forward(x).sum().backward();
    let factors = back.lora.as_ref().unwrap();
    assert!(factors.b.val().grad(&gradients).is_some());
    assert!(back.linear.weight.val().grad(&gradients).is_none());
}

#[test]
fn dropout_acts_where_the_map_that_prepared_the_input_has_no_factors() {
    let device = Device::default().autodiff();
    let linear = || LinearConfig::new(8, 8).init(&device);
    let first = LoraLinear::new(linear(), None, &device);
    let lora = LoraConfig::new().with_rank(4).with_dropout(0.5);
    let mut second = LoraLinear::new(linear(), Some(&lora), &device);
    second.lora.as_mut().unwrap().b = Param::from_tensor(normal([4, 8], &device));
    let input = first.input(normal([6, 8], &device));
    let run = || second.forward_shared(&input);
    assert!(distance(run(), run()) > 1e-3);
}
