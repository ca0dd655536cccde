//! Rows for tokens that a checkpoint does not have.

use crate::common::{CASES, distance, ids, load, normal, values};
use burn::tensor::{Device, Tensor};
use instructue_backbone::{AttentionBias, Decoder, DecoderInput, LoraConfig};

/// The logits of three known tokens.
fn logits(decoder: &Decoder) -> Tensor<2> {
    let device = Device::default();
    let inputs = decoder.embed(ids(&[&[3, 1, 7]], &device));
    let positions = ids(&[&[0, 1, 2]], &device);
    let causal = vec![true, false, false, true, true, false, true, true, true];
    let bias = AttentionBias::from_host(causal, [1, 3, 3], &device).unwrap();
    let states = decoder.forward(DecoderInput {
        inputs,
        positions,
        bias,
    });
    decoder.logits(states.reshape([3, decoder.hidden_size()]))
}

#[test]
fn free_rows_are_taken_first_and_the_table_grows_by_what_is_missing() {
    let device = Device::default();
    for case in CASES {
        let before = load(case, None, &device);
        let [vocabulary, hidden] = before.embed_tokens.weight.dims();
        let old = values(before.embed_tokens.weight.val());
        let known = logits(&before);
        // Tokens that the tokenizer gives, then those that are added.
        for (used, count) in [
            (vocabulary - 4, 3),
            (vocabulary - 4, 4),
            (vocabulary - 4, 9),
        ] {
            let rows = normal([count, hidden], &device);
            let (after, new) = before.clone().with_special_rows(used, rows.clone());
            assert_eq!(new, used..used + count, "{case}");
            let size = vocabulary.max(used + count);
            assert_eq!(after.config().vocab_size, size, "{case}");
            assert_eq!(after.embed_tokens.weight.dims(), [size, hidden], "{case}");
            let table = values(after.embed_tokens.weight.val());
            assert_eq!(table[..used * hidden], old[..used * hidden], "{case}");
            let end = used + count;
            assert_eq!(table[used * hidden..end * hidden], values(rows), "{case}");
            if end < vocabulary {
                assert_eq!(table[end * hidden..], old[end * hidden..], "{case}");
            }
            // A tied output matrix stays tied, one of its own keeps its columns.
            assert_eq!(after.lm_head.is_some(), before.lm_head.is_some(), "{case}");
            let now = logits(&after);
            assert_eq!(now.dims(), [3, size], "{case}");
            let old_ids = |x: Tensor<2>| values(x.narrow(1, 0, used));
            assert!(
                distance(&old_ids(now), &old_ids(known.clone())) < 1e-6,
                "{case}"
            );
        }
    }
}

#[test]
fn what_was_frozen_stays_frozen() {
    let device = Device::default().autodiff();
    let lora = LoraConfig::new().with_rank(2);
    for (lora, trainable) in [(Some(&lora), false), (None, true)] {
        let decoder = load("qwen2_untied", lora, &device);
        let [vocabulary, hidden] = decoder.embed_tokens.weight.dims();
        let rows = normal([5, hidden], &device);
        let (decoder, _) = decoder.with_special_rows(vocabulary, rows);
        assert_eq!(
            decoder.embed_tokens.weight.val().is_require_grad(),
            trainable
        );
        let head = decoder.lm_head.expect("a head of its own");
        assert_eq!(head.weight.val().is_require_grad(), trainable);
    }
}

#[test]
fn ids_beyond_the_table_get_rows_of_zeros() {
    let device = Device::default();
    let before = load("qwen2_untied", None, &device);
    let [vocabulary, hidden] = before.embed_tokens.weight.dims();
    let old = values(before.embed_tokens.weight.val());
    let rows = normal([2, hidden], &device);
    let (after, new) = before.with_special_rows(vocabulary + 3, rows.clone());
    assert_eq!(new, vocabulary + 3..vocabulary + 5);
    assert_eq!(after.embed_tokens.weight.dims(), [vocabulary + 5, hidden]);
    let head = after.lm_head.as_ref().expect("a head of its own");
    assert_eq!(head.weight.dims(), [hidden, vocabulary + 5]);
    let table = values(after.embed_tokens.weight.val());
    let (table, beyond) = table.split_at(vocabulary * hidden);
    assert_eq!(table, old);
    assert!(beyond[..3 * hidden].iter().all(|value| *value == 0.0));
    assert_eq!(beyond[3 * hidden..], values(rows));
}
