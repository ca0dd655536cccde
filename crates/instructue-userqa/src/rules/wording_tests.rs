//! Checks of the wordings.

use std::collections::BTreeSet;

use super::*;

const GAPS: [&str; 12] = [
    "s", "f", "n", "g", "x", "y", "d", "do", "does", "did", "done", "doing",
];

#[test]
fn there_are_enough_families_of_both_kinds() {
    let names: BTreeSet<_> = all().map(|rule| rule.name).collect();
    assert_eq!(names.len(), all().count(), "names are unique");
    let past = all().filter(|rule| rule.kind() == TripleKind::Past).count();
    assert!(
        past >= 20 && all().count() - past >= 12,
        "{past} of {}",
        all().count()
    );
    for rule in all() {
        let future = matches!(rule.span, Span::Horizon | Span::Quarter);
        assert_eq!(future, rule.kind() == TripleKind::Future, "{}", rule.name);
    }
}

#[test]
fn wordings_fill_only_known_gaps_that_the_family_has() {
    for rule in all() {
        let needs = rule.needs;
        for wording in rule.wordings {
            let gaps: BTreeSet<&str> = wording
                .split('{')
                .skip(1)
                .map(|part| part.split_once('}').expect("closed gap").0)
                .collect();
            for gap in &gaps {
                assert!(GAPS.contains(gap), "{}: {gap}", rule.name);
            }
            let asks = |gap: &str| gaps.contains(gap);
            let value = matches!(
                needs,
                Needs::Value | Needs::TwoValues | Needs::NumberValue | Needs::ValueCategory
            );
            assert_eq!(asks("x"), value, "{}: {wording}", rule.name);
            assert_eq!(
                asks("y"),
                needs == Needs::TwoValues,
                "{}: {wording}",
                rule.name
            );
            assert_eq!(
                asks("g"),
                needs == Needs::ValueCategory,
                "{}: {wording}",
                rule.name
            );
            let number = matches!(
                needs,
                Needs::Number | Needs::NumberCategory | Needs::NumberValue
            );
            assert_eq!(asks("n"), number, "{}: {wording}", rule.name);
            if rule.kind() == TripleKind::Future {
                assert!(asks("d"), "{} does not say when: {wording}", rule.name);
            }
            let overall = needs == Needs::Overall;
            assert!(!(overall && asks("s")), "{}: {wording}", rule.name);
            assert!(
                !needs_source(needs) || asks("s"),
                "{}: {wording}",
                rule.name
            );
        }
    }
}

/// Whether the question names no field, so that only the source's description says what is asked.
fn needs_source(needs: Needs) -> bool {
    matches!(
        needs,
        Needs::Source | Needs::Clock | Needs::Number | Needs::Category
    )
}

#[test]
fn wordings_really_differ() {
    let words = |text: &str| -> BTreeSet<String> {
        let text = text.to_lowercase();
        text.split(|c: char| !c.is_alphanumeric())
            .map(String::from)
            .collect()
    };
    let mut seen = BTreeSet::new();
    for rule in all() {
        assert!(rule.wordings.len() >= 5, "{}", rule.name);
        for (i, a) in rule.wordings.iter().enumerate() {
            assert!(seen.insert(*a), "{}: repeated {a}", rule.name);
            for b in &rule.wordings[i + 1..] {
                let (x, y) = (words(a), words(b));
                let shared = x.intersection(&y).count() as f64;
                let all = x.union(&y).count() as f64;
                assert!(shared / all < 0.7, "{}: {a} | {b}", rule.name);
            }
        }
    }
}
