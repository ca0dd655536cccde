//! Profiles of events that have vectors of their own.

use instructue_features::{
    LexicalMatches, ProfileBuilder, ProfileEvent, SourceProfile, event_feature_names,
};
use instructue_schema::{ColumnData, DataText, Schema, Shard, SourceTable, Timestamp, UserId};

const DAY: i64 = 86_400;
const REFERENCE: Timestamp = Timestamp(20 * DAY);

fn schema(repeats: &str) -> Schema {
    let text = format!(
        r#"
        name = "test"
        [[source]]
        name = "seen"
        kind = "events"
        description = "pictures"
        slots = 3
        repeats = "{repeats}"
        column = [
            {{ name = "user", type = "text", role = "user" }},
            {{ name = "time", type = "timestamp", role = "time" }},
            {{ name = "picture", type = "vector", role = "vector", width = 2 }},
            {{ name = "seconds", type = "float", role = "number" }},
        ]
        "#
    );
    Schema::from_toml(&text).unwrap()
}

/// One user, who looked at four pictures, one of them twice, and at one more too late.
fn shard() -> Shard {
    let pictures = [
        [1.0, 2.0],
        [0.0, 1.0],
        [1.0, 2.0],
        [5.0, 5.0],
        [7.0, 7.0],
        [9.0, 9.0],
    ];
    Shard {
        users: vec![UserId::new("ann").unwrap()],
        sources: vec![SourceTable {
            offsets: vec![0, 6],
            times: [10, 11, 12, 13, 14, 20]
                .map(|day| Timestamp(day * DAY))
                .into(),
            columns: vec![
                ColumnData::Vector {
                    width: 2,
                    values: pictures.as_flattened().to_vec(),
                },
                ColumnData::Number(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            ],
        }],
    }
}

fn events(schema: &Schema, shard: &Shard) -> Vec<ProfileEvent> {
    let histories = shard.histories().map(|history| (history, REFERENCE));
    let builder = ProfileBuilder::fit(schema, histories, None, 1);
    let mut profile = builder.build(&shard.history(0), REFERENCE);
    let Some(SourceProfile::Events(events)) = profile.sources.pop() else {
        panic!("events")
    };
    events
}

fn vectors(events: &[ProfileEvent]) -> Vec<Vec<f32>> {
    let vectors = events
        .iter()
        .map(|event| event.vector.as_ref().unwrap().to_vec());
    vectors.collect()
}

#[test]
fn an_events_content_is_its_vector() {
    let found = events(&schema("keep"), &shard());
    assert_eq!(vectors(&found), [[1.0, 2.0], [5.0, 5.0], [7.0, 7.0]]);
    assert!(found.iter().all(|event| event.text.as_str().is_empty()));
    let names = event_feature_names(&schema("keep").sources[0]);
    assert_eq!(names[6..], ["seconds", "seconds_missing"]);
    assert_eq!(found[0].features.len(), names.len());
}

#[test]
fn equal_vectors_are_merged() {
    let schema = schema("merge");
    let mut wide = schema.clone();
    wide.sources[0].slots = 10;
    let found = events(&wide, &shard());
    // In the order of the newest of each.
    assert_eq!(
        vectors(&found),
        [[0.0, 1.0], [1.0, 2.0], [5.0, 5.0], [7.0, 7.0]]
    );
    assert_eq!(*found[1].days, [8.0, 10.0]);
    assert_eq!(*found[2].days, [7.0]);
    // The newest remain where there are fewer slots.
    assert_eq!(
        vectors(&events(&schema, &shard())),
        [[1.0, 2.0], [5.0, 5.0], [7.0, 7.0]]
    );
}

#[test]
fn other_rows_bring_their_vectors() {
    let shard = shard();
    let mut rows = [3, 3, 3, 3, 3, 3].into_iter();
    let changed = shard.with_rows_of_others(0, |_| rows.next());
    assert_eq!(vectors(&events(&schema("keep"), &changed)), [[5.0, 5.0]; 3]);
}

#[test]
fn words_are_not_looked_for_in_vectors() {
    let (schema, shard) = (schema("keep"), shard());
    let histories = || shard.histories().map(|history| (history, REFERENCE));
    let builder = ProfileBuilder::fit(&schema, histories(), None, 1);
    let profiles = || histories().map(|(history, at)| builder.build(&history, at));
    let questions = [(0, "Does this user look at pictures?".to_string())];
    let matches = LexicalMatches::fit(&schema, profiles(), &questions, 1);
    let words = matches.profile(&schema, &profiles().next().unwrap());
    let query = matches.instruction(&DataText::new("pictures"));
    assert!(
        matches
            .numbers(&words, Some(&query))
            .iter()
            .all(|number| *number == 0.0)
    );
}
