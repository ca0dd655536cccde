//! Writing safetensors files.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use burn::tensor::{DType, TensorData};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::{Error, Result};

/// Writes tensors to a file that is either complete or not there.
///
/// The bytes go to a file beside it, reach the disk, and are then renamed.
/// Tensors are stored in the order of their names; `metadata` is the format's
/// free map of strings (transformers wants `format = pt`).
pub fn write_safetensors(
    path: &Path,
    mut tensors: Vec<(String, TensorData)>,
    metadata: Option<HashMap<String, String>>,
) -> Result<()> {
    // Wide elements first keeps every tensor aligned.
    let rank = |data: &TensorData| std::cmp::Reverse(data.dtype().size());
    tensors.sort_by(|(a, x), (b, y)| (rank(x), a).cmp(&(rank(y), b)));

    let mut infos = Vec::with_capacity(tensors.len());
    let mut end = 0;
    for (name, data) in &tensors {
        let refuse = |reason: String| Error::Unwritable {
            name: name.clone(),
            reason,
        };
        let dtype = dtype(data.dtype())
            .ok_or_else(|| refuse(format!("dtype {:?} has no counterpart", data.dtype())))?;
        if infos.iter().any(|(other, _)| other == name) {
            return Err(refuse("its name occurs twice".into()));
        }
        let start = end;
        end += data.as_bytes().len();
        let info = TensorInfo {
            dtype,
            shape: data.shape().to_vec(),
            data_offsets: (start, end),
        };
        infos.push((name.clone(), info));
    }
    let refuse = |reason: String| Error::Header {
        path: path.into(),
        reason,
    };
    let header = Metadata::new(metadata, infos).map_err(|error| refuse(error.to_string()))?;
    let mut header = serde_json::to_vec(&header).map_err(|error| refuse(error.to_string()))?;
    header.resize(header.len().next_multiple_of(8), b' ');

    let temporary = beside(path);
    let written = (|| {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        for (_, data) in &tensors {
            out.write_all(data.as_bytes())?;
        }
        out.into_inner()
            .map_err(|error| error.into_error())?
            .sync_all()?;
        fs::rename(&temporary, path)
    })();
    written.map_err(|source| {
        // The half-written file is of no use; if it cannot be removed either,
        // the first error is the one to report.
        let _ = fs::remove_file(&temporary);
        Error::Io {
            path: path.into(),
            source,
        }
    })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn dtype(dtype: DType) -> Option<Dtype> {
    Some(match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 | DType::Flex32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::U8 => Dtype::U8,
        _ => return None,
    })
}
