//! The declarations that the README shows are accepted. (Its Rust code is a
//! documentation test of the crate.)

use instructue::eval::TaskSet;
use instructue::schema::Schema;

const README: &str = include_str!("../../../README.md");

/// The TOML blocks, in order.
fn blocks() -> Vec<&'static str> {
    README
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or(rest))
        .collect()
}

#[test]
fn schema_and_tasks_of_the_readme_fit_each_other() {
    let blocks = blocks();
    let find = |key: &str| {
        let mut all = blocks.iter();
        all.find(|block| block.contains(key)).expect("is shown")
    };
    let schema = Schema::from_toml(find("[[source]]")).unwrap();
    let tasks = TaskSet::from_toml(find("[[task]]")).unwrap();
    tasks.check_against(&schema).unwrap();
    let lookup = &schema.sources[0].lookups[0];
    assert_eq!(lookup.file, "products.parquet");
}
