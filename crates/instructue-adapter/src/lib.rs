//! Event vectors to backbone tokens, with source and user summary tokens.
