//! The tree obeys STYLE.md and the layout of the design; `tests::tidy` holds the checks and shows that they can fail.
#![forbid(unsafe_code)]

use cargo_metadata::{DependencyKind, MetadataCommand};
use tests::tidy::arrows::{self, Use};
use tests::tidy::source::{self, Source};
use tests::tidy::{hosts, names, purity, size, unsafety};

fn check_rust(check: fn(&Source) -> Vec<String>) {
    let sources = source::all();
    let faults: Vec<String> = sources.iter().filter(|source| source.is_rust()).flat_map(check).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn files_and_functions_are_short_and_have_headers() {
    check_rust(size::check);
}

#[test]
fn unsafe_stands_where_it_may() {
    check_rust(unsafety::check);
}

#[test]
fn no_banned_names() {
    check_rust(names::check);
}

#[test]
fn pure_crates_are_pure() {
    check_rust(purity::check);
}

#[test]
fn no_registry_hosts() {
    let faults: Vec<String> = source::all().iter().flat_map(hosts::check).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn crates_depend_as_designed() {
    let manifest = source::root().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().other_options(["--offline".into()]).exec();
    let metadata = metadata.expect("cargo metadata of the workspace");
    let names: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        for dependency in package.dependencies.iter().filter(|dependency| names.contains(&dependency.name.as_str())) {
            let kind = match dependency.kind {
                DependencyKind::Normal => Use::Normal,
                _ => Use::Development,
            };
            faults.extend(arrows::check(&package.name, &dependency.name, kind));
        }
    }
    assert!(names.len() >= 6, "the workspace has its crates: {names:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
