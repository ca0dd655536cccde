//! Hugging Face checkpoint directories: `config.json` beside
//! `model.safetensors`, or beside several files and an index.
//!
//! Headers are read and checked when the directory is opened, and the files are
//! mapped where the system can. A tensor whose element type and order are those
//! asked for is checked and stays in its file: no copy is made, and processes
//! share it. Any other is read when it is taken, a piece at a time and straight
//! into its element type and order, so that memory holds one copy of the model
//! and little else.
//!
//! As long as a tensor is in use nobody may write into its file or shorten it,
//! see [`instructue_fs::map`]. To write another one and rename it is fine.

mod decode;
mod fill;
mod header;
mod read;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use burn::tensor::{AllocationProperty, Bytes, Device, Tensor, TensorData};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::line;
use crate::source::{Orientation, WeightSource};
use crate::{Error, Precision, Result};
pub use fill::{Filling, TooLarge};
use read::Reading;
pub use write::write_safetensors;

/// Name of the configuration in a checkpoint directory.
pub const CONFIG: &str = "config.json";
/// Name of the weights in a directory that is not sharded.
pub const WEIGHTS: &str = "model.safetensors";
/// Name of the index of a sharded directory.
pub const INDEX: &str = "model.safetensors.index.json";

/// An open checkpoint, from which tensors are taken by name.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    files: Vec<Shard>,
    entries: BTreeMap<String, Entry>,
    taken: BTreeSet<String>,
    /// Whether matrices that are wanted transposed stay as they lie.
    views: bool,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    file: File,
    /// The whole file, where it can be mapped.
    map: Option<bytes::Bytes>,
}

#[derive(Debug)]
struct Entry {
    file: usize,
    info: header::Info,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Opens a directory.
    pub fn open(dir: &Path) -> Result<Self> {
        let index = dir.join(INDEX);
        let single = dir.join(WEIGHTS);
        // A single file wins: it is what a later save leaves behind.
        if single.is_file() {
            return Self::open_file(&single);
        }
        if !index.is_file() {
            return Err(Error::NoWeights { path: dir.into() });
        }
        let map = read_json::<Index>(&index)?.weight_map;
        let mut checkpoint = Self::empty(dir.into());
        // Each shard, with a tensor that is said to be in it.
        let shards: BTreeMap<&String, &String> =
            map.iter().map(|(tensor, file)| (file, tensor)).collect();
        for (name, tensor) in shards {
            // An index may come from anywhere: it names files of its own
            // directory and no others.
            if name.is_empty() || name == ".." || name.contains(['/', '\\']) {
                return Err(Error::Json {
                    path: index,
                    reason: format!(
                        "weight_map names `{}`, which is not a plain file name",
                        line(name)
                    ),
                });
            }
            if !dir.join(name).is_file() {
                return Err(Error::Json {
                    path: index,
                    reason: format!(
                        "tensor `{}` is in `{}`, but there is no such file",
                        line(tensor),
                        line(name)
                    ),
                });
            }
            checkpoint.add(dir.join(name))?;
        }
        for (tensor, file) in &map {
            let entry = checkpoint.entries.get(tensor);
            let found = entry.map(|entry| &checkpoint.files[entry.file].path);
            if found != Some(&dir.join(file)) {
                return Err(Error::Missing {
                    path: dir.join(file),
                    name: tensor.clone(),
                });
            }
        }
        Ok(checkpoint)
    }

    /// Opens one safetensors file.
    pub fn open_file(path: &Path) -> Result<Self> {
        let mut checkpoint = Self::empty(path.into());
        checkpoint.add(path.into())?;
        Ok(checkpoint)
    }

    fn empty(path: PathBuf) -> Self {
        Self {
            path,
            files: Vec::new(),
            entries: BTreeMap::new(),
            taken: BTreeSet::new(),
            views: false,
        }
    }

    /// Gives matrices that are wanted transposed as views of the file, where it can be mapped and
    /// has their precision. They are there at once, but each product with one turns it over again.
    #[must_use]
    pub fn with_views(mut self) -> Self {
        self.views = true;
        self
    }

    fn add(&mut self, path: PathBuf) -> Result<()> {
        let (file, infos) = header::open(&path)?;
        let number = self.files.len();
        for (name, info) in infos {
            if let Some(other) = self.entries.get(&name) {
                let first = self.files[other.file].path.display();
                let reason = format!("tensor `{}` is already in {first}", line(&name));
                return Err(Error::Header { path, reason });
            }
            let file = number;
            self.entries.insert(name, Entry { file, info });
        }
        let map = instructue_fs::map(&file);
        self.files.push(Shard { path, file, map });
        Ok(())
    }

    /// The file or directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The keys, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries
            .get(name)
            .map(|entry| entry.info.shape.as_slice())
    }

    /// Takes a tensor as `f32`.
    ///
    /// Fails if it is missing, has another shape, is not of type F32, F16 or
    /// BF16, or holds a value that is not finite.
    pub fn take<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        device: &Device,
    ) -> Result<Tensor<D>> {
        self.take_in(Precision::F32, name, shape, device)
    }

    /// Takes a tensor in a precision.
    ///
    /// Fails as [`take`](Self::take), or if the precision cannot hold a value.
    pub fn take_in<const D: usize>(
        &mut self,
        precision: Precision,
        name: &str,
        shape: [usize; D],
        device: &Device,
    ) -> Result<Tensor<D>> {
        self.tensor(name, shape, Orientation::Stored, precision, device)
    }

    /// Takes a matrix stored `[rows, columns]` as `[columns, rows]`, as `f32`.
    ///
    /// Checkpoints hold the weight of a linear map as `[output, input]`; this
    /// workspace multiplies from the left.
    pub fn take_transposed(
        &mut self,
        name: &str,
        shape: [usize; 2],
        device: &Device,
    ) -> Result<Tensor<2>> {
        let orientation = Orientation::Transposed;
        self.tensor(name, shape, orientation, Precision::F32, device)
    }

    /// Marks a tensor as known, so that [`finish`](Self::finish) accepts it.
    pub fn ignore(&mut self, name: &str) {
        if self.entries.contains_key(name) {
            self.taken.insert(name.into());
        }
    }

    /// The keys that were neither taken nor ignored, sorted.
    pub fn unused(&self) -> Vec<String> {
        self.entries
            .keys()
            .filter(|name| !self.taken.contains(*name))
            .cloned()
            .collect()
    }

    /// Fails if a tensor was left over: then the model is not the one that the
    /// checkpoint was made for.
    pub fn finish(self) -> Result<()> {
        let names = self.unused();
        if names.is_empty() {
            return Ok(());
        }
        Err(Error::Extra {
            path: self.path,
            names,
        })
    }
}

impl WeightSource for Checkpoint {
    type Error = Error;

    fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    fn tensor<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        orientation: Orientation,
        precision: Precision,
        device: &Device,
    ) -> Result<Tensor<D>> {
        let turned = orientation == Orientation::Transposed;
        let Some(entry) = self.entries.get(name) else {
            return Err(Error::Missing {
                path: self.path.clone(),
                name: name.into(),
            });
        };
        let Shard { path, file, map } = &mut self.files[entry.file];
        if entry.info.shape != shape {
            return Err(Error::Shape {
                path: path.clone(),
                name: name.into(),
                expected: shape.to_vec(),
                found: entry.info.shape.clone(),
            });
        }
        let Some(kind) = decode::Kind::parse(&entry.info.dtype) else {
            return Err(Error::Dtype {
                path: path.clone(),
                name: name.into(),
                found: entry.info.dtype.clone(),
            });
        };
        let reading = Reading {
            path,
            name,
            kind,
            start: entry.info.start,
            length: entry.info.length,
        };
        self.taken.insert(name.into());
        // A matrix that is to be transposed is copied, if views were not asked
        // for: as a view it would be turned in every product.
        if let (Some(map), false) = (map, turned && !self.views)
            && let Some(bytes) = reading.in_place(map, precision)?
        {
            let bytes = Bytes::from_shared(bytes, AllocationProperty::File);
            let data = TensorData::from_bytes(bytes, shape, precision.dtype());
            let stored = Tensor::from_data(data, (device, precision.dtype()));
            return Ok(match turned {
                true => stored.transpose(),
                false => stored,
            });
        }
        let mut into = match (turned, shape.as_slice()) {
            (true, &[rows, columns]) => Filling::transposed([rows, columns], precision),
            _ => Filling::new(&shape, precision),
        };
        reading.run(file, |values| {
            into.push(values).map_err(|large| Error::Overflow {
                path: path.clone(),
                name: name.into(),
                index: large.index,
                value: large.value,
                precision,
            })
        })?;
        Ok(into.upload(device))
    }
}

/// Reads a JSON file into a value; errors name the file, the line and the key.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = instructue_fs::read_text(path)?;
    serde_json::from_str(&text).map_err(|error| Error::Json {
        path: path.into(),
        reason: error.to_string(),
    })
}
