//! Vectors of event texts that are kept between calls.

use std::fs;
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::Float32Type;

use super::{bad, good, made, read, run};

#[test]
fn an_event_cache_changes_no_vector_and_encodes_nothing_twice() {
    let made = made();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("events");
    let embed = |name: &str, cache: Option<&Path>| {
        let out = dir.path().join(name);
        let (model, data) = (made.text("run"), made.text("data"));
        let (text, cache) = (out.to_string_lossy(), cache.map(Path::to_string_lossy));
        let mut arguments = vec!["--model", &model, "--data", &data, "--out", &text];
        if let Some(cache) = &cache {
            arguments.extend(["--event-cache", cache]);
        }
        let printed = good(&run("embed_users", &arguments));
        let batch = read(&out);
        let lists = batch.column_by_name("vector").expect("there");
        let values = lists.as_fixed_size_list().values().clone();
        let values = values.as_primitive::<Float32Type>().values().to_vec();
        (printed, values)
    };
    let (printed, expected) = embed("plain.parquet", None);
    assert!(!printed.contains("event texts"), "{printed}");
    for (name, known) in [("first.parquet", false), ("second.parquet", true)] {
        let (printed, found) = embed(name, Some(&folder));
        let all = printed.contains("100.0 % known, 0 encoded");
        assert!(
            printed.contains("event texts:") && all == known,
            "{printed}"
        );
        let pairs = expected.iter().zip(&found).map(|(a, b)| (a - b).abs());
        assert_eq!(expected.len(), found.len());
        assert!(pairs.fold(0.0, f32::max) <= 1e-5);
    }
    // A path that is no folder is an error before any work.
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let (model, data) = (made.text("run"), made.text("data"));
    let (out, file) = (dir.path().join("none"), file.to_string_lossy());
    let output = run(
        "embed_users",
        &[
            "--model",
            &model,
            "--data",
            &data,
            "--out",
            &out.to_string_lossy(),
            "--event-cache",
            &file,
        ],
    );
    bad(&output, &["event-vector cache", &file]);
    assert!(!out.exists());
}
