//! What CONFIG REWRITE writes is what a start reads.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use proptest::prelude::{any, prop};
use shard::settings::{PubsubDefault, config_set, find};

use super::super::load::{Start, load};
use super::*;

/// A folder with a configuration `a.toml`.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("what the test wrote is right");
        fs::write(folder.path().join("a.toml"), config).expect("what the test wrote is right");
        Self { folder }
    }

    fn start(&self, flags: &[&str]) -> (Arc<Settings>, Box<Origin>) {
        let mut args = vec![self.folder.path().join("a.toml").into_os_string()];
        args.extend(flags.iter().map(OsString::from));
        match load(&args) {
            Ok(Start::Serve { settings, origin }) => (settings, origin),
            other => panic!("{other:?}"),
        }
    }

    fn overrides(&self) -> PathBuf {
        self.folder.path().join("a.overrides.toml")
    }

    /// The settings in the overrides file, without comments and empty lines.
    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.overrides()).expect("what the test wrote is right");
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
    }
}

fn set(settings: &Settings, name: &str, value: &[u8]) -> Settings {
    config_set(settings, &[(name.as_bytes(), value)]).expect("what the test wrote is right")
}

/// The users that nobody declared, under no password.
fn nobody() -> Users {
    Users::new(b"", PubsubDefault::Resetchannels)
}

#[test]
fn the_file_stands_beside_the_configuration() {
    for (config, own_name, overrides) in [
        ("/etc/a.toml", None, "/etc/a.overrides.toml"),
        ("b.conf", None, "b.conf.overrides.toml"),
        ("c", None, "c.overrides.toml"),
        ("/etc/a.toml", Some("7001"), "/etc/a.7001.overrides.toml"),
        ("b.conf", Some("::1-7001"), "b.conf.::1-7001.overrides.toml"),
    ] {
        assert_eq!(path_beside(Path::new(config), own_name), Path::new(overrides));
    }
}

/// Two servers of one configuration: what one rewrites, the other does not read.
fn check_apart(config: &str, one: &[&str], other: &[&str], files: [&str; 2]) {
    let scene = Scene::new(config);
    for (flags, value) in [(one, b"7"), (other, b"8")] {
        let (settings, origin) = scene.start(flags);
        rewrite(&origin, &set(&settings, "timeout", value), &nobody()).expect("the folder can be written to");
    }
    for (flags, value, file) in [(one, 7, files[0]), (other, 8, files[1])] {
        let (settings, origin) = scene.start(flags);
        assert_eq!((settings.timeout, origin.overrides_file), (value, Some(scene.folder.path().join(file))));
    }
}

#[test]
fn servers_that_share_a_configuration_have_overrides_of_their_own() {
    let files = ["a.overrides.toml", "a.7001.overrides.toml"];
    check_apart("[network]\nport = 7000\n", &[], &["--port", "7001"], files);
    check_apart("[network]\nport = 7000\n", &["--port", "7000"], &["--port", "7001"], files);
    let cluster = "[cluster]\ncluster-enabled = true\n\
                   [[cluster.nodes]]\naddress = \"127.0.0.1:7001\"\nslots = \"0-9999\"\n\
                   [[cluster.nodes]]\naddress = \"127.0.0.2:7001\"\nslots = \"10000-16383\"\n";
    let files = ["a.127.0.0.1-7001.overrides.toml", "a.127.0.0.2-7001.overrides.toml"];
    let bound = |ip| ["--port", "7001", "--bind", ip];
    check_apart(cluster, &bound("127.0.0.1"), &bound("127.0.0.2"), files);
    check_apart(cluster, &["--cluster-node", "127.0.0.1:7001"], &["--cluster-node", "127.0.0.2:7001"], files);
}

#[test]
fn users_are_written_if_they_are_not_those_of_the_file() {
    let scene = Scene::new("[[users]]\nname = \"a\"\nrules = \"on >pw ~x* (+get %R~y)\"\n");
    let (settings, origin) = scene.start(&[]);
    let users = crate::users::at_start(&settings, &origin.users).expect("what the test wrote is right");
    rewrite(&origin, &settings, &users).expect("what the test wrote is right");
    assert_eq!(scene.lines(), Vec::<String>::new());
    for (name, rules) in [("b", &["on", "+@all", "&q\"\\"][..]), ("default", &["resetpass", ">x"])] {
        let mut changed = users.clone();
        changed.set(name.as_bytes(), rules.iter().map(|rule| rule.as_bytes())).expect("what the test wrote is right");
        rewrite(&origin, &settings, &changed).expect("what the test wrote is right");
        let (settings, again) = scene.start(&[]);
        let again = crate::users::at_start(&settings, &again.users).expect("what the test wrote is right");
        let print = |users: &Users| users.iter().map(|user| (user.name.clone(), user.print())).collect::<Vec<_>>();
        assert_eq!(print(&again), print(&changed));
    }
    let mut none = users.clone();
    none.delete([&b"a"[..]].into_iter()).expect("what the test wrote is right");
    rewrite(&origin, &settings, &none).expect("what the test wrote is right");
    assert_eq!(scene.lines(), ["users = []"]);
    none.set(b"\xff", std::iter::empty()).expect("what the test wrote is right");
    assert!(rewrite(&origin, &settings, &none).is_err());
}

#[test]
fn without_a_configuration_nothing_is_written() {
    let Ok(Start::Serve { settings, origin }) = load(&[]) else { panic!() };
    let error = rewrite(&origin, &settings, &nobody()).unwrap_err();
    assert_eq!(error.to_string(), "ERR The server is running without a config file");
}

#[test]
fn changes_survive_a_restart_and_the_configuration_is_not_touched() {
    let scene = Scene::new("# mine\n[network]\ntimeout = 5\n");
    let (settings, origin) = scene.start(&[]);
    let changed = set(&set(&settings, "maxclients", b"77"), "timeout", b"9");
    rewrite(&origin, &changed, &nobody()).expect("what the test wrote is right");
    assert_eq!(scene.lines(), ["[network]", "timeout = 9", "[clients]", "maxclients = 77"]);
    assert_eq!(
        fs::read_to_string(scene.folder.path().join("a.toml")).expect("what the test wrote is right"),
        "# mine\n[network]\ntimeout = 5\n"
    );
    assert_eq!(*scene.start(&[]).0, changed);
    assert_eq!(
        fs::metadata(scene.overrides()).expect("what the test wrote is right").permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        fs::read_dir(scene.folder.path()).expect("what the test wrote is right").count(),
        2,
        "no temporary file stays"
    );
}

#[test]
fn earlier_overrides_stay_until_changed() {
    let scene = Scene::new("");
    fs::write(scene.overrides(), "[network]\ntimeout = 5\n[cores]\nhz = 20\n").expect("what the test wrote is right");
    let (settings, origin) = scene.start(&[]);
    rewrite(&origin, &set(&set(&settings, "maxclients", b"77"), "timeout", b"0"), &nobody())
        .expect("what the test wrote is right");
    assert_eq!(scene.lines(), ["[cores]", "hz = 20", "[clients]", "maxclients = 77"]);
}

#[test]
fn a_change_taken_back_is_not_written() {
    let scene = Scene::new("");
    let (settings, origin) = scene.start(&[]);
    rewrite(&origin, &set(&settings, "hz", b"20"), &nobody()).expect("what the test wrote is right");
    rewrite(&origin, &settings, &nobody()).expect("what the test wrote is right");
    assert_eq!(scene.lines(), [""; 0]);
}

#[test]
fn flags_are_not_written_but_changes_over_them_are() {
    let scene = Scene::new("");
    fs::write(scene.overrides(), "[cores]\nhz = 20\n").expect("what the test wrote is right");
    let (settings, origin) = scene.start(&["--tcp-keepalive", "100", "--timeout", "3", "--hz", "30"]);
    rewrite(&origin, &set(&settings, "timeout", b"4"), &nobody()).expect("what the test wrote is right");
    assert_eq!(scene.lines(), ["[network]", "timeout = 4", "[cores]", "hz = 20"]);
}

#[test]
fn a_failure_leaves_the_old_file() {
    let scene = Scene::new("");
    let (settings, origin) = scene.start(&[]);
    fs::create_dir(scene.overrides()).expect("what the test wrote is right");
    let error = rewrite(&origin, &settings, &nobody()).unwrap_err();
    assert!(error.to_string().starts_with("ERR Rewriting config file: Is a directory"), "{error}");
    assert_eq!(
        fs::read_dir(scene.folder.path()).expect("what the test wrote is right").count(),
        2,
        "no temporary file stays"
    );
}

/// What is read back after `settings` were written over the defaults.
fn read_back(settings: &Settings) -> Settings {
    let base = Settings::default();
    let origin = Origin {
        config_file: None,
        overrides_file: None,
        file: base.clone(),
        file_users: Vec::new(),
        users: Vec::new(),
        overridden: base.clone(),
        start: Arc::new(base.clone()),
        described: None,
        notices: Vec::new(),
    };
    let text = render(Path::new("a\nb.toml"), &origin, settings, &nobody()).expect("what the test wrote is right");
    let (mut again, mut problems) = (base, Vec::new());
    super::super::file::apply(Path::new("o"), &text, &mut again, &mut Default::default(), &mut problems);
    assert!(problems.is_empty(), "{problems:?}\n{text}");
    again
}

proptest::proptest! {
    /// Whatever CONFIG SET takes is the same after CONFIG REWRITE and a restart.
    #[test]
    fn every_value_comes_back(
        secret in prop::collection::vec(any::<u8>(), 0..40),
        text in "\\PC{0,12}|[\\x00-\\x7f]{0,12}",
        index in 0..ROWS.len(),
        number in any::<u64>(),
        limits in any::<[u64; 3]>(),
        percentile in 0.0..100.0_f64,
    ) {
        let mut settings = Settings::default();
        let limits = format!("replica {} {} {}", limits[0], limits[1], limits[2] >> 1);
        let tries: [(&str, &[u8]); 6] = [
            ("requirepass", &secret),
            ("logfile", text.as_bytes()),
            ("bind", text.as_bytes()),
            ("client-output-buffer-limit", limits.as_bytes()),
            ("latency-tracking-info-percentiles", &percentile.to_string().into_bytes()),
            (ROWS[index].name, &number.to_string().into_bytes()),
        ];
        for (name, value) in tries {
            let _ = find(name.as_bytes()).expect("what the test wrote is right").set(&mut settings, value);
        }
        proptest::prop_assert_eq!(read_back(&settings), settings);
    }

    #[test]
    fn every_password_comes_back(text in any::<String>()) {
        let settings = set(&Settings::default(), "requirepass", text.as_bytes());
        proptest::prop_assert_eq!(read_back(&settings), settings);
    }
}
