//! Contrastive and next-token losses with false-negative masks and GradCache: tensors in, scalars out.
