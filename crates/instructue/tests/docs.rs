//! The declarations that the documentation shows are accepted. (Its Rust code is a
//! documentation test of the crate.)

use instructue::eval::TaskSet;
use instructue::schema::Schema;

const README: &str = include_str!("../../../README.md");
const OWN_DATA: &str = include_str!("../../../docs/own-data.md");

/// The TOML blocks, in order.
fn blocks(page: &'static str) -> Vec<&'static str> {
    page.split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or(rest))
        .collect()
}

#[test]
fn the_shown_schema_and_tasks_fit_each_other() {
    let blocks = blocks(OWN_DATA);
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

#[test]
fn the_schema_of_the_readme_is_one() {
    let blocks = blocks(README);
    let schema = blocks.iter().find(|block| block.contains("[[source]]"));
    Schema::from_toml(schema.expect("is shown")).unwrap();
}
