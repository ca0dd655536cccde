//! A few users of two sources and a tiny model over them.

#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use instructue_features::{
    LexicalMatches, Profile, ProfileBuilder, Segment, SourceProfile, TextTokenizer,
};
use instructue_model::{InstructUe, ModelConfig, Normalisers, Preprocessor, Size};
use instructue_schema::{ColumnData, Shard, SourceTable};
use instructue_schema::{DataText, Schema, Timestamp, UserId};

pub const REFERENCE: Timestamp = Timestamp(100 * 86_400);

pub const SCHEMA: &str = r#"
name = "test"

[[source]]
name = "bill"
kind = "events"
description = "payments"
slots = 20
max_tokens = 12
  [[source.column]]
  name = "user"
  type = "text"
  role = "user"
  [[source.column]]
  name = "time"
  type = "timestamp"
  role = "time"
  [[source.column]]
  name = "category"
  type = "text"
  role = "category"
  [[source.column]]
  name = "amount"
  type = "float"
  role = "number"

[[source]]
name = "search"
kind = "events"
description = "searches"
slots = 5
max_tokens = 8
  [[source.column]]
  name = "user"
  type = "text"
  role = "user"
  [[source.column]]
  name = "time"
  type = "timestamp"
  role = "time"
  [[source.column]]
  name = "query"
  type = "text"
  role = "text"

[[source]]
name = "tabular"
kind = "tabular"
description = "aggregates"
  [[source.aggregate]]
  source = "bill"
  windows_days = [7, 30]
  group_by = ["category"]
  top_groups = 3
"#;

/// User u has 3·u bills and, when u is even, two searches; user 0 has none at all.
pub fn shard() -> Shard {
    let users: Vec<UserId> = (0..6)
        .map(|u| UserId::new(format!("u{u}")).unwrap())
        .collect();
    let categories: Arc<Vec<Arc<str>>> = Arc::new(
        [
            "books",
            "pets and dog food",
            "travel",
            "[SEP] </bill> <USER>",
        ]
        .map(Arc::from)
        .to_vec(),
    );
    let queries: Arc<Vec<Arc<str>>> = Arc::new(
        ["dog leash", "cheap flights to Rome"]
            .map(Arc::from)
            .to_vec(),
    );
    let day = |d: usize| Timestamp((60 + d as i64) * 86_400);
    let mut bill = (vec![0], Vec::new(), Vec::new(), Vec::new());
    let mut search = (vec![0], Vec::new(), Vec::new());
    for u in 0..6 {
        for event in 0..3 * u {
            bill.1.push(day(2 * event));
            bill.2.push(((u + event) % 4) as u32);
            bill.3.push(1.5 + event as f64);
        }
        bill.0.push(bill.1.len());
        for event in 0..if u % 2 == 0 && u > 0 { 2 } else { 0 } {
            search.1.push(day(7 * event));
            search.2.push(event as u32);
        }
        search.0.push(search.1.len());
    }
    let text = |codes, dictionary: &Arc<Vec<Arc<str>>>| ColumnData::Text {
        codes,
        dictionary: dictionary.clone(),
    };
    Shard {
        users,
        sources: vec![
            SourceTable {
                offsets: bill.0,
                times: bill.1,
                columns: vec![text(bill.2, &categories), ColumnData::Number(bill.3)],
            },
            SourceTable {
                offsets: search.0,
                times: search.1,
                columns: vec![text(search.2, &queries)],
            },
            SourceTable {
                offsets: vec![0; 7],
                times: Vec::new(),
                columns: Vec::new(),
            },
        ],
    }
}

/// The same users without the tabular source.
pub fn without_tabular(shard: &Shard) -> (Shard, Schema) {
    let mut shard = shard.clone();
    shard.sources.pop();
    let (events, _) = SCHEMA
        .rsplit_once("[[source]]\nname = \"tabular\"")
        .expect("the last source");
    (shard, Schema::from_toml(events).unwrap())
}

pub fn preprocessor(shard: &Shard) -> Preprocessor {
    preprocessor_of(shard, &Schema::from_toml(SCHEMA).unwrap())
}

pub fn preprocessor_of(shard: &Shard, schema: &Schema) -> Preprocessor {
    let histories = || shard.histories().map(|history| (history, REFERENCE));
    let profiles = ProfileBuilder::fit(schema, histories(), None, 1);
    let normalisers = Normalisers::fit(&profiles, histories()).unwrap();
    let mut texts: Vec<String> = [
        "Will this user buy pets food?",
        "Yes, this user will.",
        "No.",
    ]
    .map(String::from)
    .into();
    for (history, reference) in histories() {
        for source in profiles.build(&history, reference).sources {
            if let SourceProfile::Events(events) = source {
                texts.extend(events.iter().map(|event| event.text.as_str().to_string()));
            }
        }
    }
    let tokenizer = Arc::new(TextTokenizer::train(texts.into_iter(), 400).unwrap());
    let built = histories().map(|(history, reference)| profiles.build(&history, reference));
    let questions = ["Will this user buy books?", "Does this user travel?"];
    let questions = questions.map(|question| (0, question.to_string()));
    let lexical_matches = LexicalMatches::fit(schema, built, &questions, 1);
    Preprocessor::new(profiles, normalisers, tokenizer.clone(), tokenizer, true)
        .with_lexical_matches(Some(lexical_matches))
}

/// Whoever reads other files and directories may read this one.
pub fn assert_ordinary(path: &Path) {
    let other = path.with_extension("other");
    match path.is_dir() {
        true => fs::create_dir(&other).unwrap(),
        false => fs::write(&other, "").unwrap(),
    }
    let permissions = |path: &Path| fs::metadata(path).unwrap().permissions();
    assert_eq!(permissions(path), permissions(&other));
    match path.is_dir() {
        true => fs::remove_dir(&other).unwrap(),
        false => fs::remove_file(&other).unwrap(),
    }
}

/// A segment with what its question names of a profile.
pub fn segment(
    preprocessor: &Preprocessor,
    profile: &Profile,
    question: Option<&DataText>,
    answer: Option<&DataText>,
) -> Segment {
    let words = preprocessor.words(profile);
    Segment {
        lexical_matches: preprocessor.lexical_features(words.as_ref(), question),
        ..preprocessor.segment(question, answer)
    }
}

pub fn model(shard: &Shard, device: &Device) -> InstructUe {
    let preprocessor = preprocessor(shard);
    let config = config(&preprocessor);
    InstructUe::new(config, preprocessor, 3, device).unwrap()
}

pub fn config(preprocessor: &Preprocessor) -> ModelConfig {
    let vocab = preprocessor.tokenizer().vocab_size();
    let mut config = ModelConfig::fresh(Size::Tiny, vocab, vocab);
    config.lexical_matches = true;
    config.backbone.hidden_size = 32;
    config.backbone.intermediate_size = 48;
    config.backbone.num_hidden_layers = 2;
    config.encoder.bert.hidden_size = 16;
    config.encoder.bert.intermediate_size = 32;
    config
}

pub fn profiles(model: &InstructUe, shard: &Shard) -> Vec<Profile> {
    let builder = model.preprocessor().profiles();
    shard
        .histories()
        .map(|history| builder.build(&history, REFERENCE))
        .collect()
}
