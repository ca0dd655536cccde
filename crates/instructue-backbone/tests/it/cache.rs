//! What a cache gives is what a full pass gives, whatever the lengths, the
//! chunks, the padding and the number of continuations.

use crate::common::{CASES, distance, load, mask, normal, values};
use burn::tensor::{Device, Int, Tensor};
use instructue_backbone::{Chunk, Decoder, DecoderInput, KvCache, PackedChunk};

const WIDTH: usize = 32;
const BOUND: f32 = 1e-5;

/// A small generator, so that a case is its number.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        ((self.0 >> 33) as usize) % bound
    }

    fn between(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to - from + 1)
    }
}

/// A device that draws the same numbers in every run.
fn device() -> Device {
    let device = Device::default();
    device.seed(1);
    device
}

/// Inputs of one lane, `[tokens, WIDTH]`.
fn tokens(count: usize, device: &Device) -> Tensor<2> {
    normal([count, WIDTH], device)
}

/// The states of one lane by a full pass, `[tokens, WIDTH]`.
fn full(decoder: &Decoder, tokens: &Tensor<2>) -> Vec<f32> {
    let count = tokens.dims()[0];
    let tokens = tokens.clone().unsqueeze::<3>();
    let all = mask(&[&vec![true; count]], &tokens.device());
    values(decoder.forward(DecoderInput::causal(tokens, all)))
}

/// Lanes of different lengths as one chunk, with padding at random places, and
/// the slots of each lane's tokens.
fn chunk(lanes: &[Tensor<2>], random: &mut Random) -> (Chunk, Vec<Vec<usize>>) {
    let device = lanes[0].device();
    let longest = lanes.iter().map(|lane| lane.dims()[0]).max().unwrap();
    let length = longest + random.below(3);
    let mut inputs = Vec::new();
    let mut marks = Vec::new();
    let mut places = Vec::new();
    for lane in lanes {
        let count = lane.dims()[0];
        let missing = length - count;
        // Left, right, or in two parts.
        let before = [missing, 0, missing / 2][random.below(3)];
        let cut = if random.below(2) == 0 { 0 } else { count / 2 };
        let slots: Vec<usize> = (0..count)
            .map(|i| if i < cut { i } else { before + i })
            .collect();
        let parts = [(0, cut), (cut, count)]
            .map(|(from, to)| (to > from).then(|| lane.clone().narrow(0, from, to - from)));
        let noise = [before, missing - before]
            .map(|count| (count > 0).then(|| normal([count, WIDTH], &device) * 9.0));
        let ([first, second], [between, after]) = (parts, noise);
        let row = [first, between, second, after].into_iter().flatten();
        inputs.push(Tensor::<2>::cat(row.collect(), 0));
        marks.extend((0..length).map(|slot| slots.contains(&slot)));
        places.push(slots);
    }
    let chunk = Chunk::new(Tensor::stack(inputs, 0)).with_tokens(marks);
    (chunk, places)
}

/// Appends `lanes` and compares the states with those of full passes over
/// `before` and `lanes` together, which it returns.
fn check(
    decoder: &Decoder,
    cache: &mut KvCache,
    before: &[Tensor<2>],
    lanes: &[Tensor<2>],
    random: &mut Random,
    name: &str,
) -> Vec<Tensor<2>> {
    let (chunk, places) = chunk(lanes, random);
    let states = decoder.append(cache, chunk);
    assert!(values(states.clone()).iter().all(|x| x.is_finite()));
    let mut whole = Vec::new();
    for (i, (before, lane)) in before.iter().zip(lanes).enumerate() {
        let all = Tensor::cat(vec![before.clone(), lane.clone()], 0);
        assert_eq!(
            cache.lengths()[i],
            all.dims()[0],
            "{name}: length of lane {i}"
        );
        let expected = full(decoder, &all);
        let row = values(states.clone().narrow(0, i, 1));
        let found = places[i].iter().flat_map(|s| &row[s * WIDTH..][..WIDTH]);
        let found: Vec<f32> = found.copied().collect();
        let d = distance(&found, &expected[before.dims()[0] * WIDTH..]);
        assert!(d <= BOUND, "{name}: lane {i} differs by {d}");
        whole.push(all);
    }
    whole
}

/// A prefix in random chunks for rows of different lengths.
fn prefix(
    decoder: &Decoder,
    rows: usize,
    longest: usize,
    random: &mut Random,
    name: &str,
    device: &Device,
) -> (KvCache, Vec<Tensor<2>>) {
    let draw = |random: &mut Random| -> Vec<Tensor<2>> {
        (0..rows)
            .map(|_| tokens(random.between(1, longest), device))
            .collect()
    };
    let first = draw(random);
    let (chunk, places) = chunk(&first, random);
    let (mut cache, states) = decoder.prefill(chunk);
    for (i, lane) in first.iter().enumerate() {
        let row = values(states.clone().narrow(0, i, 1));
        let found = places[i].iter().flat_map(|s| &row[s * WIDTH..][..WIDTH]);
        let d = distance(&found.copied().collect::<Vec<_>>(), &full(decoder, lane));
        assert!(d <= BOUND, "{name}: prefill of row {i} differs by {d}");
    }
    let mut before = first;
    for _ in 0..random.below(3) {
        let more = draw(random);
        before = check(decoder, &mut cache, &before, &more, random, name);
    }
    (cache, before)
}

fn repeat(lanes: &[Tensor<2>], count: usize) -> Vec<Tensor<2>> {
    let lanes = lanes.iter();
    lanes
        .flat_map(|lane| std::iter::repeat_n(lane.clone(), count))
        .collect()
}

#[test]
fn chunks_and_forks_give_what_a_full_pass_gives() {
    for device in [device(), device().autodiff()] {
        for case in CASES {
            let decoder = load(case, None, &device);
            for seed in 0..6 {
                let name = format!("{case}, case {seed}");
                let random = &mut Random(seed);
                // The longest take the kernel that works in blocks.
                let longest = [4, 9, 90][random.below(3)];
                let rows = random.between(1, 3);
                let (cache, before) = prefix(&decoder, rows, longest, random, &name, &device);
                let count = random.between(1, 5);
                let mut forked = cache.fork(count);
                let mut before = repeat(&before, count);
                for _ in 0..random.between(1, 3) {
                    let more: Vec<_> = (0..rows * count)
                        .map(|_| tokens(random.between(1, longest), &device))
                        .collect();
                    before = check(&decoder, &mut forked, &before, &more, random, &name);
                }
                // Lanes that have parted fork again.
                let mut again = forked.fork(2);
                let more: Vec<_> = (0..2 * rows * count)
                    .map(|_| tokens(random.between(1, 4), &device))
                    .collect();
                let before = repeat(&before, 2);
                check(&decoder, &mut again, &before, &more, random, &name);
            }
        }
    }
}

#[test]
fn packed_lanes_give_what_padded_ones_give() {
    let device = device();
    for case in CASES {
        let decoder = load(case, None, &device);
        let random = &mut Random(7);
        let (cache, before) = prefix(&decoder, 2, 9, random, case, &device);
        // Lanes 0 and 1 of the first row in turns; the second row is shorter.
        let lanes = [Some(0), Some(1), Some(1), Some(0), Some(1)]
            .into_iter()
            .chain([Some(1), None, Some(0), Some(0), None]);
        let lanes: Vec<Option<usize>> = lanes.collect();
        let inputs = normal([2, 5, WIDTH], &device);
        let states = values(decoder.append_packed(
            &mut cache.fork(2),
            PackedChunk {
                inputs: inputs.clone(),
                lanes: lanes.clone(),
            },
        ));
        for row in 0..2 {
            for lane in 0..2 {
                let slots = (0..5).filter(|slot| lanes[row * 5 + slot] == Some(lane));
                let slots: Vec<usize> = slots.collect();
                let of_row = inputs.clone().narrow(0, row, 1).squeeze_dim::<2>(0);
                let own = slots.iter().map(|&slot| of_row.clone().narrow(0, slot, 1));
                let all = std::iter::once(before[row].clone()).chain(own);
                let expected = full(&decoder, &Tensor::cat(all.collect(), 0));
                let found = slots
                    .iter()
                    .flat_map(|s| &states[(row * 5 + s) * WIDTH..][..WIDTH]);
                let found: Vec<f32> = found.copied().collect();
                let d = distance(&found, &expected[before[row].dims()[0] * WIDTH..]);
                assert!(
                    d <= BOUND,
                    "{case}: lane {lane} of row {row} differs by {d}"
                );
            }
        }
    }
}

#[test]
fn a_fork_shares_the_prefix_and_leaves_the_first_cache_alone() {
    let device = device();
    let decoder = load("qwen2_tied", None, &device);
    let (cache, before) = prefix(&decoder, 1, 9, &mut Random(1), "prefix", &device);
    let slots = cache.slots();
    let mut forked = cache.fork(3);
    assert_eq!(
        (forked.rows(), forked.lanes(), forked.slots()),
        (1, 3, slots)
    );
    decoder.append(&mut forked, Chunk::new(normal([3, 2, WIDTH], &device)));
    // The prefix once, and two tokens of each lane.
    assert_eq!(forked.slots(), slots + 6);
    assert_eq!((cache.rows(), cache.lanes(), cache.slots()), (1, 1, slots));
    let mut cache = cache;
    let more = [tokens(3, &device)];
    check(
        &decoder,
        &mut cache,
        &before,
        &more,
        &mut Random(2),
        "first",
    );
}

#[test]
fn an_answer_grows_token_by_token_beside_its_clones() {
    let device = device();
    for case in CASES {
        let decoder = load(case, None, &device);
        let (mut cache, mut before) = prefix(&decoder, 2, 5, &mut Random(3), case, &device);
        let random = &mut Random(4);
        for step in 0..24 {
            // A clone reads the same memory and goes on in its own way.
            let aside = (step % 5 == 2).then(|| cache.clone());
            let next = || [(); 2].map(|()| tokens(1, &device));
            let name = format!("{case}, token {step}");
            let after = check(&decoder, &mut cache, &before, &next(), random, &name);
            if let Some(mut aside) = aside {
                let mut own = before.clone();
                for _ in 0..3 {
                    own = check(&decoder, &mut aside, &own, &next(), random, &name);
                }
            }
            before = after;
            if step == 15 {
                cache.truncate(9);
                before = before.iter().map(|lane| first(lane, 9)).collect();
            }
        }
        // What grows has room for as many again, and no more.
        let mut kept = cache.clone();
        kept.keep(&[0, 1]);
        assert!(kept.bytes() < cache.bytes() && cache.bytes() <= 2 * kept.bytes());
    }
}

/// The first tokens of a lane that may have fewer.
fn first(lane: &Tensor<2>, count: usize) -> Tensor<2> {
    lane.clone().narrow(0, 0, count.min(lane.dims()[0]))
}

#[test]
fn what_is_truncated_was_never_read() {
    let device = device();
    for case in CASES {
        let decoder = load(case, None, &device);
        for seed in 0..8 {
            let random = &mut Random(100 + seed);
            let (cache, before) = prefix(&decoder, 2, 9, random, case, &device);
            let mut forked = cache.fork(2);
            let more: Vec<_> = (0..4)
                .map(|_| tokens(random.between(1, 6), &device))
                .collect();
            let before = check(
                &decoder,
                &mut forked,
                &repeat(&before, 2),
                &more,
                random,
                case,
            );
            let longest = before.iter().map(|lane| lane.dims()[0]).max().unwrap();
            let count = random.below(longest + 1);
            let slots = forked.slots();
            forked.truncate(count);
            assert!(forked.slots() < slots || count + 3 > longest);
            let short: Vec<_> = before
                .iter()
                .map(|lane| lane.clone().slice(0..lane.dims()[0].min(count)))
                .collect();
            let more: Vec<_> = (0..4)
                .map(|_| tokens(random.between(1, 6), &device))
                .collect();
            check(&decoder, &mut forked, &short, &more, random, case);
        }
    }
}

#[test]
fn rows_that_are_kept_go_on_as_before() {
    let device = device();
    let decoder = load("llama_bias_untied", None, &device);
    let random = &mut Random(5);
    let (cache, before) = prefix(&decoder, 3, 9, random, "prefix", &device);
    let mut forked = cache.fork(2);
    let more: Vec<_> = (0..6)
        .map(|_| tokens(random.between(1, 6), &device))
        .collect();
    let before = check(
        &decoder,
        &mut forked,
        &repeat(&before, 2),
        &more,
        random,
        "forked",
    );
    forked.keep(&[2, 0]);
    assert_eq!((forked.rows(), forked.lanes()), (2, 2));
    let before: Vec<_> = [4, 5, 0, 1].map(|lane: usize| before[lane].clone()).into();
    let more: Vec<_> = (0..4)
        .map(|_| tokens(random.between(1, 6), &device))
        .collect();
    check(&decoder, &mut forked, &before, &more, random, "kept");
}

#[test]
fn a_lane_can_look_from_a_position_on() {
    let device = device();
    let decoder = load("qwen3_tied", None, &device);
    let (cache, _) = decoder.prefill(Chunk::new(normal([1, 6, WIDTH], &device)));
    let more = normal([1, 2, WIDTH], &device);
    let after = |cache: &KvCache, from: Option<usize>| {
        let mut cache = cache.clone();
        if let Some(from) = from {
            cache.look_from(0, from);
        }
        values(decoder.append(&mut cache, Chunk::new(more.clone())))
    };
    // Another beginning does not matter once it is hidden, but does before.
    let hidden = after(&cache, Some(6));
    assert_ne!(hidden, after(&cache, None));
    assert_ne!(hidden, after(&cache, Some(5)));
    let (noise, _) = decoder.prefill(Chunk::new(normal([1, 6, WIDTH], &device)));
    assert_eq!(hidden, after(&noise, Some(6)));
    assert_ne!(after(&cache, None), after(&noise, None));
}

#[test]
#[should_panic(expected = "a cache of this decoder")]
fn a_cache_of_a_deeper_decoder_is_refused() {
    let device = device();
    let decoder = load("qwen2_tied", None, &device);
    let (mut cache, _) = decoder.prefill(Chunk::new(normal([1, 2, WIDTH], &device)));
    let mut config = decoder.config().clone();
    config.num_hidden_layers = 1;
    let shallow = config.init(None, &device).unwrap();
    shallow.append(&mut cache, Chunk::new(normal([1, 1, WIDTH], &device)));
}

/// A cache that was read without states, and states at some slots of what follows, are those of
/// passes that compute everything.
#[test]
fn what_nobody_asks_for_changes_nothing() {
    let device = device();
    for case in CASES {
        let decoder = load(case, None, &device);
        let beginning = Chunk::new(normal([2, 7, WIDTH], &device));
        let marks = (0..14).map(|slot| slot != 8).collect();
        let beginning = beginning.with_tokens(marks);
        let (mut all, _) = decoder.prefill(beginning.clone());
        let mut some = decoder.prefill_cache(beginning);
        assert_eq!((some.lengths(), some.bytes()), (all.lengths(), all.bytes()));
        // Again, so that what was added is read, too.
        for round in 0..2 {
            let packed = PackedChunk {
                inputs: normal([2, 5, WIDTH], &device),
                lanes: vec![Some(0); 10],
            };
            let slots = Tensor::<2, Int>::from_data([[4, 1], [0, 3]], &device);
            let found = decoder.append_packed_at(&mut some, packed.clone(), slots.clone());
            let index = slots.unsqueeze_dim::<3>(2).expand([2, 2, WIDTH]);
            let expected = decoder.append_packed(&mut all, packed).gather(1, index);
            let d = distance(&values(found), &values(expected));
            assert!(d <= BOUND, "{case}, round {round}: {d}");
        }
    }
}
