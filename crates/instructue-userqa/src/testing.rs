//! Small shards for the tests of this crate.

use std::collections::BTreeMap;
use std::sync::Arc;

use instructue_schema::{ColumnData, NULL_CODE, Shard, SourceTable};
use instructue_schema::{Schema, Timestamp, UserId};

/// 2017-07-01 00:00 UTC, a Saturday.
pub(crate) const REFERENCE: Timestamp = Timestamp(1_498_867_200);

/// An event of the source `bill`: days from the reference, hour, amount, category, brand.
pub(crate) type Purchase = (i64, i64, f64, &'static str, &'static str);

/// A user with purchases and mailings (days from the reference, kind).
pub(crate) type User = (String, Vec<Purchase>, Vec<(i64, &'static str)>);

/// Two sources: `bill` with one number field and two category fields, and `mail` with dates only.
pub(crate) fn schema() -> Schema {
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
            { name = "amount", type = "float", role = "number" },
            { name = "category", type = "text", role = "category" },
            { name = "brand", type = "text", role = "category" },
        ]

        [[source]]
        name = "mail"
        kind = "events"
        description = "mailings"
        column = [
            { name = "user", type = "text", role = "user" },
            { name = "time", type = "timestamp", role = "time" },
            { name = "kind", type = "text", role = "category" },
        ]
        "#,
    )
    .expect("a valid schema")
}

/// A shard of these users.
pub(crate) fn shard(users: &[User]) -> Shard {
    let mut users: Vec<_> = users.iter().collect();
    users.sort_by(|a, b| a.0.cmp(&b.0));
    let mut bill = Columns::default();
    let mut mail = Columns::default();
    for (_, purchases, mailings) in &users {
        let mut purchases = purchases.clone();
        purchases.sort_by_key(|purchase| (purchase.0, purchase.1));
        for (day, hour, amount, category, brand) in purchases {
            bill.push(day, hour, amount, &[category, brand]);
        }
        bill.end_user();
        let mut mailings = mailings.clone();
        mailings.sort_by_key(|mailing| mailing.0);
        for (day, kind) in mailings {
            mail.push(day, 0, 0.0, &[kind]);
        }
        mail.end_user();
    }
    Shard {
        users: users
            .iter()
            .map(|user| UserId::new(user.0.as_str()).expect("an id"))
            .collect(),
        sources: vec![bill.table(2, true), mail.table(1, false)],
    }
}

#[derive(Default)]
struct Columns {
    offsets: Vec<usize>,
    times: Vec<Timestamp>,
    amounts: Vec<f64>,
    texts: Vec<Vec<&'static str>>,
}

impl Columns {
    fn push(&mut self, day: i64, hour: i64, amount: f64, texts: &[&'static str]) {
        self.times
            .push(Timestamp(REFERENCE.plus_days(day).0 + 3600 * hour));
        self.amounts.push(amount);
        self.texts.push(texts.to_vec());
    }

    fn end_user(&mut self) {
        self.offsets.push(self.times.len());
    }

    fn table(self, texts: usize, numbers: bool) -> SourceTable {
        let mut columns = Vec::new();
        if numbers {
            columns.push(ColumnData::Number(self.amounts));
        }
        for field in 0..texts {
            let mut known: BTreeMap<&str, u32> = BTreeMap::new();
            let mut dictionary: Vec<Arc<str>> = Vec::new();
            let codes = self.texts.iter().map(|row| {
                if row[field].is_empty() {
                    return NULL_CODE;
                }
                *known.entry(row[field]).or_insert_with(|| {
                    dictionary.push(row[field].into());
                    dictionary.len() as u32 - 1
                })
            });
            let codes = codes.collect();
            columns.push(ColumnData::Text {
                codes,
                dictionary: Arc::new(dictionary),
            });
        }
        let offsets = std::iter::once(0).chain(self.offsets).collect();
        SourceTable {
            offsets,
            times: self.times,
            columns,
        }
    }
}
