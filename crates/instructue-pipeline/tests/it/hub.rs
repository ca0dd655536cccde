//! Names of models: paths, the hub's cache, downloads from a hub that runs here.
#![cfg(feature = "hub")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use instructue_pipeline::hub::{HubError, HubOptions, resolve};
use instructue_schema::Progress;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn quiet(name: &str, options: &HubOptions) -> Result<PathBuf, HubError> {
    resolve(name, options, &mut |_| {})
}

fn offline(cache: &Path) -> HubOptions {
    let mut options = HubOptions::with_cache(cache);
    options.offline = true;
    options
}

/// The files of a sentence-transformers model in two shards.
fn files() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("README.md", "not asked for"),
        ("config.json", "{}"),
        ("tokenizer.json", "{\"model\": {}}"),
        (
            "modules.json",
            r#"[{"path": "", "type": "a.Transformer"}, {"path": "1_Pooling", "type": "a.Pooling"}]"#,
        ),
        ("1_Pooling/config.json", r#"{"pooling_mode": "mean"}"#),
        (
            "model.safetensors.index.json",
            r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}"#,
        ),
        ("model-1.safetensors", "first"),
        ("model-2.safetensors", "second, and longer"),
        ("pytorch_model.bin", "not asked for"),
    ])
}

/// A snapshot as the hub's clients keep it, made by hand.
fn snapshot(cache: &Path, files: &BTreeMap<&'static str, &'static str>) -> PathBuf {
    let folder = cache.join("models--org--name");
    let snapshot = folder.join("snapshots").join(COMMIT);
    for (name, text) in files {
        let path = snapshot.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir_all(folder.join("refs/feature")).unwrap();
    fs::write(folder.join("refs/main"), COMMIT).unwrap();
    fs::write(folder.join("refs/feature/x"), COMMIT).unwrap();
    snapshot
}

#[test]
fn what_exists_wins() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.gguf");
    fs::write(&file, "GGUF").unwrap();
    let options = offline(dir.path());
    for path in [dir.path(), &file] {
        assert_eq!(quiet(path.to_str().unwrap(), &options).unwrap(), path);
    }
}

#[test]
fn a_snapshot_is_found_by_branch_and_commit() {
    let cache = tempfile::tempdir().unwrap();
    let place = snapshot(cache.path(), &files());
    let options = offline(cache.path());
    let commit = format!("org/name@{COMMIT}");
    for name in ["org/name", "org/name@main", "org/name@feature/x", &commit] {
        assert_eq!(quiet(name, &options).unwrap(), place, "{name}");
    }
    let error = quiet("org/name@v2", &options).unwrap_err().to_string();
    assert!(error.contains("no revision `v2`"), "{error}");
}

#[test]
fn offline_says_what_is_missing_and_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let options = offline(cache.path());
    let shown = |error: HubError, parts: &[&str]| {
        let error = error.to_string();
        let folder = cache.path().join("models--org--name");
        let always = [
            "`org/name`",
            folder.to_str().unwrap(),
            "HF_HUB_OFFLINE is set",
            "give the path",
        ];
        for part in parts.iter().chain(&always) {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    };
    let none = quiet("org/name", &options).unwrap_err();
    shown(
        none,
        &[
            "nothing",
            "config.json, tokenizer.json and weights in safetensors",
        ],
    );

    let mut some = files();
    for lost in [
        "model-2.safetensors",
        "tokenizer.json",
        "1_Pooling/config.json",
    ] {
        some.remove(lost);
    }
    snapshot(cache.path(), &some);
    let part = quiet("org/name", &options).unwrap_err();
    shown(
        part,
        &["expected 1_Pooling/config.json, tokenizer.json, model-2.safetensors"],
    );
}

#[test]
fn what_is_no_name_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let options = HubOptions::with_cache(cache.path());
    let bad = [
        "",
        "name",
        "no/such/dir",
        "./name",
        "org/",
        "/name",
        "org/na me",
        "../name",
        "org/..",
        "org/name@",
        "org/name@../x",
        "org/name@/x",
        "org/a--b",
        "model.gguf",
        "org\\name",
    ];
    for name in bad {
        let error = quiet(name, &options).unwrap_err();
        assert!(matches!(error, HubError::Name { .. }), "{name}: {error}");
        let error = error.to_string();
        assert!(
            error.contains(&format!("`{name}`")) && error.contains("org/name@revision"),
            "{error}"
        );
    }
    let mut nowhere = HubOptions::with_cache(cache.path());
    nowhere.cache = None;
    assert!(matches!(
        quiet("org/name", &nowhere),
        Err(HubError::NoCache)
    ));
}

#[test]
fn files_that_lead_out_of_the_snapshot_are_refused() {
    let cache = tempfile::tempdir().unwrap();
    let mut bad = files();
    bad.insert(
        "model.safetensors.index.json",
        r#"{"weight_map": {"a": "../../x.safetensors"}}"#,
    );
    snapshot(cache.path(), &bad);
    let error = quiet("org/name", &offline(cache.path()))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("index.json") && error.contains("../../x.safetensors"),
        "{error}"
    );
    // Nor may a name of a revision.
    fs::write(cache.path().join("models--org--name/refs/main"), "../../..").unwrap();
    assert!(quiet("org/name", &offline(cache.path())).is_err());
}

#[test]
fn variables_are_read_as_other_clients_read_them() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("token"), " secret\n").unwrap();
    let home = dir.path().to_str().unwrap();
    let options = |set: &[(&str, &str)]| {
        let set: BTreeMap<&str, &str> = set.iter().copied().collect();
        HubOptions::from_variables(&|name| set.get(name).map(OsString::from))
    };
    let cache = |set| options(set).cache.unwrap();
    assert_eq!(
        cache(&[("HOME", "/u")]),
        Path::new("/u/.cache/huggingface/hub")
    );
    assert_eq!(
        cache(&[("HOME", "/u"), ("XDG_CACHE_HOME", "/c")]),
        Path::new("/c/huggingface/hub")
    );
    assert_eq!(
        cache(&[("HOME", "/u"), ("HF_HOME", "/h")]),
        Path::new("/h/hub")
    );
    assert_eq!(
        cache(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/x")]),
        Path::new("/x")
    );
    assert_eq!(options(&[]).cache, None);
    let saved = options(&[
        ("HF_HOME", home),
        ("HF_ENDPOINT", "http://host/"),
        ("HF_HUB_OFFLINE", "true"),
    ]);
    assert_eq!(saved.token.as_deref(), Some("secret"));
    assert_eq!(saved.endpoint.as_deref(), Some("http://host"));
    assert!(saved.offline && !format!("{saved:?}").contains("secret"));
    let other = options(&[
        ("HF_HOME", home),
        ("HF_TOKEN", "mine"),
        ("HF_HUB_OFFLINE", "0"),
    ]);
    assert_eq!(other.token.as_deref(), Some("mine"));
    assert!(!other.offline);
}

/// A hub with one repository, `org/name`, that counts what it is asked for.
struct Hub {
    endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    /// `cut`: this file ends early.
    fn start(files: BTreeMap<&'static str, &'static str>, cut: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (files, log) = (files.clone(), log.clone());
                std::thread::spawn(move || answer(stream, &files, cut, &log));
            }
        });
        Self { endpoint, asked }
    }

    fn options(&self, cache: &Path) -> HubOptions {
        let mut options = HubOptions::with_cache(cache);
        options.endpoint = Some(self.endpoint.clone());
        options.token = Some("secret".into());
        options
    }
}

/// One request per connection.
fn answer(
    mut stream: TcpStream,
    files: &BTreeMap<&'static str, &'static str>,
    cut: Option<&str>,
    log: &Mutex<Vec<String>>,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        // Names of headers come in any case, paths as they are.
        let line = line.trim();
        lines.push(match lines.is_empty() {
            true => line.to_owned(),
            false => line.to_lowercase(),
        });
    }
    let Some(path) = lines.first().and_then(|line| line.split(' ').nth(1)) else {
        return;
    };
    log.lock().unwrap().push(path.to_owned());
    let allowed = lines.contains(&"authorization: bearer secret".to_owned());
    let file = path.strip_prefix(&format!("/org/name/resolve/{COMMIT}/"));
    let (status, head, body) = if path == "/api/models/org/name/revision/main" && allowed {
        let siblings: Vec<_> = files
            .keys()
            .map(|name| serde_json::json!({"rfilename": name}))
            .collect();
        let info = serde_json::json!({"sha": COMMIT, "siblings": siblings}).to_string();
        ("200 OK", String::new(), info)
    } else if let Some((name, text)) = file.and_then(|name| files.get_key_value(name)) {
        let range = lines
            .iter()
            .find_map(|line| line.strip_prefix("range: bytes="));
        let (from, to) = range
            .and_then(|range| range.split_once('-'))
            .unwrap_or(("0", ""));
        let from: usize = from.parse().unwrap();
        let to = to
            .parse()
            .map_or(text.len(), |to: usize| to + 1)
            .min(text.len());
        let head = format!(
            "x-repo-commit: {COMMIT}\r\netag: \"{}\"\r\ncontent-range: bytes {from}-{}/{}\r\n",
            name.replace('/', "-"),
            to.max(1) - 1,
            text.len()
        );
        ("206 Partial Content", head, text[from..to].to_owned())
    } else {
        ("404 Not Found", String::new(), "no".to_owned())
    };
    let length = body.len();
    let sent = match cut.is_some_and(|cut| path.ends_with(cut)) && length > 1 {
        true => &body[..length / 2],
        false => &body[..],
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{head}\r\n{sent}"
    );
}

#[test]
fn a_model_is_downloaded_once() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::start(files(), None);
    let options = hub.options(cache.path());
    let mut steps: Vec<Progress> = Vec::new();
    let place = resolve("org/name", &options, &mut |step| steps.push(step)).unwrap();
    for (name, text) in files() {
        let wanted = text != "not asked for";
        assert_eq!(place.join(name).is_file(), wanted, "{name}");
        if wanted {
            assert_eq!(fs::read_to_string(place.join(name)).unwrap(), text);
            let begins = Progress::note(format!("downloads {name}"));
            let begins = steps.iter().position(|step| *step == begins);
            let ends = Progress::of(text.len(), text.len());
            assert!(
                begins.is_some_and(|at| steps[at + 1..].contains(&ends)),
                "{name} in {steps:?}"
            );
        }
    }
    // From here on the network is not asked, and another client finds it as well.
    let asked = hub.asked.lock().unwrap().len();
    assert_eq!(quiet("org/name", &options).unwrap(), place);
    assert_eq!(quiet("org/name", &offline(cache.path())).unwrap(), place);
    assert_eq!(hub.asked.lock().unwrap().len(), asked);
    let named = cache.path().join("models--org--name/refs/main");
    assert_eq!(fs::read_to_string(named).unwrap(), COMMIT);
}

#[test]
fn a_download_that_broke_off_is_not_there_and_goes_on() {
    let cache = tempfile::tempdir().unwrap();
    let cut = "model-2.safetensors";
    let broken = Hub::start(files(), Some(cut));
    let error = quiet("org/name", &broken.options(cache.path())).unwrap_err();
    assert!(error.to_string().contains(cut), "{error}");
    assert!(quiet("org/name", &offline(cache.path())).is_err());
    let hub = Hub::start(files(), None);
    let place = quiet("org/name", &hub.options(cache.path())).unwrap();
    assert_eq!(fs::read_to_string(place.join(cut)).unwrap(), files()[cut]);
    // What was whole was not asked for again.
    let asked = hub.asked.lock().unwrap();
    assert!(
        !asked
            .iter()
            .any(|path| path.ends_with("model-1.safetensors")),
        "{asked:?}"
    );
}

#[test]
fn a_hub_that_has_it_not_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let mut bare = files();
    bare.retain(|name, _| !name.contains("safetensors"));
    let hub = Hub::start(bare, None);
    let error = quiet("org/name", &hub.options(cache.path()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("expected model.safetensors"), "{error}");

    let mut stranger = hub.options(cache.path());
    stranger.token = None;
    let error = quiet("org/name", &stranger).unwrap_err().to_string();
    for part in ["org/name@main", &hub.endpoint, "404", "HF_TOKEN"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    let error = quiet("org/other", &hub.options(cache.path())).unwrap_err();
    assert!(matches!(error, HubError::Download { .. }), "{error}");
}

#[test]
fn a_hub_that_does_not_answer_is_named() {
    let cache = tempfile::tempdir().unwrap();
    // A port that was free a moment ago, closed again.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut options = HubOptions::with_cache(cache.path());
    options.endpoint = Some(format!("http://127.0.0.1:{port}"));
    let error = quiet("org/name", &options).unwrap_err().to_string();
    for part in [
        "`org/name@main`",
        &format!("127.0.0.1:{port}"),
        "HF_ENDPOINT",
    ] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}
