//! Dependencies: cargo-deny by `deny.toml`. Licences, banned crates and sources
//! need the lock file only; known vulnerabilities need a database that is fetched.

use clap::Args;

use crate::run::{Result, cargo, has_subcommand, succeed};

#[derive(Args)]
#[group(skip)]
pub struct Options {
    /// Install cargo-deny where it is missing: some four minutes on two cores.
    #[arg(long)]
    pub install: bool,
}

const MISSING: &str = "licences, banned crates, sources and advisories not checked: cargo-deny is \
                       missing (`cargo xtask deny --install`)";

/// Runs every check that can be run; the text says what was not checked.
pub fn run(options: &Options) -> Result<String> {
    if !has_subcommand("deny") {
        if !options.install {
            return Ok(MISSING.into());
        }
        if let Err(error) = succeed(&mut cargo(["install", "cargo-deny", "--locked"])) {
            return Ok(format!("{MISSING}: {error}"));
        }
    }
    succeed(&mut cargo(["deny", "check", "licenses", "bans", "sources"]))?;
    let result = cargo(["deny", "check", "advisories"]).output()?;
    let text = String::from_utf8_lossy(&result.stderr);
    let advisories = match advisory_outcome(result.status.success(), &text) {
        Advisories::Clean => "checked",
        Advisories::Unreachable => "not checked: their database is out of reach",
        Advisories::Found => {
            eprintln!("{}", text.trim());
            return Err("cargo-deny found advisories".into());
        }
    };
    Ok(format!(
        "licences, banned crates and sources checked; advisories {advisories}"
    ))
}

#[derive(Debug, PartialEq)]
enum Advisories {
    Clean,
    Unreachable,
    Found,
}

/// cargo-deny exits in the same way for a finding and for a database that it
/// could not fetch; only the message tells them apart.
fn advisory_outcome(success: bool, message: &str) -> Advisories {
    if success {
        return Advisories::Clean;
    }
    let message = message.to_lowercase();
    let unreachable = [
        "failed to fetch advisory database",
        "failed to load advisory database",
    ];
    if unreachable.iter().any(|phrase| message.contains(phrase)) {
        Advisories::Unreachable
    } else {
        Advisories::Found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_out_of_reach_is_not_a_finding() {
        assert_eq!(advisory_outcome(true, ""), Advisories::Clean);
        let unreachable = "[ERROR] failed to fetch advisory database https://example.org";
        assert_eq!(
            advisory_outcome(false, unreachable),
            Advisories::Unreachable
        );
        let found = "error[vulnerability]: use after free";
        assert_eq!(advisory_outcome(false, found), Advisories::Found);
    }
}
