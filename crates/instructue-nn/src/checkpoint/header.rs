//! The header of a safetensors file, checked against the file before a byte of
//! data is believed.
//!
//! Layout: 8 bytes little-endian header length, the header as JSON
//! (`name → dtype, shape, data_offsets`), then the data without gaps.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::error::line;
use crate::{Error, Result};

/// The format's own limit.
const MAX_HEADER: u64 = 100_000_000;

/// Where a tensor is and what it is.
#[derive(Debug, Clone)]
pub(super) struct Info {
    pub dtype: String,
    pub shape: Vec<usize>,
    /// First byte, from the start of the file.
    pub start: u64,
    /// Bytes.
    pub length: usize,
}

#[derive(Deserialize)]
struct Raw {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Opens a file and reads its header.
pub(super) fn open(path: &Path) -> Result<(File, Vec<(String, Info)>)> {
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    let refuse = |reason| Error::Header {
        path: path.into(),
        reason,
    };
    let mut file = instructue_fs::open(path)?;
    let size = file.metadata().map_err(io)?.len();
    if size < 8 {
        return Err(refuse(format!("the file has {size} bytes, fewer than 8")));
    }
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(io)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER || length > size - 8 {
        return Err(refuse(format!(
            "the header claims {length} bytes, {} follow",
            size - 8
        )));
    }
    // Below `MAX_HEADER`, so it fits.
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text).map_err(io)?;
    let Entries(entries) = serde_json::from_slice(&text)
        .map_err(|error| refuse(format!("the header is not as specified: {error}")))?;
    let infos = check(entries, 8 + length, size).map_err(refuse)?;
    Ok((file, infos))
}

fn check(
    mut entries: Vec<(String, Raw)>,
    data: u64,
    size: u64,
) -> Result<Vec<(String, Info)>, String> {
    let mut names: Vec<&String> = entries.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("tensor `{}` is declared twice", line(pair[0])));
    }
    entries.sort_by_key(|(_, raw)| raw.data_offsets);

    let mut infos = Vec::with_capacity(entries.len());
    let mut end = 0;
    for (name, raw) in entries {
        let shown = line(&name);
        let (from, to) = raw.data_offsets;
        if from != end || to < from {
            return Err(format!(
                "tensor `{shown}` claims bytes {from} to {to}, expected to start at {end}"
            ));
        }
        let Some(width) = width(&raw.dtype) else {
            return Err(format!(
                "tensor `{shown}` has the unknown dtype `{}`",
                line(&raw.dtype)
            ));
        };
        let bytes = raw
            .shape
            .iter()
            .try_fold(width, |product, axis| product.checked_mul(*axis as u64));
        if bytes != Some(to - from) {
            return Err(format!(
                "tensor `{shown}` of shape {} and dtype {} claims {} bytes",
                line(&format!("{:?}", raw.shape)),
                raw.dtype,
                to - from
            ));
        }
        let (Ok(length), Some(start)) = (usize::try_from(to - from), data.checked_add(from)) else {
            return Err(format!("tensor `{shown}` is too large for this machine"));
        };
        end = to;
        infos.push((
            name,
            Info {
                dtype: raw.dtype,
                shape: raw.shape,
                start,
                length,
            },
        ));
    }
    if end != size - data {
        return Err(format!(
            "the tensors need {end} bytes, the file holds {}",
            size - data
        ));
    }
    Ok(infos)
}

/// Bytes of an element.
fn width(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "BOOL" | "U8" | "I8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => 1,
        "F16" | "BF16" | "U16" | "I16" => 2,
        "F32" | "U32" | "I32" => 4,
        "F64" | "U64" | "I64" => 8,
        _ => return None,
    })
}

/// The header's pairs in their order; a map type would hide a repeated key.
struct Entries(Vec<(String, Raw)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut pairs = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        pairs.push((name, map.next_value()?));
                    }
                }
                Ok(Entries(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
