//! Rule-based UserQA: verifiable instruction and answer triples from user histories.
