//! Every way in which a file can lie: one readable error each, and never a
//! panic or a wild allocation.

use crate::common;
use crate::common::{
    ARRAY, BOOL, STRING, U8, U32, U64, Writer, array, golden, open, said, says, string,
};
use proptest::prelude::*;

/// A file with a bit of everything.
fn good() -> Writer {
    Writer::default()
        .key("general.architecture", STRING, string("llama"))
        .key("flags", ARRAY, array(BOOL, &[vec![1], vec![0]]))
        .key("words", ARRAY, common::strings(&["a", "bc"]))
        .floats("a", &[8], &[1.0; 8])
        .tensor("b", &[32, 2], 2, vec![3; 36])
        .floats("c", &[4, 2], &[2.0; 8])
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = good().bytes();
    open(&bytes).unwrap();
    for length in 0..bytes.len() {
        said(open(&bytes[..length]).map(drop));
    }
}

#[test]
fn a_header_that_is_none_is_refused() {
    let mut writer = good();
    writer.magic = *b"GGML";
    says(&writer.error(), &["magic number", "\"GGUF\"", "GGML"]);
    for (version, part) in [(1, "found 1"), (4, "found 4"), (0, "found 0")] {
        writer = good();
        writer.version = version;
        says(&writer.error(), &["version", "2 or 3", part]);
    }
    writer.version = 3_u32.swap_bytes();
    says(&writer.error(), &["little-endian", "big-endian"]);
}

#[test]
fn wild_counts_are_refused() {
    for count in [4, 1000, 1 << 40, u64::MAX] {
        let mut writer = good();
        writer.claimed_keys = Some(count);
        writer.error();
        writer = good();
        writer.claimed_tensors = Some(count);
        writer.error();
    }
    let mut writer = good();
    writer.claimed_keys = Some(u64::MAX);
    says(&writer.error(), &["number of keys", "18446744073709551615"]);
}

#[test]
fn wild_lengths_are_refused() {
    for length in [400, 1 << 40, u64::MAX] {
        let length = length.to_le_bytes();
        let key = good().key("long", STRING, length);
        says(&key.error(), &["key `long`", "a string of at most"]);
        for kind in [U8, 2, U32, STRING, ARRAY, U64] {
            let mut bytes = kind.to_le_bytes().to_vec();
            bytes.extend(length);
            let message = good().key("many", ARRAY, bytes).error();
            says(&message, &["key `many`", "at most", "elements"]);
        }
    }
}

#[test]
fn values_that_are_none_are_refused() {
    let message = good().key("odd", 13, [0; 8]).error();
    says(&message, &["key `odd`", "0 to 12", "13"]);
    let message = good().key("odd", ARRAY, array(77, &[])).error();
    says(&message, &["key `odd`", "element type", "77"]);
    let message = good().key("odd", BOOL, [2]).error();
    says(&message, &["key `odd`", "0 or 1", "2"]);
    let message = good()
        .key("odd", ARRAY, array(BOOL, &[vec![1], vec![9]]))
        .error();
    says(&message, &["key `odd`", "0 or 1", "9"]);
    let mut bytes = string("abc");
    bytes[9] = 0xff;
    let message = good().key("odd", STRING, bytes).error();
    says(&message, &["key `odd`", "UTF-8", "at 1 of 3"]);
    let message = good().key("flags", BOOL, [1]).error();
    says(&message, &["key `flags`", "once"]);
    let deep = (0..9).fold(array(U8, &[]), |inner, _| array(ARRAY, &[inner]));
    says(
        &good().key("deep", ARRAY, deep).error(),
        &["key `deep`", "4 deep"],
    );
}

#[test]
fn wrong_alignments_are_refused() {
    for alignment in [0_u32, 12, 33, 1 << 20] {
        let key = good().key("general.alignment", U32, alignment.to_le_bytes());
        let found = alignment.to_string();
        says(
            &key.error(),
            &["`general.alignment`", "power of two", &found],
        );
    }
    let key = good().key("general.alignment", U64, 32_u64.to_le_bytes());
    says(&key.error(), &["`general.alignment`", "u32", "u64"]);
}

#[test]
fn tensors_that_cannot_be_are_refused() {
    let with = |change: fn(&mut common::Tensor)| {
        let mut writer = good();
        change(&mut writer.tensors[1]);
        writer.error()
    };
    says(&with(|t| t.kind = 10), &["tensor `b`", "Q4_K", "10 (Q2_K)"]);
    says(
        &with(|t| t.kind = 999),
        &["tensor `b`", "a type among", "999"],
    );
    says(
        &with(|t| t.axes = vec![]),
        &["tensor `b`", "1 to 4 axes", "found 0"],
    );
    says(&with(|t| t.axes = vec![1; 5]), &["tensor `b`", "found 5"]);
    says(
        &with(|t| t.axes = vec![32, 0]),
        &["tensor `b`", "at least 1", "found 0"],
    );
    says(
        &with(|t| t.axes = vec![33, 2]),
        &["tensor `b`", "multiple of 32", "33"],
    );
    says(
        &with(|t| t.axes = vec![1 << 40, 1 << 40]),
        &["tensor `b`", "fits"],
    );
    says(
        &with(|t| t.axes = vec![1 << 30, 1 << 30]),
        &["tensor `b`", "within the"],
    );
    says(
        &with(|t| t.axes = vec![32, 2000]),
        &["tensor `b`", "within the"],
    );
    says(
        &with(|t| t.claimed_offset = Some(1 << 20)),
        &["tensor `b`", "within the"],
    );
    says(
        &with(|t| t.claimed_offset = Some(u64::MAX - 31)),
        &["tensor `b`", "within"],
    );
    says(
        &with(|t| t.claimed_offset = Some(33)),
        &["tensor `b`", "multiple of 32", "33"],
    );
    says(&with(|t| t.claimed_offset = Some(0)), &["data of its own"]);
    says(&with(|t| t.name = "a".into()), &["tensor `a`", "once"]);
}

#[test]
fn what_is_asked_for_must_be_there() {
    let mut file = good().open().unwrap();
    let mut read = |name: &str, shape: &[usize]| said(file.read(name, shape).map(drop));
    says(&read("d", &[8]), &["tensor `d` is missing"]);
    says(&read("a", &[2, 4]), &["tensor `a`", "[2, 4]", "[8]"]);
    // The shape of `c` is row-major: two rows of four.
    says(&read("c", &[4, 2]), &["tensor `c`", "[4, 2]", "[2, 4]"]);
    let message = said(file.read_row("c", 2).map(drop));
    says(&message, &["tensor `c`", "more than 2 rows", "found 2"]);
    let message = said(file.size("general.architecture").map(drop));
    says(
        &message,
        &["`general.architecture`", "a whole number", "\"llama\""],
    );
    let message = said(file.text("words").map(drop));
    says(&message, &["`words`", "a string", "an array of 2 × string"]);
    let message = said(file.required("none", "a string", None::<u8>).map(drop));
    says(&message, &["`none`", "a string", "nothing"]);
}

#[test]
fn weights_must_be_finite() {
    for value in [f32::NAN, f32::INFINITY] {
        let mut values = [0.0; 6];
        values[4] = value;
        let mut file = Writer::default()
            .floats("x", &[3, 2], &values)
            .open()
            .unwrap();
        let message = said(file.read("x", &[2, 3]).map(drop));
        says(&message, &["tensor `x`", &value.to_string(), "element 4"]);
        assert_eq!(file.read_row("x", 0).unwrap(), [0.0; 3]);
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let message = said(instructue_gguf::Gguf::open(&golden("none.gguf")).map(drop));
    says(&message, &["none.gguf"]);
}

/// Uses everything that a file offers.
fn use_all(bytes: &[u8]) {
    let Ok(mut file) = open(bytes) else { return };
    let tensors: Vec<_> = file.tensors().clone().into_iter().collect();
    for (name, info) in tensors {
        if let Ok(values) = file.read(&name, &info.shape) {
            assert_eq!(values.len(), info.shape.iter().product::<usize>());
        }
        let _ = file.read_row(&name, 1);
    }
    for value in file.metadata().values() {
        let _ = value.to_string();
    }
    if let Ok(tokenizer) = file.tokenizer() {
        let _ = tokenizers::Tokenizer::from_bytes(tokenizer.json.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn changed_bytes_never_panic(
        // Most changes hit the header, where they matter.
        changes in prop::collection::vec((0.0..1.0_f64, any::<u8>()), 1..8),
        small in any::<bool>(),
    ) {
        let mut bytes = match small {
            true => good().bytes(),
            false => std::fs::read(golden("small.gguf")).unwrap(),
        };
        for (place, byte) in changes {
            let at = (place * place * bytes.len() as f64) as usize;
            bytes[at] = byte;
        }
        use_all(&bytes);
    }
}
