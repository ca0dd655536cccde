//! The event texts of the race `encode`.

/// Event texts that are encoded, and how many of them are distinct.
const EVENTS: usize = 10_000;
const DISTINCT: usize = 4_000;

/// Texts as events have them, one a line, in no order.
pub fn texts() -> String {
    const GOODS: [&str; 16] = [
        "milk",
        "bread",
        "noodles",
        "coffee",
        "rice",
        "apples",
        "shampoo",
        "batteries",
        "novel",
        "headphones",
        "cinema ticket",
        "train pass",
        "diesel",
        "dog food",
        "phone plan",
        "rent",
    ];
    const PLACES: [&str; 5] = [
        "corner shop",
        "city market",
        "north station",
        "online store",
        "petrol station",
    ];
    const WAYS: [&str; 4] = ["cash", "card", "wallet", "transfer"];
    let draw =
        |number: usize, of: usize, from: usize| mixed((number * 100 + of) as u64) as usize % from;
    let text = |number: usize| {
        let goods = 1 + draw(number, 0, 5);
        let goods: Vec<&str> = (1..=goods)
            .map(|of| GOODS[draw(number, of, GOODS.len())])
            .collect();
        let (place, way) = (
            PLACES[draw(number, 6, PLACES.len())],
            WAYS[draw(number, 7, WAYS.len())],
        );
        // The amount makes them distinct.
        let amount = format!("{}.{:02}", number / 100, number % 100);
        format!("{} | {place} | {amount} | {way}\n", goods.join(" "))
    };
    let mut order: Vec<usize> = (0..EVENTS).collect();
    order.sort_by_key(|&event| mixed(event as u64));
    // Each distinct one at least once.
    let number = |event: usize| match event < DISTINCT {
        true => event,
        false => draw(event, 8, DISTINCT),
    };
    order.into_iter().map(|event| text(number(event))).collect()
}

/// A number that looks drawn (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let x = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn event_texts_are_as_many_and_as_distinct_as_said() {
        let all = texts();
        let lines: Vec<&str> = all.lines().collect();
        assert_eq!(lines.len(), EVENTS);
        let distinct: BTreeSet<&str> = lines.iter().copied().collect();
        assert_eq!(distinct.len(), DISTINCT);
        assert!(!lines.is_sorted());
        assert_eq!(all, texts());
    }
}
