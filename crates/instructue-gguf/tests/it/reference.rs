//! Bit for bit what the reference package reads.

use crate::common::{Writer, golden};
use instructue_gguf::{Gguf, TensorType};
use safetensors::SafeTensors;

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (elements, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    elements.iter().map(|x| f32::from_le_bytes(*x)).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn every_type_is_dequantised_bit_for_bit() {
    let bytes = std::fs::read(golden("blocks.safetensors")).unwrap();
    let blocks = SafeTensors::deserialize(&bytes).unwrap();
    let types: Vec<TensorType> = (0..64).filter_map(TensorType::from_id).collect();
    assert_eq!(types.len(), 11);
    for kind in types {
        let stored = blocks.tensor(&format!("{kind}.bytes")).unwrap().data();
        let values = floats(blocks.tensor(&format!("{kind}.values")).unwrap().data());
        let id = (0..64).find(|id| TensorType::from_id(*id) == Some(kind));
        let axes = [256, values.len() as u64 / 256];
        let writer = Writer::default().tensor("x", &axes, id.unwrap(), stored.to_vec());
        let mut file = writer.open().unwrap();
        let read = file.read("x", &[axes[1] as usize, 256]).unwrap();
        assert_eq!(bits(&read), bits(&values), "{kind}");
        for (index, row) in values.chunks(256).enumerate() {
            let read = file.read_row("x", index).unwrap();
            assert_eq!(bits(&read), bits(row), "{kind}, row {index}");
        }
    }
}

#[test]
fn a_file_of_the_reference_writer_is_read_bit_for_bit() {
    let mut file = Gguf::open(&golden("small.gguf")).unwrap();
    let bytes = std::fs::read(golden("small.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensors().len(), expected.names().len());
    for (name, view) in expected.iter() {
        let read = file.read(name, view.shape()).unwrap();
        assert_eq!(bits(&read), bits(&floats(view.data())), "{name}");
    }
}

#[test]
fn its_metadata_is_read() {
    let file = Gguf::open(&golden("small.gguf")).unwrap();
    assert_eq!(file.version(), 3);
    assert_eq!(file.metadata().len(), 20);
    assert_eq!(file.text("general.name").unwrap(), Some("small"));
    assert_eq!(file.size("llama.embedding_length").unwrap(), Some(32));
    // Narrowed to f32 by the writer, and what it was again.
    let epsilon = file.float("llama.attention.layer_norm_rms_epsilon");
    assert_eq!(epsilon.unwrap(), Some(1e-5));
    assert_eq!(
        file.flag("tokenizer.ggml.add_bos_token").unwrap(),
        Some(false)
    );
    let tokens = file.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    assert_eq!((tokens.len(), tokens.get(1)), (272, Some("<|im_start|>")));
    let kinds = file.integers("tokenizer.ggml.token_type").unwrap().unwrap();
    assert_eq!((kinds.len(), kinds[0], kinds[271]), (272, 3, 5));
    assert_eq!(file.text("no.such.key").unwrap(), None);
}
