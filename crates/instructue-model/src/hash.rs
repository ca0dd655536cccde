//! SHA-256 of values, and of all weights of a module.

use std::path::PathBuf;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The digest of a part's weights but for the factors of LoRA.
pub(crate) fn weights_digest<M: Module>(kind: &str, module: &M) -> String {
    Hash::new(kind).weights(module, &["lora"])
}

/// Hashes values with their lengths, so that no two lists run into each other.
pub(crate) struct Hash(Sha256);

impl Hash {
    pub fn new(kind: &str) -> Self {
        let mut hash = Self(Sha256::new());
        hash.bytes(kind.as_bytes());
        hash
    }

    pub fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_le_bytes());
    }

    pub fn code(&mut self, code: u32) {
        self.0.update(code.to_le_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }

    pub fn floats(&mut self, values: &[f32]) {
        self.count(values.len());
        for value in values {
            self.0.update(value.to_bits().to_le_bytes());
        }
    }

    pub fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let value = serde_json::to_value(value).map_err(|e| Error::Format {
            path: PathBuf::new(),
            message: e.to_string(),
        })?;
        self.value(&value);
        Ok(())
    }

    /// Numbers count to the precision of `f32`: that is what the network
    /// computes with, and a number that went through a file may come back with
    /// another last bit.
    fn value(&mut self, value: &Value) {
        match value {
            Value::Number(number) if number.is_f64() => {
                self.floats(&[number.as_f64().unwrap_or(f64::NAN) as f32]);
            }
            Value::Array(values) => {
                self.count(values.len());
                values.iter().for_each(|value| self.value(value));
            }
            Value::Object(fields) => {
                self.count(fields.len());
                for (name, value) in fields {
                    self.bytes(name.as_bytes());
                    self.value(value);
                }
            }
            other => self.bytes(other.to_string().as_bytes()),
        }
    }

    /// All parameters with their paths, one at a time in memory; those below a
    /// part of one of the names `but` are left out.
    pub fn weights<M: Module>(self, module: &M, but: &[&str]) -> String {
        struct Visit<'a>(Hash, Vec<String>, &'a [&'a str]);
        impl ModuleVisitor for Visit<'_> {
            fn enter_module(&mut self, name: &str, _: &str) {
                self.1.push(name.into());
            }
            fn exit_module(&mut self, _: &str, _: &str) {
                self.1.pop();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if self.1.iter().any(|name| self.2.contains(&name.as_str())) {
                    return;
                }
                let data = param.val().into_data();
                self.0.bytes(self.1.join(".").as_bytes());
                self.0.count(D);
                for &size in data.shape().to_vec().iter() {
                    self.0.count(size);
                }
                self.0.bytes(data.as_bytes());
            }
        }
        let mut visit = Visit(self, Vec::new(), but);
        module.visit(&mut visit);
        visit.0.finish()
    }

    pub fn finish(self) -> String {
        let bytes = self.0.finalize();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
