//! Digests that identify an encoder, a tokenizer and a text: the keys of the cache.

use std::fmt;

use sha2::Digest as _;
use sha2::Sha256;

use crate::TextEncoder;

/// A SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// That of some bytes, such as those of a `tokenizer.json`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// In hexadecimal.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An encoder with its tokenizer: what a text's vector depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheSpace {
    /// [`TextEncoder::digest`].
    pub encoder: Digest,
    /// That of all that turns a text into ids; any one, where keys are made of
    /// ids ([`TextKey::of_tokens`]).
    pub tokenizer: Digest,
    /// Width of the vectors.
    pub width: usize,
}

impl CacheSpace {
    /// That of an encoder.
    pub fn of(encoder: &TextEncoder, tokenizer: Digest) -> Self {
        Self {
            encoder: encoder.digest(),
            tokenizer,
            width: encoder.hidden_size(),
        }
    }

    pub(super) fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(b"event vectors\0");
        hasher.update(self.encoder.0);
        hasher.update(self.tokenizer.0);
        hasher.update((self.width as u64).to_le_bytes());
        Digest(hasher.finalize().into())
    }
}

/// A text, by the SHA-256 of what reaches the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextKey(pub(super) [u8; 32]);

impl TextKey {
    /// By the text. If it is cut to a number of tokens, that number belongs to the
    /// space's tokenizer digest.
    pub fn of_text(text: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"text\0");
        hasher.update(text);
        Self(hasher.finalize().into())
    }

    /// By the text's token ids as the encoder gets them, cut and all.
    pub fn of_tokens(ids: &[u32]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"tokens\0");
        for id in ids {
            hasher.update(id.to_le_bytes());
        }
        Self(hasher.finalize().into())
    }
}

impl TextEncoder {
    /// The SHA-256 of all that decides the vectors: names, shapes and values of the
    /// tensors, pooling, unit length, heads, ε and scales of LoRA. Reads every weight.
    pub fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(format!("{:?} {:?}\0", self.pooling(), self.constants()));
        if self.normalized() {
            // Only then, so that digests of others are those of earlier versions.
            hasher.update(b"normalized\0");
        }
        if self.first_position() > 0 {
            hasher.update(format!("positions from {}\0", self.first_position()));
        }
        for (name, data) in self.save_tensors() {
            let head = format!("{name} {:?} {:?}\0", data.dtype(), data.shape().to_vec());
            hasher.update(head);
            hasher.update(data.as_bytes());
        }
        Digest(hasher.finalize().into())
    }
}
