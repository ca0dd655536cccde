//! The header: counts, metadata, and where each tensor is.
//!
//! Layout, little-endian: `GGUF`, version, number of tensors, number of keys;
//! the keys with their values; name, shape, type and offset of each tensor;
//! padding; the data.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use crate::cursor::Cursor;
use crate::{Array, Error, Result, Strings, TensorInfo, TensorType, Value};

const MAGIC: [u8; 4] = *b"GGUF";
const ALIGNMENT: &str = "general.alignment";
const DEFAULT_ALIGNMENT: u64 = 32;
/// Of a file system's page and more; what is above is a damaged number.
const MAX_ALIGNMENT: u64 = 1 << 16;
const MAX_AXES: u32 = 4;
/// Arrays of arrays exist in the format, though nobody writes them.
const MAX_DEPTH: usize = 4;
/// Bytes of the shortest key with its value, and of the shortest tensor entry.
const MIN_KEY: u64 = 8 + 4 + 1;
const MIN_TENSOR: u64 = 8 + 4 + 8 + 4 + 8;

/// What the header says.
pub(crate) struct Header {
    pub version: u32,
    pub metadata: BTreeMap<String, Value>,
    pub tensors: BTreeMap<String, TensorInfo>,
}

/// Reads the header of an open file and checks it against the file's size.
pub(crate) fn read(path: &Path, file: File) -> Result<(Header, File)> {
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    let size = file.metadata().map_err(io)?.len();
    let mut cursor = Cursor::new(path, file, size);
    let version = version(&mut cursor)?;

    cursor.place = "number of tensors".into();
    let tensors = cursor.u64()?;
    cursor.expect(tensors, MIN_TENSOR)?;
    cursor.place = "number of keys".into();
    let keys = cursor.u64()?;
    cursor.expect(keys, MIN_KEY)?;

    let mut metadata = BTreeMap::new();
    for index in 0..keys {
        cursor.place = format!("key {index}");
        let key = cursor.string()?;
        cursor.place = format!("key `{key}`");
        if metadata.contains_key(&key) {
            return Err(cursor.error("each key once", "it again"));
        }
        let value = value(&mut cursor)?;
        metadata.insert(key, value);
    }
    let alignment = alignment(path, &metadata)?;

    let mut places = Vec::new();
    for index in 0..tensors {
        cursor.place = format!("tensor {index}");
        let name = cursor.string()?;
        cursor.place = format!("tensor `{name}`");
        places.push((name, tensor(&mut cursor, alignment)?));
    }
    // The limit of a header keeps this far from overflowing.
    let data = cursor.position().next_multiple_of(alignment);
    let tensors = place(path, places, data, size)?;
    let header = Header {
        version,
        metadata,
        tensors,
    };
    Ok((header, cursor.into_file()))
}

fn version(cursor: &mut Cursor<'_>) -> Result<u32> {
    cursor.place = "magic number".into();
    let magic = cursor.bytes()?;
    if magic != MAGIC {
        return Err(cursor.error(
            "\"GGUF\"",
            format!("{:?}", magic.escape_ascii().to_string()),
        ));
    }
    cursor.place = "version".into();
    match cursor.u32()? {
        version @ (2 | 3) => Ok(version),
        swapped if matches!(swapped.swap_bytes(), 1..=3) => {
            Err(cursor.error("a little-endian file", "a big-endian one"))
        }
        other => Err(cursor.error("2 or 3", other)),
    }
}

fn value(cursor: &mut Cursor<'_>) -> Result<Value> {
    let kind = cursor.u32()?;
    Ok(match kind {
        0 => Value::U8(u8::from_le_bytes(cursor.bytes()?)),
        1 => Value::I8(i8::from_le_bytes(cursor.bytes()?)),
        2 => Value::U16(u16::from_le_bytes(cursor.bytes()?)),
        3 => Value::I16(i16::from_le_bytes(cursor.bytes()?)),
        4 => Value::U32(u32::from_le_bytes(cursor.bytes()?)),
        5 => Value::I32(i32::from_le_bytes(cursor.bytes()?)),
        6 => Value::F32(f32::from_le_bytes(cursor.bytes()?)),
        7 => {
            let byte = cursor.bytes()?;
            Value::Bool(truth(cursor, byte)?)
        }
        8 => Value::String(cursor.string()?),
        9 => Value::Array(array(cursor, 0)?),
        10 => Value::U64(u64::from_le_bytes(cursor.bytes()?)),
        11 => Value::I64(i64::from_le_bytes(cursor.bytes()?)),
        12 => Value::F64(f64::from_le_bytes(cursor.bytes()?)),
        _ => return Err(cursor.error("a value type from 0 to 12", kind)),
    })
}

fn array(cursor: &mut Cursor<'_>, depth: usize) -> Result<Array> {
    let kind = cursor.u32()?;
    let count = cursor.u64()?;
    Ok(match kind {
        0 => Array::U8(numbers(cursor, count, u8::from_le_bytes)?),
        1 => Array::I8(numbers(cursor, count, i8::from_le_bytes)?),
        2 => Array::U16(numbers(cursor, count, u16::from_le_bytes)?),
        3 => Array::I16(numbers(cursor, count, i16::from_le_bytes)?),
        4 => Array::U32(numbers(cursor, count, u32::from_le_bytes)?),
        5 => Array::I32(numbers(cursor, count, i32::from_le_bytes)?),
        6 => Array::F32(numbers(cursor, count, f32::from_le_bytes)?),
        7 => {
            let bytes = numbers(cursor, count, |byte: [u8; 1]| byte)?;
            let truths = bytes.into_iter().map(|byte| truth(cursor, byte));
            Array::Bool(truths.collect::<Result<_>>()?)
        }
        8 => {
            cursor.expect(count, 8)?;
            let mut strings = Strings::default();
            for _ in 0..count {
                strings.push(&cursor.string()?);
            }
            Array::String(strings)
        }
        9 if depth < MAX_DEPTH => {
            cursor.expect(count, 4 + 8)?;
            let arrays = (0..count).map(|_| array(cursor, depth + 1));
            Array::Array(arrays.collect::<Result<_>>()?)
        }
        9 => return Err(cursor.error(format!("arrays at most {MAX_DEPTH} deep"), "a deeper one")),
        10 => Array::U64(numbers(cursor, count, u64::from_le_bytes)?),
        11 => Array::I64(numbers(cursor, count, i64::from_le_bytes)?),
        12 => Array::F64(numbers(cursor, count, f64::from_le_bytes)?),
        _ => return Err(cursor.error("an element type from 0 to 12", kind)),
    })
}

fn numbers<const N: usize, T>(
    cursor: &mut Cursor<'_>,
    count: u64,
    read: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>> {
    let count = cursor.expect(count, N as u64)?;
    let mut bytes = vec![0; count * N];
    cursor.fill(&mut bytes)?;
    let (elements, _) = bytes.as_chunks::<N>();
    Ok(elements.iter().map(|element| read(*element)).collect())
}

fn truth(cursor: &Cursor<'_>, [byte]: [u8; 1]) -> Result<bool> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(cursor.error("a bool of 0 or 1", byte)),
    }
}

fn alignment(path: &Path, metadata: &BTreeMap<String, Value>) -> Result<u64> {
    match metadata.get(ALIGNMENT) {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(Value::U32(x)) if x.is_power_of_two() && u64::from(*x) <= MAX_ALIGNMENT => {
            Ok((*x).into())
        }
        Some(other) => Err(Error::Key {
            path: path.into(),
            key: ALIGNMENT.into(),
            expected: format!("a power of two up to {MAX_ALIGNMENT} (u32)"),
            found: other.to_string(),
        }),
    }
}

/// One tensor's entry; its start still counts from the data section.
fn tensor(cursor: &mut Cursor<'_>, alignment: u64) -> Result<TensorInfo> {
    let axes = cursor.u32()?;
    if !(1..=MAX_AXES).contains(&axes) {
        return Err(cursor.error(format!("1 to {MAX_AXES} axes"), axes));
    }
    let mut shape = Vec::new();
    for _ in 0..axes {
        let axis = cursor.u64()?;
        match usize::try_from(axis) {
            Ok(axis) if axis > 0 => shape.push(axis),
            _ => return Err(cursor.error("axes of at least 1", axis)),
        }
    }
    let row = shape[0];
    // The file counts axes from the fastest.
    shape.reverse();
    let id = cursor.u32()?;
    let Some(kind) = TensorType::from_id(id) else {
        let found = match TensorType::unsupported_name(id) {
            Some(name) => format!("{id} ({name})"),
            None => id.to_string(),
        };
        return Err(cursor.error(format!("a type among {}", TensorType::NAMES), found));
    };
    if !row.is_multiple_of(kind.block_len()) {
        let expected = format!(
            "rows of a multiple of {} elements for {kind}",
            kind.block_len()
        );
        return Err(cursor.error(expected, row));
    }
    let elements = shape
        .iter()
        .try_fold(1_usize, |n, axis| n.checked_mul(*axis));
    let bytes = elements.and_then(|n| (n / kind.block_len()).checked_mul(kind.block_bytes()));
    let (Some(elements), Some(bytes)) = (elements, bytes) else {
        return Err(cursor.error("a tensor that fits this machine", format!("{shape:?}")));
    };
    let start = cursor.u64()?;
    if !start.is_multiple_of(alignment) {
        return Err(cursor.error(
            format!("an offset that is a multiple of {alignment}"),
            start,
        ));
    }
    Ok(TensorInfo {
        kind,
        shape,
        start,
        elements,
        bytes,
    })
}

/// Checks that tensors lie within the file and beside each other.
fn place(
    path: &Path,
    mut tensors: Vec<(String, TensorInfo)>,
    data: u64,
    size: u64,
) -> Result<BTreeMap<String, TensorInfo>> {
    let refuse = |name: &str, expected: String, found: String| Error::Tensor {
        path: path.into(),
        name: name.into(),
        expected,
        found,
    };
    tensors.sort_by_key(|(_, info)| info.start);
    let mut placed = BTreeMap::new();
    let mut before = data;
    for (name, mut info) in tensors {
        let start = data.checked_add(info.start);
        let end = start.and_then(|start| start.checked_add(info.bytes as u64));
        let (Some(start), Some(end)) = (start, end.filter(|end| *end <= size)) else {
            let expected = format!("data within the {size} bytes of the file");
            let found = format!("{} bytes at offset {} of {data}", info.bytes, info.start);
            return Err(refuse(&name, expected, found));
        };
        if start < before {
            let expected = format!("data of its own, from byte {before} on");
            return Err(refuse(&name, expected, format!("byte {start}")));
        }
        (before, info.start) = (end, start);
        if placed.contains_key(&name) {
            return Err(refuse(&name, "each name once".into(), "it again".into()));
        }
        placed.insert(name, info);
    }
    Ok(placed)
}
