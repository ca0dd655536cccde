//! Answers over a cache are those that repeated full passes give.

use crate::common::{config, model, preprocessor, profiles, segment, shard};
use burn::tensor::Device;
use instructue_features::{Batch, Profile};
use instructue_model::{AnswerOptions, Decoding, InstructUe};
use instructue_schema::DataText;

fn question() -> DataText {
    DataText::new("Will this user buy pets food?")
}

fn nucleus(top_p: f64, temperature: f64, seed: u64) -> AnswerOptions {
    AnswerOptions {
        decoding: Decoding::Nucleus {
            top_p,
            temperature,
            seed,
        },
        ..AnswerOptions::default()
    }
}

fn ids(model: &InstructUe, profiles: &[Profile], options: AnswerOptions) -> Vec<u32> {
    let cache = model.profile_cache(profiles).unwrap();
    let answer = model.answer(&cache, 4, Some(&question()), options).unwrap();
    answer.collect()
}

/// The logits of the next token by a pass over profile, instruction and all of `answer`.
fn next_logits(
    model: &InstructUe,
    profile: &Profile,
    question: Option<&DataText>,
    answer: &[u32],
) -> Vec<f32> {
    let preprocessor = model.preprocessor();
    let tokenizer = preprocessor.tokenizer();
    let mut segment = segment(preprocessor, profile, question, None);
    segment.answer = answer.to_vec();
    segment.answer.push(tokenizer.end_id());
    let mut profiles = preprocessor.profile_tokenizer();
    let row = preprocessor.row(&mut profiles, profile, 0, vec![segment]);
    let output = model.forward(&Batch::collate(preprocessor.layout(), &[row]));
    let logits = output.logits.unwrap();
    let [targets, vocabulary] = logits.dims();
    assert_eq!(targets, answer.len() + 1);
    let last = logits.narrow(0, targets - 1, 1).into_data();
    assert!(vocabulary >= tokenizer.vocab_size());
    last.try_to_vec().unwrap()
}

/// The likeliest token of these that an answer may hold.
fn next(model: &InstructUe, profile: &Profile, question: Option<&DataText>, answer: &[u32]) -> u32 {
    let last = next_logits(model, profile, question, answer);
    let tokenizer = model.preprocessor().tokenizer();
    let reserved = tokenizer.reserved_ids();
    let open =
        (0..last.len() as u32).filter(|id| *id == tokenizer.end_id() || !reserved.contains(id));
    open.max_by(|a, b| last[*a as usize].total_cmp(&last[*b as usize]))
        .unwrap()
}

#[test]
fn greedy_is_the_argmax_of_repeated_full_passes() {
    let (device, shard) = (Device::default(), shard());
    for bottleneck in [false, true] {
        for lookup in [false, true] {
            let preprocessor = preprocessor(&shard);
            let mut config = config(&preprocessor);
            config.answer_bottleneck = bottleneck;
            config.lookup = lookup;
            // Far from zero, so that what is read makes a difference.
            config.backbone.initializer_range = 0.3;
            let model = InstructUe::new(config, preprocessor, 3, &device).unwrap();
            let profiles = profiles(&model, &shard);
            let cache = model.profile_cache(&profiles).unwrap();
            let mut seen = Vec::new();
            for (user, profile) in profiles.iter().enumerate() {
                for question in [Some(question()), None] {
                    let options = AnswerOptions {
                        max_tokens: 10,
                        ..AnswerOptions::default()
                    };
                    let mut answer = model
                        .answer(&cache, user, question.as_ref(), options)
                        .unwrap();
                    let mut found = Vec::new();
                    for _ in 0..10 {
                        let expected = next(&model, profile, question.as_ref(), &found);
                        match answer.next() {
                            Some(id) => assert_eq!(id, expected, "user {user}, {found:?}"),
                            None => {
                                assert!(answer.ended());
                                assert_eq!(expected, model.preprocessor().tokenizer().end_id());
                                break;
                            }
                        }
                        found.push(expected);
                    }
                    assert_eq!(answer.next(), None);
                    assert_eq!(answer.ids(), found);
                    seen.push(found);
                }
            }
            seen.sort();
            seen.dedup();
            assert!(
                seen.len() > 3,
                "answers hardly depend on anything: {seen:?}"
            );
        }
    }
}

#[test]
fn a_nucleus_of_nothing_is_greedy() {
    let model = model(&shard(), &Device::default());
    let profiles = profiles(&model, &shard());
    let greedy = ids(&model, &profiles, AnswerOptions::default());
    for top_p in [0.0, 1e-9] {
        assert_eq!(ids(&model, &profiles, nucleus(top_p, 1.0, 5)), greedy);
    }
    assert_ne!(ids(&model, &profiles, nucleus(1.0, 1.0, 5)), greedy);
}

#[test]
fn the_same_seed_gives_the_same_text() {
    let model = model(&shard(), &Device::default());
    let cache = model.profile_cache(&profiles(&model, &shard())).unwrap();
    let text = |seed| -> String {
        let options = nucleus(0.95, 1.0, seed);
        let answer = model.answer(&cache, 4, Some(&question()), options).unwrap();
        answer.text().collect()
    };
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
}

#[test]
fn an_answer_stops_at_the_end_mark() {
    let model = model(&shard(), &Device::default());
    let profiles = profiles(&model, &shard());
    let cache = model.profile_cache(&profiles).unwrap();
    let tokenizer = model.preprocessor().tokenizer();
    let mut ended = 0;
    for seed in 0..20 {
        // So hot that all tokens are about as likely.
        let options = nucleus(1.0, 1e6, seed);
        let mut answer = model.answer(&cache, 2, None, options).unwrap();
        let found: Vec<u32> = answer.by_ref().collect();
        assert!(
            found
                .iter()
                .all(|id| !tokenizer.reserved_ids().contains(id))
        );
        assert!(
            found
                .iter()
                .all(|id| (*id as usize) < tokenizer.vocab_size())
        );
        assert_eq!(answer.ended(), found.len() < options.max_tokens);
        assert_eq!(answer.next(), None);
        ended += usize::from(answer.ended());
    }
    // A third of all answers of 128 tokens hold one that has a chance of 1/317.
    assert!((1..20).contains(&ended), "{ended} of 20 ended");
}

#[test]
fn pieces_of_text_make_the_text_of_the_ids() {
    let model = model(&shard(), &Device::default());
    let cache = model.profile_cache(&profiles(&model, &shard())).unwrap();
    for seed in 0..4 {
        // Bytes at random: most are no characters, and must not be lost.
        let options = AnswerOptions {
            max_tokens: 40,
            ..nucleus(1.0, 1e6, seed)
        };
        let answer = || model.answer(&cache, 1, Some(&question()), options).unwrap();
        let ids: Vec<u32> = answer().collect();
        let pieces: Vec<String> = answer().text().collect();
        assert!(pieces.len() > 5 && pieces.iter().all(|piece| !piece.is_empty()));
        assert_eq!(
            pieces.concat(),
            model.preprocessor().tokenizer().decode(&ids)
        );
    }
}

#[test]
fn wrong_questions_are_refused() {
    let model = model(&shard(), &Device::default());
    let cache = model.profile_cache(&profiles(&model, &shard())).unwrap();
    let refusal = |profile, question: &DataText, options| {
        let answer = model.answer(&cache, profile, Some(question), options);
        answer.unwrap_err().to_string()
    };
    let options = AnswerOptions::default();
    let message = refusal(6, &question(), options);
    assert!(message.contains("below 6, found 6"), "{message}");
    assert!(refusal(0, &DataText::new(""), options).contains("instruction"));
    assert!(refusal(0, &question(), nucleus(2.0, 1.0, 0)).contains("top_p"));
    let other = model.clone().with_adapter_id("another");
    let error = other.answer(&cache, 0, None, options).unwrap_err();
    assert!(error.to_string().contains("adapter"), "{error}");
}

/// Many answers in a row, many rows in a pass: each is as likely as token by token alone.
#[test]
fn likelihoods_are_those_of_passes_token_by_token() {
    let model = model(&shard(), &Device::default()).with_replicas(2);
    let profiles = profiles(&model, &shard());
    let other = DataText::new("Does this user travel?");
    let mut asked: Vec<(Option<DataText>, DataText)> = Vec::new();
    for question in [Some(question()), None, Some(other)] {
        for answer in ["yes", "no, never", "dog food and pets"] {
            asked.push((question.clone(), DataText::new(answer)));
        }
    }
    // More than stand in one row.
    let many: Vec<_> = asked.iter().cycle().take(40).cloned().collect();
    let found = model.answer_log_likelihoods(&profiles, &many).unwrap();
    assert_eq!((found.rows, found.columns), (profiles.len(), 40));
    let tokenizer = model.preprocessor().tokenizer();
    for (user, profile) in profiles.iter().enumerate().take(3) {
        for (at, (question, answer)) in many.iter().enumerate() {
            let mut ids = tokenizer.encode(answer);
            ids.push(tokenizer.end_id());
            let mut sum = 0.0;
            for (place, &id) in ids.iter().enumerate() {
                let logits = next_logits(&model, profile, question.as_ref(), &ids[..place]);
                let all: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
                sum += f64::from(logits[id as usize]) - all.ln();
            }
            let (expected, found) = (sum / ids.len() as f64, f64::from(found.row(user)[at]));
            assert!(
                (expected - found).abs() < 1e-4,
                "user {user}, {at}: {found} for {expected}"
            );
        }
    }
    let empty = [(Some(question()), DataText::new(""))];
    let error = model.answer_log_likelihoods(&profiles, &empty).unwrap_err();
    assert!(error.to_string().contains("answer"), "{error}");
}
