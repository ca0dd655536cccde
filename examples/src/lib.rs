//! What the examples share: that of the program `instructue`.

pub use instructue_cli::{Console, finish, parse, print_line, print_table, say};
