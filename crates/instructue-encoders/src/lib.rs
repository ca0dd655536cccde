//! One encoder per source: BERT-type text encoders and a tabular encoder.
