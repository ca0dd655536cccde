//! Numbers and texts of a schema's file that no file should have.

use instructue_schema::Schema;
use instructue_schema::limits::trials::try_numbers;

#[test]
fn every_number_is_bounded() {
    let tried = try_numbers(&Schema::default_six(), |schema| {
        schema.validate().map_err(|error| error.to_string())?;
        // Accepted numbers can be added without overflow.
        let slots: usize = schema.sources.iter().map(|source| source.slots).sum();
        assert!(slots <= 1_000_000);
        assert_eq!(schema.digest().len(), 64);
        Ok(())
    });
    assert!(tried.unwrap() > 200);
}

#[test]
fn what_numbers_come_to_is_bounded() {
    let six = Schema::default_six();
    let mut slots = six.clone();
    for source in &mut slots.sources {
        source.slots = 400_000;
    }
    let error = slots.validate().unwrap_err().to_string();
    assert!(
        error.contains("slots of all sources") && error.contains("2400000"),
        "{error}"
    );
    let mut groups = six;
    for aggregate in &mut groups.sources[5].aggregates {
        aggregate.windows_days = (1..=100).collect();
        aggregate.top_groups = 1_000_000;
    }
    let error = groups.validate().unwrap_err().to_string();
    assert!(error.contains("top_groups"), "{error}");
}

#[test]
fn every_text_is_bounded_and_shown_in_one_line() {
    let long = "x".repeat(70_000);
    for hostile in [long.as_str(), "a\u{1b}[31mb", "a\nb", "", "\u{202e}gpj"] {
        for (at, change) in [
            (
                0,
                Box::new(|s: &mut Schema, t: &str| s.name = t.into())
                    as Box<dyn Fn(&mut Schema, &str)>,
            ),
            (1, Box::new(|s, t| s.sources[0].name = t.into())),
            (2, Box::new(|s, t| s.sources[0].description = t.into())),
            (3, Box::new(|s, t| s.sources[0].delimiter = Some(t.into()))),
            (4, Box::new(|s, t| s.sources[0].columns[2].name = t.into())),
            (
                5,
                Box::new(|s, t| s.sources[0].columns[2].label = Some(t.into())),
            ),
            (
                6,
                Box::new(|s, t| s.sources[5].aggregates[0].source = t.into()),
            ),
        ] {
            let mut schema = Schema::default_six();
            change(&mut schema, hostile);
            let error = schema.validate().unwrap_err().to_string();
            assert!(error.len() < 600, "{at}: {error}");
            assert!(!error.chars().any(char::is_control), "{at}: {error:?}");
            assert!(!error.contains('\u{202e}'), "{at}: {error:?}");
        }
    }
}
