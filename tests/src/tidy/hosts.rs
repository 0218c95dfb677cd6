//! No file but Cargo.lock names the host of a package registry: builds use whatever the machine is set up with.

use super::source::{Source, line_of};

/// Hosts, in two parts each so that this file does not name them.
const HOSTS: &[[&str; 2]] = &[
    ["crates", ".io"],
    ["static.rust-lang", ".org"],
    ["registry.npmjs", ".org"],
    ["pypi", ".org"],
    ["pythonhosted", ".org"],
    ["proxy.golang", ".org"],
    ["rubygems", ".org"],
    ["repo.maven", ".apache"],
];

/// Faults of one text file.
pub fn check(source: &Source) -> Vec<String> {
    if source.path.ends_with("Cargo.lock") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for parts in HOSTS {
        let host = parts.concat();
        for (at, _) in source.text.match_indices(&host) {
            faults.push(format!("{}:{}: names {host}", source.path, line_of(&source.text, at)));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_host_is_found() {
        let text = format!("[registries]\nindex = \"https://index.{}\"\n", HOSTS[0].concat());
        assert_eq!(check(&Source::made_up(".cargo/config.toml", &text)).len(), 1);
        assert_eq!(check(&Source::made_up("Cargo.lock", &text)).len(), 0);
        assert_eq!(check(&Source::made_up("README.md", "https://docs.rs/x\n")).len(), 0);
    }
}
