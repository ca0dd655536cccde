//! A writer of GGUF files that writes whatever it is told.
#![allow(dead_code)] // each test binary uses its own part

pub const F32: u32 = 0;
pub const U8: u32 = 0;
pub const U32: u32 = 4;
pub const BOOL: u32 = 7;
pub const STRING: u32 = 8;
pub const ARRAY: u32 = 9;
pub const U64: u32 = 10;

/// A file in the making: its parts as they will be written.
#[derive(Clone)]
pub struct Writer {
    pub magic: [u8; 4],
    pub version: u32,
    pub alignment: u64,
    /// What the header claims instead of the true numbers.
    pub claimed_tensors: Option<u64>,
    pub claimed_keys: Option<u64>,
    /// Name, type of value, its bytes.
    pub keys: Vec<(String, u32, Vec<u8>)>,
    pub tensors: Vec<Tensor>,
}

#[derive(Clone)]
pub struct Tensor {
    pub name: String,
    /// As in the file: the fastest axis first.
    pub axes: Vec<u64>,
    pub kind: u32,
    pub bytes: Vec<u8>,
    /// Instead of the place where the bytes are.
    pub claimed_offset: Option<u64>,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            magic: *b"GGUF",
            version: 3,
            alignment: 32,
            claimed_tensors: None,
            claimed_keys: None,
            keys: Vec::new(),
            tensors: Vec::new(),
        }
    }
}

pub fn string(text: &str) -> Vec<u8> {
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text.as_bytes());
    out
}

/// The bytes of an array value from those of its elements.
pub fn array(kind: u32, elements: &[Vec<u8>]) -> Vec<u8> {
    let mut out = kind.to_le_bytes().to_vec();
    out.extend((elements.len() as u64).to_le_bytes());
    out.extend(elements.iter().flatten());
    out
}

pub fn strings(texts: &[&str]) -> Vec<u8> {
    let elements: Vec<_> = texts.iter().map(|text| string(text)).collect();
    array(STRING, &elements)
}

impl Writer {
    pub fn key(mut self, name: &str, kind: u32, bytes: impl Into<Vec<u8>>) -> Self {
        self.keys.push((name.into(), kind, bytes.into()));
        self
    }

    pub fn tensor(mut self, name: &str, axes: &[u64], kind: u32, bytes: Vec<u8>) -> Self {
        self.tensors.push(Tensor {
            name: name.into(),
            axes: axes.to_vec(),
            kind,
            bytes,
            claimed_offset: None,
        });
        self
    }

    pub fn floats(self, name: &str, axes: &[u64], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.tensor(name, axes, F32, bytes)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.magic.to_vec();
        out.extend(self.version.to_le_bytes());
        let tensors = self.claimed_tensors.unwrap_or(self.tensors.len() as u64);
        let keys = self.claimed_keys.unwrap_or(self.keys.len() as u64);
        out.extend(tensors.to_le_bytes());
        out.extend(keys.to_le_bytes());
        for (name, kind, bytes) in &self.keys {
            out.extend(string(name));
            out.extend(kind.to_le_bytes());
            out.extend(bytes);
        }
        let mut offset: u64 = 0;
        for tensor in &self.tensors {
            out.extend(string(&tensor.name));
            out.extend((tensor.axes.len() as u32).to_le_bytes());
            out.extend(tensor.axes.iter().flat_map(|axis| axis.to_le_bytes()));
            out.extend(tensor.kind.to_le_bytes());
            out.extend(tensor.claimed_offset.unwrap_or(offset).to_le_bytes());
            offset += (tensor.bytes.len() as u64).next_multiple_of(self.alignment);
        }
        for tensor in &self.tensors {
            out.resize(out.len().next_multiple_of(self.alignment as usize), 0);
            out.extend(&tensor.bytes);
        }
        out
    }
}
