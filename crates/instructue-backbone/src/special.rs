//! Rows of the embedding table for tokens that a checkpoint does not have. An exported
//! decoder needs them for delimiters and `<USER>`.

use std::ops::Range;

use burn::module::Param;
use burn::tensor::Tensor;

use crate::decoder::Decoder;

impl Decoder {
    /// The same decoder with embeddings for further tokens. They take the rows
    /// after the `used` ones, which are those that the tokenizer gives: published
    /// tables are padded, so that often nothing grows. Where the rows do not
    /// suffice, the table grows by what is missing, and so does an output matrix
    /// of its own, by zeros; rows for ids that the tokenizer has beyond the table are
    /// zeros, too. All other weights stay as they are, and a tied output
    /// matrix stays tied.
    ///
    /// Returns the decoder and the ids of the new tokens.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[tokens, hidden]`
    ///
    /// # Panics
    ///
    /// If the width is another.
    pub fn with_special_rows(mut self, used: usize, rows: Tensor<2>) -> (Self, Range<usize>) {
        let table = self.embed_tokens.weight.val();
        let [vocabulary, hidden] = table.dims();
        let [count, width] = rows.dims();
        assert_eq!(width, hidden, "width of the rows");
        let end = used + count;
        let mut parts = vec![table.clone().narrow(0, 0, used.min(vocabulary))];
        if used > vocabulary {
            let beyond = Tensor::<2>::zeros([used - vocabulary, hidden], &table.device());
            parts.push(beyond.cast(table.dtype()));
        }
        parts.push(rows.cast(table.dtype()));
        if end < vocabulary {
            parts.push(table.narrow(0, end, vocabulary - end));
        }
        let trainable = self.embed_tokens.weight.val().is_require_grad();
        let table = Tensor::cat(parts, 0).detach().set_require_grad(trainable);
        self.embed_tokens.weight = Param::initialized(self.embed_tokens.weight.id, table);
        if let Some(head) = &mut self.lm_head
            && end > vocabulary
        {
            let weight = head.weight.val();
            let trainable = weight.is_require_grad();
            let more = Tensor::<2>::zeros([hidden, end - vocabulary], &weight.device());
            let more = more.cast(weight.dtype());
            let weight = Tensor::cat(vec![weight, more], 1).detach();
            let weight = weight.set_require_grad(trainable);
            head.weight = Param::initialized(head.weight.id, weight);
        }
        self.config.vocab_size = end.max(vocabulary);
        (self, used..end)
    }
}
