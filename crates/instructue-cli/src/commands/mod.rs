//! The commands, one file each. All of them call the pipeline and print what it says.

mod ask;
mod check;
mod devices;
mod embed;
mod evaluate;
mod explain;
mod generate;
mod init;
mod nearest;
mod search;
mod shell;
mod train;
mod tune;

pub use ask::Ask;
pub use check::Check;
pub use devices::Devices;
pub use embed::Embed;
pub use evaluate::Evaluate;
pub use explain::Explain;
pub use generate::Generate;
pub use init::Init;
pub use nearest::Nearest;
pub use search::Search;
pub use shell::{Completions, Man};
pub use train::Train;
pub use tune::Tune;
