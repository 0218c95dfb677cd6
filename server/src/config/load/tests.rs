//! What a command line and a file lead to.

use std::fs;

use super::*;

fn run(args: &[&str]) -> Result<Start, String> {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    load(&args).map_err(|error| error.to_string())
}

fn serve(args: &[&str]) -> (Arc<Settings>, Box<Origin>) {
    match run(args) {
        Ok(Start::Serve { settings, origin }) => (settings, origin),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_arguments_are_the_defaults() {
    let (settings, origin) = serve(&[]);
    let dir = env::current_dir().unwrap().into_os_string().into_string().unwrap();
    assert_eq!(*settings, Settings { dir, ..Settings::default() });
    assert_eq!(origin.config_file, None);
}

#[test]
fn later_sources_win() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    fs::write(&file, "[network]\nport = 1\ntimeout = 1\ntcp-keepalive = 1\n").unwrap();
    fs::write(folder.path().join("a.overrides.toml"), "[network]\ntimeout = 2\ntcp-keepalive = 2\n").unwrap();
    let (settings, origin) = serve(&[file.to_str().unwrap(), "--tcp-keepalive", "3"]);
    assert_eq!((settings.port, settings.timeout, settings.tcp_keepalive), (1, 2, 3));
    assert_eq!(origin.config_file.as_deref(), Some(file.as_path()));
}

#[test]
fn all_problems_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    fs::write(&file, "[network]\nprot = 1\n").unwrap();
    fs::write(folder.path().join("a.overrides.toml"), "[cores]\nhz = true\n").unwrap();
    let error = run(&[file.to_str().unwrap(), "--maxclient", "3", "--dir", "/nonexistent"]).unwrap_err();
    let path = folder.path().display();
    let expected = format!(
        "{path}/a.toml:2: prot: no setting has this name; did you mean 'port'?\n\
         {path}/a.overrides.toml:2: hz: expected an integer, found true or false\n\
         --maxclient: no setting has this name; did you mean 'maxclients'?\n\
         dir: No such file or directory (os error 2)"
    );
    assert_eq!(error, expected);
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    fs::write(path("latin1"), b"# ok\n# \xe9\n").unwrap();
    fs::write(path("large"), vec![b'#'; (1 << 20) + 1]).unwrap();
    let rows = [
        ("missing", "can't read the configuration: No such file or directory (os error 2)"),
        ("", "can't read the configuration: Is a directory (os error 21)"),
        ("latin1", "line 2 is not UTF-8 text"),
        ("large", "can't read the configuration: it is larger than 1 MiB"),
    ];
    for (name, expected) in rows {
        assert_eq!(run(&[&path(name)]).unwrap_err(), format!("{}: {expected}", path(name)));
    }
}

#[test]
fn dir_becomes_absolute() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join(".");
    let (settings, _) = serve(&["--dir", dir.to_str().unwrap()]);
    assert_eq!(settings.dir, fs::canonicalize(folder.path()).unwrap().to_str().unwrap());
}

#[test]
fn version_is_printed() {
    assert!(matches!(run(&["-v"]), Ok(Start::PrintAndExit(text)) if text.contains(" v=7.2.4 ")));
}
