//! Labels by hand, and which questions are planned.

use std::sync::Arc;

use instructue_schema::{ColumnData, Schema, Shard, SourceTable, Timestamp, UserId};

use super::*;

const DAY: i64 = 86_400;
/// A Monday.
const REFERENCE: Timestamp = Timestamp(200 * 7 * DAY + 4 * DAY);

fn schema() -> Schema {
    Schema::from_toml(
        r#"
        name = "shop"
        [[source]]
        name = "bill"
        kind = "events"
        description = "purchases"
        column = [
            { name = "user", type = "text", role = "user" },
            { name = "time", type = "timestamp", role = "time" },
            { name = "product", type = "text", role = "category" },
            { name = "amount", type = "float", role = "number" },
        ]
        "#,
    )
    .unwrap()
}

/// Users with events (day from the reference, product 0 or 1, amount).
fn shard(users: &[&[(i64, u32, f64)]]) -> Shard {
    let mut offsets = vec![0];
    let mut events: Vec<(i64, u32, f64)> = Vec::new();
    for own in users {
        events.extend(*own);
        offsets.push(events.len());
    }
    Shard {
        users: (0..users.len())
            .map(|n| UserId::new(format!("u{n:03}")).unwrap())
            .collect(),
        sources: vec![SourceTable {
            offsets,
            times: events
                .iter()
                .map(|event| REFERENCE.plus_days(event.0))
                .collect(),
            columns: vec![
                ColumnData::Text {
                    codes: events.iter().map(|event| event.1).collect(),
                    dictionary: Arc::new(vec!["MILK".into(), "DOG FOOD".into()]),
                },
                ColumnData::Number(events.iter().map(|event| event.2).collect()),
            ],
        }],
    }
}

fn asked(family: ForecastFamily, value: Option<&str>) -> Forecast {
    Forecast {
        family,
        source: "bill".into(),
        field: value.map(|_| "product".into()),
        value: value.map(str::to_owned),
        number: None,
        weekday: None,
        least: None,
        days: 30,
    }
}

#[test]
fn labels_are_those_by_hand() {
    let schema = schema();
    // Milk lately and again on a Monday and a Saturday; dog food once, long ago and not again.
    let shard = shard(&[
        &[(-100, 1, 9.0), (-20, 0, 1.0), (0, 0, 2.0), (5, 0, 3.0)],
        // Nothing in three times 30 days: nobody is asked.
        &[(-100, 0, 1.0), (3, 0, 1.0)],
    ]);
    let facts = |user: usize| ForecastFacts::new(&schema, &shard.history(user), REFERENCE, 30);
    let (first, second) = (facts(0), facts(1));
    let label = |forecast: Forecast| forecast.resolve(&schema).unwrap().label(&first);
    use ForecastFamily::*;
    for (family, milk, dog_food) in [
        (Occurs, Some(true), Some(false)),
        (Stops, Some(false), None),
        (More, Some(true), None),
        (FirstTime, None, None),
        (Twice, Some(true), Some(false)),
        (OnWeekend, Some(true), Some(false)),
    ] {
        assert_eq!(label(asked(family, Some("MILK"))), milk, "{family:?}");
        assert_eq!(
            label(asked(family, Some("DOG FOOD"))),
            dog_food,
            "{family:?}"
        );
    }
    assert_eq!(label(asked(FirstTime, Some("SOAP"))), Some(false));
    let weekday = |weekday| Forecast {
        weekday: Some(weekday),
        ..asked(OnWeekday, None)
    };
    assert_eq!(label(weekday(0)), Some(true));
    assert_eq!(label(weekday(5)), Some(true));
    assert_eq!(label(weekday(2)), Some(false));
    let least = |family, value, number: Option<&str>, least| Forecast {
        least: Some(least),
        number: number.map(str::to_owned),
        ..asked(family, value)
    };
    assert_eq!(label(least(ManyDays, None, None, 2.0)), Some(true));
    assert_eq!(label(least(ManyDays, None, None, 3.0)), Some(false));
    assert_eq!(
        label(least(AmountOf, Some("MILK"), Some("amount"), 5.0)),
        Some(true)
    );
    assert_eq!(
        label(least(AmountOf, Some("MILK"), Some("amount"), 5.1)),
        Some(false)
    );
    assert_eq!(
        label(least(HigherAmount, None, Some("amount"), 1.0)),
        Some(true)
    );
    let question = asked(Occurs, Some("MILK"));
    let question = question.resolve(&schema).unwrap();
    assert_eq!(question.label(&second), None);
    assert!(!question.is_new(&first));
    // A field that is not there.
    assert!(
        asked(Occurs, Some("MILK"))
            .resolve(&Schema::default_six())
            .is_none()
    );
}

#[test]
fn texts_name_what_is_asked() {
    let schema = schema();
    let texts = asked(ForecastFamily::Occurs, Some("MILK"))
        .texts(&schema, None)
        .unwrap();
    assert_eq!(
        texts.instruction,
        "Will this user buy MILK in the next 30 days?"
    );
    assert_eq!(
        texts.yes,
        "Yes, this user will buy MILK in the next 30 days."
    );
    let other = asked(ForecastFamily::FirstTime, Some("MILK"));
    let other = other
        .texts(&schema, Some("something to pour on cereal"))
        .unwrap();
    assert!(
        other
            .instruction
            .contains("something to pour on cereal for the first time")
    );
    for family in ForecastFamily::ALL {
        let forecast = Forecast {
            number: Some("amount".into()),
            weekday: Some(6),
            least: Some(12.0),
            ..asked(family, Some("MILK"))
        };
        let texts = forecast.texts(&schema, None).unwrap();
        for text in [texts.instruction, texts.yes, texts.no] {
            assert!(!text.contains(['{', '}']), "{text}");
        }
    }
}

#[test]
fn a_question_needs_enough_users_of_both_answers() {
    let schema = schema();
    let buys: &[(i64, u32, f64)] = &[(-5, 0, 1.0), (3, 0, 1.0), (4, 1, 1.0)];
    let rests: &[(i64, u32, f64)] = &[(-5, 0, 1.0), (4, 1, 1.0)];
    let users: Vec<_> = (0..20)
        .map(|user| if user < 8 { buys } else { rests })
        .collect();
    let shard = shard(&users);
    let facts = |history| ForecastFacts::new(&schema, &history, REFERENCE, 30);
    let facts: Vec<_> = shard.histories().map(facts).collect();
    let plan = |min_users| {
        let config = ForecastConfig {
            min_users,
            ..ForecastConfig::default()
        };
        ForecastPlan::fit(&schema, &facts, &config)
    };
    let found = plan(8);
    let occurs = found
        .forecasts
        .iter()
        .filter(|one| one.forecast.family == ForecastFamily::Occurs);
    let occurs: Vec<_> = occurs.collect();
    // Dog food comes for all of them, so there is nothing to ask.
    assert_eq!(occurs.len(), 1);
    assert_eq!(occurs[0].forecast.value.as_deref(), Some("MILK"));
    assert_eq!((occurs[0].asked, occurs[0].yes), (20, 8));
    assert!(
        plan(9)
            .forecasts
            .iter()
            .all(|one| one.yes.min(one.asked - one.yes) >= 9)
    );
    let names: std::collections::BTreeSet<String> = found
        .forecasts
        .iter()
        .map(|one| one.forecast.name())
        .collect();
    assert_eq!(names.len(), found.forecasts.len());
}
