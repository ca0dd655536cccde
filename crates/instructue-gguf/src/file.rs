//! An open file: its metadata, and its tensors one at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::dequantise::dequantise;
use crate::error::{Error, Result};
use crate::header;
use crate::tensor_info::TensorInfo;
use crate::tensor_type::TensorType;
use crate::value::Value;

/// Stored bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// An open GGUF file.
///
/// Opening reads and checks the header; the data of a tensor is read when it is
/// taken, a mebibyte at a time, so that memory holds the result and little else.
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    file: File,
    version: u32,
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, TensorInfo>,
}

impl Gguf {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read; [`Error::Header`], [`Error::Key`]
    /// or [`Error::Tensor`] when the header is not one, is cut short, claims
    /// more than the file holds, or has a tensor of an unsupported type.
    pub fn open(path: &Path) -> Result<Self> {
        let file = instructue_fs::open(path)?;
        let (header, file) = header::read(path, file)?;
        Ok(Self {
            path: path.into(),
            file,
            version: header.version,
            metadata: header.metadata,
            tensors: header.tensors,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Version of the format: 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The metadata, sorted by key.
    pub fn metadata(&self) -> &BTreeMap<String, Value> {
        &self.metadata
    }

    /// The tensors, sorted by name.
    pub fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    /// What a tensor is.
    ///
    /// # Errors
    /// [`Error::Missing`] when it is not there.
    pub fn tensor(&self, name: &str) -> Result<&TensorInfo> {
        self.tensors.get(name).ok_or_else(|| Error::Missing {
            path: self.path.clone(),
            name: name.into(),
        })
    }

    /// A tensor as `f32`, row-major.
    ///
    /// # Errors
    /// [`Error::Missing`] when it is not there, [`Error::Tensor`] when it has
    /// another shape, [`Error::NotFinite`] when an element is NaN or infinite,
    /// [`Error::Io`] when the file cannot be read.
    pub fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let mut values = Vec::with_capacity(self.shaped(name, shape)?.elements);
        self.read_pieces(name, shape, |piece| {
            values.extend_from_slice(piece);
            Ok::<_, Error>(())
        })?;
        Ok(values)
    }

    /// A tensor as `f32`, row-major, in pieces of a mebibyte of the file, for
    /// who keeps it as something else.
    ///
    /// # Errors
    /// As [`read`](Self::read), or the first of `take`.
    pub fn read_pieces<E: From<Error>>(
        &mut self,
        name: &str,
        shape: &[usize],
        take: impl FnMut(&[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let info = self.shaped(name, shape)?;
        let (kind, start, elements) = (info.kind, info.start, info.elements);
        self.elements(name, kind, start, elements, take)
    }

    /// Whether a tensor has this shape, so that memory for it may be taken.
    ///
    /// # Errors
    /// [`Error::Missing`] when it is not there, [`Error::Tensor`] when it has
    /// another shape.
    pub fn check_shape(&self, name: &str, shape: &[usize]) -> Result<()> {
        self.shaped(name, shape).map(drop)
    }

    /// What a tensor is, if it has this shape.
    fn shaped(&self, name: &str, shape: &[usize]) -> Result<&TensorInfo> {
        let info = self.tensor(name)?;
        if info.shape != shape {
            return Err(self.refuse(
                name,
                format!("shape {shape:?}"),
                format!("{:?}", info.shape),
            ));
        }
        Ok(info)
    }

    /// One row of a tensor as `f32`: the elements along its last axis, for the
    /// others taken together as rows.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::Tensor`] when there are not so many rows.
    pub fn read_row(&mut self, name: &str, row: usize) -> Result<Vec<f32>> {
        let info = self.tensor(name)?;
        let columns = info.shape.last().copied().unwrap_or(1);
        let rows = info.elements / columns;
        if row >= rows {
            return Err(self.refuse(name, format!("more than {row} rows"), rows.to_string()));
        }
        let kind = info.kind;
        // Rows are whole blocks, as the header's check has made sure.
        let start = info.start + (row * (info.bytes / rows)) as u64;
        let mut values = Vec::with_capacity(columns);
        self.elements(name, kind, start, columns, |piece| {
            values.extend_from_slice(piece);
            Ok::<_, Error>(())
        })?;
        Ok(values)
    }

    fn elements<E: From<Error>>(
        &mut self,
        name: &str,
        kind: TensorType,
        start: u64,
        elements: usize,
        mut take: impl FnMut(&[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let io = |source| Error::Io {
            path: self.path.clone(),
            source,
        };
        self.file.seek(SeekFrom::Start(start)).map_err(io)?;
        let most = CHUNK / kind.block_bytes() * kind.block_len();
        let mut values = vec![0.0; most.min(elements)];
        let mut bytes = vec![0; values.len() / kind.block_len() * kind.block_bytes()];
        let mut done = 0;
        while done < elements {
            let piece = &mut values[..most.min(elements - done)];
            let bytes = &mut bytes[..piece.len() / kind.block_len() * kind.block_bytes()];
            self.file.read_exact(bytes).map_err(io)?;
            dequantise(kind, bytes, piece);
            if let Some(index) = piece.iter().position(|value| !value.is_finite()) {
                return Err(E::from(Error::NotFinite {
                    path: self.path.clone(),
                    name: name.into(),
                    index: done + index,
                    value: piece[index],
                }));
            }
            take(piece)?;
            done += piece.len();
        }
        Ok(())
    }

    fn refuse(&self, name: &str, expected: String, found: String) -> Error {
        Error::Tensor {
            path: self.path.clone(),
            name: name.into(),
            expected,
            found,
        }
    }
}
