//! Real encoders behind a cache.

use std::fs;

use burn::backend::DispatchDevice;
use burn::prelude::*;
use instructue_encoders::cache::{CacheConfig, CacheSpace, Digest, VectorCache};
use instructue_encoders::{LoraConfig, Pooling, TextEncoder};

use crate::cache::in_dir;
use crate::common::{distance, golden, tiny};

fn encoder(lora: Option<&LoraConfig>, device: &Device) -> TextEncoder {
    let dir = golden().join("bert");
    tiny()
        .load_weights(dir, Pooling::Mean, lora, device)
        .unwrap()
}

#[test]
fn an_encoder_behind_a_cache_gives_its_own_vectors() {
    let dir = tempfile::tempdir().unwrap();
    let texts: Vec<Vec<u32>> = (0..60u32)
        .map(|i| (0..1 + i % 9).map(|j| 1 + (i % 20 + 3 * j) % 63).collect())
        .chain([vec![]])
        .collect();
    for device in [Device::default(), Device::default().autodiff()] {
        let encoder = encoder(None, &device);
        let space = CacheSpace::of(&encoder, Digest::of("any"));
        let expected = encoder.forward(encoder.batch(&texts, &device).unwrap());
        let mut found = Vec::new();
        for _ in 0..2 {
            let cache = VectorCache::open(&in_dir(dir.path()), space).unwrap();
            let vectors = encoder.forward_cached(&texts, &cache, &device).unwrap();
            assert!(distance(vectors.clone(), expected.clone()) <= 1e-5);
            found.push(vectors.into_data());
            drop(cache);
        }
        assert_eq!(found[0], found[1]);
        let cache = VectorCache::open(&in_dir(dir.path()), space).unwrap();
        encoder.forward_cached(&texts, &cache, &device).unwrap();
        assert_eq!(cache.metrics().misses, 0);

        let bad = [vec![1], vec![2; 3], vec![64]];
        let error = encoder.forward_cached(&bad, &cache, &device).unwrap_err();
        assert_eq!(
            error.to_string(),
            "text 2, token 0: id 64 is outside the vocabulary of 64"
        );
        let narrow = CacheSpace { width: 5, ..space };
        let cache = VectorCache::open(&CacheConfig::default(), narrow).unwrap();
        let error = encoder.forward_cached(&texts, &cache, &device).unwrap_err();
        assert!(error.to_string().contains("width 32, found 5"), "{error}");
    }
}

#[test]
fn a_vector_does_not_depend_on_the_texts_beside_it() {
    let device = Device::default();
    // On the CPU bit for bit.
    let cpu = matches!(device.as_dispatch(), DispatchDevice::Flex(_));
    let bound = if cpu { 0.0 } else { 1e-5 };
    for (width, layers, pooling) in [(96, 1, Pooling::Mean), (384, 2, Pooling::Cls)] {
        let config = instructue_encoders::BertConfig {
            hidden_size: width,
            num_hidden_layers: layers,
            num_attention_heads: 4,
            intermediate_size: 2 * width,
            max_position_embeddings: 50,
            vocab_size: 900,
            ..tiny()
        };
        let encoder = config.init(pooling, None, &device).unwrap();
        let texts: Vec<Vec<u32>> = (0..120u32)
            .map(|i| {
                (0..1 + i * 7 % 50)
                    .map(|j| (i * 31 + j * j) % 900)
                    .collect()
            })
            .collect();
        let open = || {
            let space = CacheSpace::of(&encoder, Digest::of("any"));
            VectorCache::open(&CacheConfig::default(), space).unwrap()
        };
        let all = encoder.forward_cached(&texts, &open(), &device).unwrap();
        for size in [1, 2, 7, 40] {
            let cache = open();
            for (at, part) in texts.chunks(size).enumerate() {
                let found = encoder.forward_cached(part, &cache, &device).unwrap();
                let expected = all.clone().narrow(0, at * size, part.len());
                let worst = distance(found, expected);
                assert!(worst <= bound, "{size} at a time: {worst}");
            }
        }
    }
}

#[test]
fn the_digest_tells_encoders_apart() {
    let device = Device::default();
    let plain = encoder(None, &device);
    assert_eq!(plain.digest(), encoder(None, &device).digest());
    let other = |change: &dyn Fn(&mut instructue_encoders::BertConfig), pooling| {
        let mut config = tiny();
        change(&mut config);
        let dir = golden().join("bert");
        config.load_weights(dir, pooling, None, &device).unwrap()
    };
    let adapted = plain.clone().load_adapter(golden().join("peft/bert"));
    let adapted = adapted.unwrap();
    let rescaled = {
        let dir = tempfile::tempdir().unwrap();
        for name in ["adapter_config.json", "adapter_model.safetensors"] {
            let from = golden().join("peft/bert").join(name);
            let text = fs::read(from).unwrap();
            fs::write(dir.path().join(name), text).unwrap();
        }
        let path = dir.path().join("adapter_config.json");
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("\"lora_alpha\": 8", "\"lora_alpha\": 9");
        fs::write(&path, text).unwrap();
        plain.clone().load_adapter(dir.path()).unwrap()
    };
    let merged = adapted.clone().merge().unwrap();
    let digests = [
        plain.digest(),
        other(&|_| (), Pooling::Cls).digest(),
        other(&|config| config.num_attention_heads = 2, Pooling::Mean).digest(),
        other(&|config| config.layer_norm_eps = 1e-6, Pooling::Mean).digest(),
        tiny().init(Pooling::Mean, None, &device).unwrap().digest(),
        adapted.digest(),
        rescaled.digest(),
        merged.digest(),
        plain.clone().with_normalized(true).digest(),
    ];
    for (i, a) in digests.iter().enumerate() {
        for b in &digests[i + 1..] {
            assert_ne!(a, b, "encoder {i} and another");
        }
    }
}
