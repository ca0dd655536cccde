//! Files to begin with, and changes that know the format.

use std::path::Path;

use instructue_gguf::TensorType;

use crate::engine::Random;
use crate::writer::{ARRAY, BOOL, STRING, U8, U32, U64, Writer, array, string, strings};

/// Files with all that the format knows: made here, and as the reference wrote.
pub struct Files {
    made: Vec<Writer>,
    whole: Vec<Vec<u8>>,
}

impl Files {
    pub fn new() -> Self {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/small.gguf");
        Self {
            made: vec![values(), tensors(), tokenizer()],
            whole: vec![std::fs::read(golden).unwrap()],
        }
    }

    /// A file; one that was made is mostly changed where it matters.
    pub fn draw(&self, random: &mut Random) -> Vec<u8> {
        if random.one_in(4) {
            return random.pick(&self.whole).clone();
        }
        let mut file = random.pick(&self.made).clone();
        for _ in 0..random.below(4) {
            let other = random.pick(&self.made);
            change(random, &mut file, other);
        }
        file.bytes()
    }
}

/// Every type of value.
fn values() -> Writer {
    let mut file = Writer::default().key("general.architecture", STRING, string("llama"));
    for kind in (0..13).filter(|kind| !matches!(*kind, STRING | ARRAY)) {
        let value = vec![1; WIDTHS[kind as usize]];
        file = file.key(&format!("one.{kind}"), kind, value.clone());
        let many = array(kind, &[value.clone(), value]);
        file = file.key(&format!("many.{kind}"), ARRAY, many);
    }
    let pair = array(U8, &[vec![1], vec![2]]);
    file.key("words", ARRAY, strings(&["a", "", "ö"]))
        .key("pairs", ARRAY, array(ARRAY, &[pair.clone(), pair]))
        .key("general.alignment", U32, 32_u32.to_le_bytes())
        .floats("x", &[3, 2], &[1.0; 6])
}

/// Bytes of a value by its type; strings and arrays have none.
const WIDTHS: [usize; 13] = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/// Every type of tensor.
fn tensors() -> Writer {
    let mut file = Writer::default();
    for id in 0..40 {
        if let Some(kind) = TensorType::from_id(id) {
            // Small halves as scales: what they make is finite.
            let bytes = [0x11, 0x22].repeat(kind.block_bytes() / 2 * 256 / kind.block_len());
            let axes = [256, if kind.block_bytes() == 4 { 2 } else { 1 }];
            file = file.tensor(&format!("blk.{id}.weight"), &axes, id, bytes);
        }
    }
    file
}

/// A vocabulary with merges and tokens of each kind.
fn tokenizer() -> Writer {
    let kinds = [3_i32, 1, 1, 1, 1, 1, 4, 5, 2];
    let kinds: Vec<Vec<u8>> = kinds.iter().map(|kind| kind.to_le_bytes().into()).collect();
    let tokens = ["<s>", "a", "b", "c", "ab", "abc", "[u]", "[PAD]", "<unk>"];
    let key = |name: &str| format!("tokenizer.{name}");
    Writer::default()
        .key(&key("ggml.model"), STRING, string("gpt2"))
        .key(&key("ggml.pre"), STRING, string("qwen2"))
        .key(&key("ggml.tokens"), ARRAY, strings(&tokens))
        .key(&key("ggml.token_type"), ARRAY, array(5, &kinds))
        .key(&key("ggml.merges"), ARRAY, strings(&["a b", "ab c"]))
        .key(&key("ggml.bos_token_id"), U32, 0_u32.to_le_bytes())
        .key(&key("ggml.eos_token_id"), U64, 0_u64.to_le_bytes())
        .key(&key("ggml.add_bos_token"), BOOL, [1])
        .key(&key("chat_template"), STRING, string("{{ messages }}"))
}

/// One change to the parts of a file.
fn change(random: &mut Random, file: &mut Writer, other: &Writer) {
    let size = file.bytes().len();
    match random.below(12) {
        0 => file.version = random.extreme(4) as u32,
        1 => file.claimed_tensors = Some(random.extreme(file.tensors.len())),
        2 => file.claimed_keys = Some(random.extreme(file.keys.len())),
        3 => change_name(random, file),
        4 if !other.keys.is_empty() => {
            // The same again, at its end or for another key.
            let at = random.below(file.keys.len());
            let new = random.pick(&other.keys).clone();
            match file.keys.get_mut(at) {
                Some(key) if random.one_in(2) => (key.1, key.2) = (new.1, new.2),
                _ => file.keys.push(new),
            }
        }
        5 => {
            let array = wild_array(random, size);
            file.keys.push(("wild".into(), ARRAY, array));
        }
        6 => {
            let deep = 1 + random.mostly_below(8, 5000);
            let end = array(U8, &[vec![1]]);
            // Built from its outside: each level is a header of twelve bytes.
            let level = [ARRAY.to_le_bytes().to_vec(), 1_u64.to_le_bytes().to_vec()].concat();
            let bytes = [level.repeat(deep), end].concat();
            file.keys.push(("deep".into(), ARRAY, bytes));
        }
        7 => {
            if let Some(key) = some(random, &mut file.keys) {
                key.1 = random.below(15) as u32;
            }
        }
        8 => {
            // The first number of a value: a length or a type, where it has one.
            let number = random.extreme(size).to_le_bytes();
            if let Some((_, kind, bytes)) = some(random, &mut file.keys) {
                let at = if *kind == ARRAY { 4 } else { 0 };
                for (byte, new) in bytes.iter_mut().skip(at).zip(number) {
                    *byte = new;
                }
            }
        }
        9 => {
            let alignment = random.extreme(size) as u32;
            file.keys.retain(|key| key.0 != "general.alignment");
            let bytes = alignment.to_le_bytes().to_vec();
            file.keys.push(("general.alignment".into(), U32, bytes));
        }
        10 if !other.tensors.is_empty() => {
            file.tensors.push(random.pick(&other.tensors).clone());
        }
        _ => change_tensor(random, file, size),
    }
}

fn some<'a, T>(random: &mut Random, items: &'a mut [T]) -> Option<&'a mut T> {
    let at = random.below(items.len());
    items.get_mut(at)
}

/// Names that are hard to print, or that another has.
fn change_name(random: &mut Random, file: &mut Writer) {
    let name = match random.below(5) {
        0 => String::new(),
        1 => "two\nlines \u{1b}[31m\u{0}".into(),
        2 => "long ".repeat(random.below(3000)),
        3 => "general.architecture".into(),
        _ => "blk.0.weight".into(),
    };
    if random.one_in(2) {
        if let Some(key) = some(random, &mut file.keys) {
            key.0 = name;
        }
    } else if let Some(tensor) = some(random, &mut file.tensors) {
        tensor.name = name;
    }
}

fn change_tensor(random: &mut Random, file: &mut Writer, size: usize) {
    let Some(tensor) = some(random, &mut file.tensors) else {
        return;
    };
    match random.below(6) {
        0 => tensor.kind = random.below(45) as u32,
        1 => tensor.claimed_offset = Some(random.extreme(size)),
        2 => tensor.claimed_offset = Some(32 * random.below(size / 8) as u64),
        3 => {
            let axes = 0..random.below(7);
            tensor.axes = axes.map(|_| random.extreme(size)).collect();
        }
        4 => {
            let axis = random.extreme(tensor.bytes.len());
            if let Some(old) = some(random, &mut tensor.axes) {
                *old = axis;
            }
        }
        _ => {
            let end = random.below(tensor.bytes.len());
            // All ones: NaN as a number of any width.
            tensor.bytes[end..].fill(0xff);
        }
    }
}

/// An array of many elements, of which it has some, all or none.
fn wild_array(random: &mut Random, size: usize) -> Vec<u8> {
    let kind = random.below(14) as u32;
    let count = match random.one_in(2) {
        true => random.extreme(size),
        false => random.below(20_000) as u64,
    };
    let there = match random.one_in(3) {
        true => 0,
        false => count.min(20_000) as usize,
    };
    let width = WIDTHS.get(kind as usize).copied().unwrap_or(1);
    let element = match kind {
        STRING => vec![0; 8],
        ARRAY => vec![0; 12],
        _ => vec![1; width],
    };
    [
        kind.to_le_bytes().to_vec(),
        count.to_le_bytes().to_vec(),
        element.repeat(there),
    ]
    .concat()
}
