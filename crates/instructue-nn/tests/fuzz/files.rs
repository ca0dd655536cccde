//! Files to begin with, and changes that know the format.

use crate::engine::Random;

/// A file in the making: its header's entries as text, and its data.
#[derive(Clone)]
pub struct File {
    /// Name and value, each as it stands in the JSON.
    pub entries: Vec<(String, String)>,
    pub data: Vec<u8>,
    /// Instead of the header's true length.
    pub claimed: Option<u64>,
    /// Between two parts of the header.
    pub space: String,
}

impl File {
    pub fn bytes(&self) -> Vec<u8> {
        let pairs: Vec<String> = self
            .entries
            .iter()
            .map(|(name, value)| format!("{name}:{}{value}", self.space))
            .collect();
        let header = format!("{{{}}}", pairs.join(&format!(",{}", self.space)));
        let length = self.claimed.unwrap_or(header.len() as u64);
        [&length.to_le_bytes(), header.as_bytes(), &self.data].concat()
    }
}

const DTYPES: [(&str, usize); 15] = [
    ("F32", 4),
    ("F16", 2),
    ("BF16", 2),
    ("F64", 8),
    ("BOOL", 1),
    ("U8", 1),
    ("I8", 1),
    ("U16", 2),
    ("I16", 2),
    ("U32", 4),
    ("I32", 4),
    ("U64", 8),
    ("I64", 8),
    ("F8_E4M3", 1),
    ("F8_E5M2", 1),
];

fn entry(dtype: &str, shape: &str, from: &str, to: &str) -> String {
    format!(r#"{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{from},{to}]}}"#)
}

/// A file with tensors of these types, shapes and names.
fn with(tensors: &[(&str, usize, &[usize], &str)]) -> File {
    let mut file = File {
        entries: Vec::new(),
        data: Vec::new(),
        claimed: None,
        space: String::new(),
    };
    for (dtype, width, shape, name) in tensors {
        let from = file.data.len();
        let bytes = width * shape.iter().product::<usize>();
        file.data.extend((0..bytes).map(|at| (at * 37 % 60) as u8));
        let shape = shape.iter().map(ToString::to_string).collect::<Vec<_>>();
        let to = file.data.len().to_string();
        let value = entry(dtype, &shape.join(","), &from.to_string(), &to);
        file.entries.push((format!("\"{name}\""), value));
    }
    file
}

/// The files of a directory in two.
pub fn shards() -> [File; 2] {
    [
        with(&[("F32", 4, &[4, 3], "a.weight"), ("F16", 2, &[3], "a.bias")]),
        with(&[("BF16", 2, &[2, 2], "b.weight")]),
    ]
}

/// The text of an index, of [`shards`] or nearly.
pub fn index(random: &mut Random) -> String {
    let mut pairs: Vec<(String, String)> = [("a.weight", 0), ("a.bias", 0), ("b.weight", 1)]
        .map(|(name, shard)| (quoted(name), quoted(&format!("model-{shard}.safetensors"))))
        .into();
    for _ in 0..random.below(4) {
        let at = random.below(pairs.len());
        let text = odd_text(random);
        match random.below(5) {
            0 => pairs[at].0 = text,
            1 => pairs[at].1 = text,
            2 => pairs.push(pairs[at].clone()),
            3 => pairs[at].1 = odd_value(random),
            _ => {
                let names = ["../model-0.safetensors", "..", "", "a\\\\b"];
                pairs[at].1 = quoted(random.pick::<&str>(&names));
            }
        }
    }
    let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    let metadata = match random.one_in(4) {
        true => odd_value(random),
        false => "{}".into(),
    };
    format!(
        "{{\"metadata\": {metadata}, \"weight_map\": {{{}}}}}",
        pairs.join(", ")
    )
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// A file, mostly changed where it matters.
pub fn draw(random: &mut Random) -> File {
    let mut file = match random.below(4) {
        0 => with(&[("F32", 4, &[2, 3], "x")]),
        1 => with(&DTYPES.map(|(dtype, width)| (dtype, width, &[2, 4][..], dtype))),
        2 => with(&[
            ("F32", 4, &[0, 7], "none"),
            ("F32", 4, &[], "scalar"),
            ("F16", 2, &[1, 2, 3], "c"),
        ]),
        _ => random.pick(&shards()).clone(),
    };
    for _ in 0..random.below(4) {
        change(random, &mut file);
    }
    file
}

fn change(random: &mut Random, file: &mut File) {
    let size = file.data.len();
    let at = random.below(file.entries.len());
    match random.below(11) {
        0 => file.claimed = Some(random.extreme(file.bytes().len())),
        1 => file.entries[at].0 = odd_text(random),
        2 => {
            let copy = file.entries[at].clone();
            file.entries.push(copy);
        }
        3 => {
            let value = odd_value(random);
            file.entries.push((quoted("__metadata__"), value));
        }
        4 => file.entries[at].1 = odd_value(random),
        5 => {
            let end = random.below(size);
            file.data.truncate(end);
        }
        6 => {
            let more = random.below(40);
            file.data.extend(std::iter::repeat_n(0xff, more));
        }
        7 => file.space = " \n\t".repeat(random.mostly_below(5, 9000)),
        8 => {
            let start = random.below(size);
            file.data[start..].fill(0xff);
        }
        9 => {
            // An entry that fits the data, and one that is not quite an entry.
            let old = file.entries[at].1.clone();
            let (from, to) = *random.pick(&[
                ("shape", "form"),
                ("\"dtype\"", "\"dtype\":\"F32\",\"dtype\""),
                ("[", "[["),
                ("}", ",\"more\":[{}]}"),
                ("F32", "I32"),
                ("F16", "BF16"),
            ]);
            file.entries[at].1 = old.replacen(from, to, 1);
        }
        _ => {
            let (dtype, _) = *random.pick(&DTYPES);
            let axes = random.mostly_below(4, 3000);
            let shape: Vec<String> = (0..axes).map(|_| number(random, size)).collect();
            let (from, to) = (number(random, size), number(random, size));
            file.entries[at].1 = entry(dtype, &shape.join(","), &from, &to);
        }
    }
}

/// A number as JSON has it, in range or not.
fn number(random: &mut Random, size: usize) -> String {
    match random.below(8) {
        0 => "1e300".into(),
        1 => "-1".into(),
        2 => "1.5".into(),
        3 => random.extreme(size).to_string(),
        4 => format!("{}0", u64::MAX),
        _ => random.below(size + 2).to_string(),
    }
}

/// A JSON string that is hard to print, or none.
fn odd_text(random: &mut Random) -> String {
    match random.below(8) {
        0 => quoted(""),
        1 => quoted(r"two\nlines \u001b[31m \u0000"),
        2 => quoted(&"long ".repeat(random.below(3000))),
        3 => quoted(r"\ud800"),
        4 => quoted("\u{1f600} ö"),
        5 => "7".into(),
        6 => quoted(r"a.weight"),
        _ => quoted("two\nlines"),
    }
}

/// A JSON value where a tensor or a map should be.
fn odd_value(random: &mut Random) -> String {
    let depth = random.mostly_below(5, 20_000);
    match random.below(7) {
        0 => format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
        1 => format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)),
        2 => format!("{{\"k\":{}}}", odd_text(random)),
        3 => format!("[{}1]", "1,".repeat(depth)),
        4 => odd_text(random),
        5 => "null".into(),
        _ => "{".repeat(depth),
    }
}
