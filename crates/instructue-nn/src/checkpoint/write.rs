//! Writing safetensors files, which appear whole or not at all.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use burn::tensor::{DType, TensorData};
use instructue_fs::NewFile;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::{Error, Result};

/// Writes tensors to a file that is either complete or not there.
///
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

    let failed = |source: io::Error| Error::Io {
        path: path.into(),
        source,
    };
    let mut out = BufWriter::with_capacity(1 << 20, NewFile::create(path)?);
    let parts = [&(header.len() as u64).to_le_bytes()[..], &header];
    let tensors = tensors.iter().map(|(_, data)| data.as_bytes());
    for part in parts.into_iter().chain(tensors) {
        out.write_all(part).map_err(failed)?;
    }
    let file = out.into_inner();
    Ok(file.map_err(|error| failed(error.into_error()))?.commit()?)
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
