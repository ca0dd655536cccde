//! In a binary of its own: the generator behind a device is shared by all
//! threads of a process.

#[path = "it/common/mod.rs"]
mod common;

use burn::tensor::Device;
use common::small;
use instructue_backbone::LoraConfig;

#[test]
fn a_seed_decides_the_fresh_weights() {
    let device = Device::default();
    let draw = |seed| {
        device.seed(seed);
        small().init(Some(&LoraConfig::new()), &device).unwrap()
    };
    let bytes = |seed| {
        let decoder = draw(seed);
        let tensors = [decoder.save_tensors(), decoder.lora_tensors()].concat();
        tensors
            .into_iter()
            .map(|(name, data)| (name, data.as_bytes().to_vec()))
            .collect::<Vec<_>>()
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}
