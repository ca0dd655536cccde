//! What tables are: logs of events, features of users, tables to join, labels.

use std::collections::BTreeMap;

use instructue_schema::{
    Aggregate, Column, ColumnRole, ColumnType, EventOrder, Lookup, Repeats, Source, SourceKind,
    TimeUnit, shown,
};

use crate::look::{self, Looked};
use crate::words;

/// A category of more values than this is not what an event is called by.
const RENDERED: usize = 500;
/// A text of more values than this is not a category.
const CATEGORY: usize = 2_000;
/// A text of a joined table of more values than this is not part of events' texts.
const TITLES: usize = 5_000;
/// Events of a user in a window from which equal ones are merged.
const MANY: f64 = 60.0;
/// Groups of an aggregate.
const GROUPS: usize = 30;
const DAY: f64 = 86_400.0;

/// A remark on something that was guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// File, or file and column.
    pub place: String,
    /// What was done with it, and why.
    pub text: String,
    /// Whether a person should look at it.
    pub doubt: bool,
}

/// What was guessed.
#[derive(Debug, Default)]
pub(crate) struct Guess {
    pub sources: Vec<Source>,
    /// The table of each source, if it has one.
    pub of_source: Vec<Option<usize>>,
    /// Tables of truths: table, user column.
    pub labels: Vec<(usize, String)>,
    pub notes: Vec<Note>,
}

/// The column of a table with the time of its rows.
#[derive(Debug, Clone, PartialEq)]
struct Time {
    column: String,
    unit: Option<TimeUnit>,
}

pub(crate) fn guess(tables: &[Looked]) -> Guess {
    let mut guess = Guess::default();
    let users = user_columns(tables, &mut guess.notes);
    let lookups: Vec<usize> = (0..tables.len())
        .filter(|at| users[*at].is_none())
        .collect();
    for table in tables.iter().filter(|table| !table.unnamed.is_empty()) {
        let names: Vec<String> = table.unnamed.iter().map(|name| shown(name)).collect();
        guess.notes.push(Note {
            place: table.table.file.clone(),
            text: format!(
                "columns left out, whose names cannot be written: {}",
                names.join(", ")
            ),
            doubt: true,
        });
    }
    let mut joined = vec![false; tables.len()];
    let mut features = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let Some(user) = &users[at] else { continue };
        let place = table.table.file.clone();
        let once = table.column(user).is_some_and(look::Column::is_unique);
        if once {
            match is_labels(table, user) {
                true => guess.labels.push((at, user.clone())),
                false => features.push(at),
            }
            continue;
        }
        match events(table, user, tables, &lookups, &mut joined, &mut guess.notes) {
            Some(source) => {
                guess.sources.push(source);
                guess.of_source.push(Some(at));
            }
            None => guess.notes.push(Note {
                place,
                text: "left out: many rows for a user, and no time".into(),
                doubt: true,
            }),
        }
    }
    for at in features {
        let user = users[at].as_deref().unwrap_or_default();
        if let Some(source) = tabular(&tables[at], user, &mut guess.notes) {
            guess.sources.push(source);
            guess.of_source.push(Some(at));
        }
    }
    for at in lookups.into_iter().filter(|at| !joined[*at]) {
        guess.notes.push(Note {
            place: tables[at].table.file.clone(),
            text: "left out: no column of users, and no column that names each of its rows once \
                   and that a log has, too"
                .into(),
            doubt: false,
        });
    }
    unique_names(&mut guess.sources);
    aggregates(&mut guess);
    // A table that several logs join was remarked on by each.
    let mut once: Vec<Note> = Vec::new();
    for note in guess.notes {
        let taken = guess.sources.iter().any(|source| {
            let time = source.time_column().map(|time| &time.name);
            let lookups = source.lookups.iter().map(|lookup| &lookup.file);
            let place =
                |file: &String| time.is_some_and(|name| note.place == format!("{file}: {name}"));
            lookups.chain([&source.file]).any(place)
        });
        if !taken && !once.contains(&note) {
            once.push(note);
        }
    }
    guess.notes = once;
    guess
}

/// The column of users' ids of each table that has one.
fn user_columns(tables: &[Looked], notes: &mut Vec<Note>) -> Vec<Option<String>> {
    let id = |column: &&look::Column| {
        matches!(column.ty, Some(ColumnType::Int | ColumnType::Text)) && column.distinct() > 1
    };
    let mut spread: BTreeMap<&str, usize> = BTreeMap::new();
    for column in tables.iter().flat_map(|table| &table.columns) {
        *spread.entry(&column.name).or_default() += 1;
    }
    let named: Vec<Option<String>> = tables
        .iter()
        .map(|table| {
            let columns = table.columns.iter().filter(id);
            let columns = columns.filter(|column| words::is_user(&column.name));
            let best = columns.max_by_key(|column| spread[column.name.as_str()]);
            best.map(|column| column.name.clone())
        })
        .collect();
    if named.iter().any(Option::is_some) {
        return named;
    }
    // No name says it: an id that comes again and again beside a time.
    let candidates = tables.iter().filter(|table| time(table).is_some());
    let candidates = candidates.flat_map(|table| &table.columns).filter(id);
    let candidates = candidates.filter(|c| words::is_id(&c.name) && c.repeats() >= 1.5);
    let best = candidates.max_by_key(|column| (spread[column.name.as_str()], column.distinct()));
    let Some(best) = best.map(|column| column.name.clone()) else {
        return named;
    };
    notes.push(Note {
        place: best.clone(),
        text: "taken for the ids of users: it comes again and again beside times".into(),
        doubt: true,
    });
    let has = |table: &Looked| table.column(&best).map(|_| best.clone());
    tables.iter().map(has).collect()
}

/// The time of a table's rows: its likeliest column.
fn time(table: &Looked) -> Option<Time> {
    let candidates = table.columns.iter().filter_map(|column| {
        let unit = match column.ty? {
            ColumnType::Timestamp => None,
            ColumnType::Text if column.is_time_text() => None,
            ColumnType::Int | ColumnType::Float if words::is_time(&column.name) => {
                Some(epoch(column.range?)?)
            }
            _ => return None,
        };
        let likeness = words::time_likeness(&column.name);
        let time = Time {
            column: column.name.clone(),
            unit,
        };
        Some(((likeness, column.distinct()), time))
    });
    let best = candidates.max_by_key(|(order, _)| *order);
    best.map(|(_, time)| time)
}

/// The unit in which numbers are times between 1990 and 2060.
fn epoch((least, greatest): (f64, f64)) -> Option<TimeUnit> {
    TimeUnit::ALL.into_iter().find(|unit| {
        let each = unit.per_second() as f64;
        least >= 631_152_000.0 * each && greatest <= 2_840_140_800.0 * each
    })
}

/// Whether a table with a row per user holds truths rather than features.
fn is_labels(table: &Looked, user: &str) -> bool {
    let named = words::is_label(&table.table.stem);
    let mut others = table
        .columns
        .iter()
        .filter(|column| column.name != user)
        .peekable();
    let any = others.peek().is_some();
    named || (any && others.all(|column| words::is_label(&column.name)))
}

/// A source of events, if its rows have times.
fn events(
    table: &Looked,
    user: &str,
    tables: &[Looked],
    lookups: &[usize],
    joined: &mut [bool],
    notes: &mut Vec<Note>,
) -> Option<Source> {
    let own = time(table);
    let keys = joins(table, user, own.as_ref(), tables, lookups);
    // A joined table may say when: a mailing arrives when its campaign starts.
    let lent = match &own {
        Some(_) => None,
        None => keys
            .iter()
            .find_map(|(key, at)| Some((key.clone(), time(&tables[*at])?))),
    };
    let (timed, time) = match (&own, &lent) {
        (Some(time), _) => (table, time),
        (None, Some((key, time))) => (&tables[keys[key]], time),
        (None, None) => return None,
    };
    let days = days(timed.column(&time.column)?, time.unit);
    let mut columns = Vec::new();
    for column in &table.columns {
        columns.extend(match column.name.as_str() {
            name if name == user => Some(plain(name, column.ty?, ColumnRole::User)),
            name if own.as_ref().is_some_and(|time| time.column == name) => {
                own.as_ref().map(time_column)
            }
            name if keys.contains_key(name) => Some(plain(name, column.ty?, ColumnRole::Key)),
            _ => content(column, table, SourceKind::Events, notes),
        });
    }
    let mut found: Vec<Lookup> = Vec::new();
    for (key, &at) in &keys {
        let other = &tables[at];
        let lent = lent
            .as_ref()
            .filter(|(of, _)| of == key)
            .map(|(_, time)| time);
        let mut of_lookup = Vec::new();
        for column in &other.columns {
            let name = &column.name;
            if name == key || columns.iter().any(|known| known.name == *name) {
                continue;
            }
            of_lookup.extend(match lent.filter(|time| time.column == *name) {
                Some(time) => Some(time_column(time)),
                None => content(column, other, SourceKind::Events, notes),
            });
        }
        if !of_lookup.is_empty() {
            joined[at] = true;
            found.push(Lookup {
                file: other.table.file.clone(),
                key: key.clone(),
                columns: of_lookup,
            });
        }
    }
    // A key that nothing is joined by says nothing.
    columns.retain(|column| {
        column.role != ColumnRole::Key || found.iter().any(|lookup| lookup.key == column.name)
    });
    let window = window(days);
    let each = table.column(user)?.repeats() * (f64::from(window) / days.max(1.0)).min(1.0);
    let mut source = Source {
        name: words::source_name(&table.table.stem),
        kind: SourceKind::Events,
        description: words::phrase(&table.table.stem, "events"),
        file: table.table.file.clone(),
        window_days: window,
        slots: ((1.5 * each).ceil() as usize).clamp(10, 160),
        max_tokens: 24,
        delimiter: None,
        on_error: None,
        times: None,
        order: EventOrder::Any,
        repeats: match each > MANY {
            true => Repeats::Merge,
            false => Repeats::Keep,
        },
        columns,
        lookups: found,
        aggregates: Vec::new(),
    };
    let length = render(&mut source, table, tables, &keys);
    source.max_tokens = ((length / 3.0).ceil() as usize + 4).clamp(8, 32);
    Some(source)
}

/// The tables whose rows a column of this one names: key and table.
fn joins(
    table: &Looked,
    user: &str,
    own: Option<&Time>,
    tables: &[Looked],
    lookups: &[usize],
) -> BTreeMap<String, usize> {
    let mut keys = BTreeMap::new();
    for column in &table.columns {
        let name = &column.name;
        let taken = name == user || own.is_some_and(|time| time.column == *name);
        if taken || !matches!(column.ty, Some(ColumnType::Int | ColumnType::Text)) {
            continue;
        }
        let fits = |at: &&usize| {
            let other = tables[**at].column(name);
            other.is_some_and(|other| other.is_unique() && column.share_in(other) >= 0.5)
        };
        if let Some(at) = lookups.iter().find(fits) {
            keys.insert(name.clone(), *at);
        }
    }
    keys
}

/// Days between first and last time.
fn days(column: &look::Column, unit: Option<TimeUnit>) -> f64 {
    let each = unit.map_or(1.0, |unit| unit.per_second() as f64);
    // Times that are texts are not ranged; their distinct values are days or more.
    let (first, last) = column.range.unwrap_or((0.0, 180.0 * DAY * each));
    (last - first) / each / DAY
}

/// How far back profiles look: two thirds of the data, at most half a year.
fn window(days: f64) -> u32 {
    match days * 2.0 / 3.0 {
        days if days >= 180.0 => 180,
        days if days >= 60.0 => (days / 30.0) as u32 * 30,
        days => (days as u32).max(7),
    }
}

fn plain(name: &str, ty: ColumnType, role: ColumnRole) -> Column {
    Column {
        name: name.into(),
        ty,
        role,
        label: None,
        render: None,
        required: false,
        unit: None,
        width: None,
    }
}

fn time_column(time: &Time) -> Column {
    Column {
        unit: time.unit,
        ..plain(&time.column, ColumnType::Timestamp, ColumnRole::Time)
    }
}

/// What a column says of an event or a user; `None`, and why, if it is left out.
fn content(
    column: &look::Column,
    table: &Looked,
    kind: SourceKind,
    notes: &mut Vec<Note>,
) -> Option<Column> {
    let name = &column.name;
    let mut left = |text: &str, doubt: bool| {
        let place = format!("{}: {name}", table.table.file);
        let text = format!("left out: {text}");
        notes.push(Note { place, text, doubt });
        None
    };
    let Some(ty) = column.ty else {
        return left("its type is not read", false);
    };
    if column.seen == column.missing {
        return left("no row has a value", false);
    }
    if column.distinct() == 1 && ty != ColumnType::Vector {
        return left("one value alone", false);
    }
    if words::is_personal(name) {
        return left("it may say who somebody is", true);
    }
    let code = words::is_id(name);
    match ty {
        ColumnType::Vector if kind == SourceKind::Events => Some(Column {
            width: Some(column.width),
            ..plain(name, ty, ColumnRole::Vector)
        }),
        ColumnType::Vector => left("a vector, which features of users cannot be", true),
        ColumnType::Timestamp => left("another time", true),
        ColumnType::Bool => Some(plain(name, ty, ColumnRole::Number)),
        ColumnType::Int if words::is_calendar(name) => left("the time says it", false),
        ColumnType::Int | ColumnType::Float if code => {
            left("numbers that name something, and no table says what", true)
        }
        ColumnType::Int | ColumnType::Float => Some(plain(name, ty, ColumnRole::Number)),
        ColumnType::Text if column.is_time_text() => left("another time", true),
        ColumnType::Text if column.is_opaque() && (code || column.distinct() > CATEGORY) => {
            left("codes that no table explains", true)
        }
        ColumnType::Text => {
            let few = column.distinct() <= CATEGORY;
            let again = column.counts.is_some() || column.repeats() >= 5.0 || code;
            match (few && again && !column.is_list(), kind) {
                (true, _) => Some(plain(name, ty, ColumnRole::Category)),
                (false, SourceKind::Events) => Some(plain(name, ty, ColumnRole::Text)),
                (false, _) => left("too many different texts for a feature of users", true),
            }
        }
    }
}

/// Chooses what events are called by, and gives the length of such a text: two categories of at
/// most 500 values, the log's own first, and a text. Where equal events are merged, a text of a
/// joined table would keep them apart.
fn render(
    source: &mut Source,
    table: &Looked,
    tables: &[Looked],
    keys: &BTreeMap<String, usize>,
) -> f64 {
    /// A column that may be part of the text.
    struct Candidate {
        name: String,
        own: bool,
        distinct: usize,
        length: f64,
    }
    let vector = source
        .columns
        .iter()
        .any(|column| column.role == ColumnRole::Vector);
    let own = source.columns.iter().map(|column| (column, Some(table)));
    let theirs = source.lookups.iter().flat_map(|lookup| {
        let joined = keys.get(&lookup.key).map(|at| &tables[*at]);
        lookup.columns.iter().map(move |column| (column, joined))
    });
    let (mut categories, mut texts) = (Vec::new(), Vec::new());
    for (column, looked) in own.chain(theirs) {
        let Some(found) = looked.and_then(|looked| looked.column(&column.name)) else {
            continue;
        };
        let candidate = Candidate {
            name: column.name.clone(),
            own: table.column(&column.name).is_some(),
            distinct: found.distinct(),
            length: found.length(),
        };
        match column.role {
            ColumnRole::Category => categories.push(candidate),
            ColumnRole::Text => texts.push(candidate),
            _ => {}
        }
    }
    // The finest first, the log's own before those of joined tables.
    categories.sort_by_key(|one| (!one.own, std::cmp::Reverse(one.distinct)));
    let mut shown: Vec<&Candidate> = Vec::new();
    for one in categories.iter().filter(|one| one.distinct <= RENDERED) {
        // Of nested categories the next one says something if it is much coarser.
        let nested = |finer: &&Candidate| !one.own && one.distinct * 2 > finer.distinct;
        if shown.len() < 2 && !shown.iter().any(nested) {
            shown.push(one);
        }
    }
    let merged = source.repeats == Repeats::Merge;
    let text = texts
        .iter()
        .find(|one| one.own || (!merged && one.distinct <= TITLES));
    shown.extend(text);
    if shown.is_empty() {
        // Only categories of very many values.
        shown.extend(categories.first());
    }
    let names: Vec<&String> = shown.iter().map(|one| &one.name).collect();
    let all = source.columns.iter_mut();
    let all = all.chain(
        source
            .lookups
            .iter_mut()
            .flat_map(|lookup| &mut lookup.columns),
    );
    for column in all.filter(|c| matches!(c.role, ColumnRole::Category | ColumnRole::Text)) {
        let rendered = !vector && names.contains(&&column.name);
        column.render = (!rendered).then_some(false);
    }
    shown.iter().map(|one| one.length + 3.0).sum()
}

/// Features of users, if there are some.
fn tabular(table: &Looked, user: &str, notes: &mut Vec<Note>) -> Option<Source> {
    let time = time(table);
    let mut columns = Vec::new();
    let mut content_columns = 0;
    for column in &table.columns {
        let found = match column.name.as_str() {
            name if name == user => Some(plain(name, column.ty?, ColumnRole::User)),
            name if time.as_ref().is_some_and(|time| time.column == name) => {
                time.as_ref().map(time_column)
            }
            _ => {
                let found = content(column, table, SourceKind::Tabular, notes);
                content_columns += usize::from(found.is_some());
                found
            }
        };
        columns.extend(found);
    }
    let place = table.table.file.clone();
    if content_columns == 0 {
        let text = "left out: nothing beside ids and times".into();
        notes.push(Note {
            place,
            text,
            doubt: false,
        });
        return None;
    }
    let text = "taken for features of users, one row each; take it out if a task asks for one of \
                its columns"
        .into();
    notes.push(Note {
        place,
        text,
        doubt: true,
    });
    Some(Source {
        name: words::source_name(&table.table.stem),
        kind: SourceKind::Tabular,
        description: words::phrase(&table.table.stem, "features"),
        file: table.table.file.clone(),
        window_days: 90,
        slots: 1,
        max_tokens: 32,
        delimiter: None,
        on_error: None,
        times: None,
        order: EventOrder::Any,
        repeats: Repeats::Keep,
        columns,
        lookups: Vec::new(),
        aggregates: Vec::new(),
    })
}

/// Names come from files; two files may be called alike.
fn unique_names(sources: &mut [Source]) {
    let mut known: Vec<String> = Vec::new();
    for source in sources {
        let first = source.name.clone();
        let mut number = 2;
        while known.contains(&source.name) {
            source.name = format!("{first}_{number}");
            number += 1;
        }
        known.push(source.name.clone());
    }
}

/// Counts and sums of each log, with those of its finest rendered category, in the first source of
/// features or one of its own.
fn aggregates(guess: &mut Guess) {
    let logs = guess
        .sources
        .iter()
        .filter(|source| source.kind == SourceKind::Events);
    let found: Vec<Aggregate> = logs
        .map(|source| {
            let fields = source.fields();
            let mut shown = fields
                .iter()
                .filter(|f| f.role == ColumnRole::Category && f.rendered);
            Aggregate {
                source: source.name.clone(),
                windows_days: vec![7, 30, 90],
                // The last is the finest where a joined table has several.
                group_by: shown
                    .next_back()
                    .map(|field| field.name.clone())
                    .into_iter()
                    .collect(),
                top_groups: GROUPS,
            }
        })
        .collect();
    if found.is_empty() {
        return;
    }
    let features = guess
        .sources
        .iter_mut()
        .find(|source| source.kind == SourceKind::Tabular);
    if let Some(features) = features {
        features.aggregates = found;
        return;
    }
    let name = match guess.sources.iter().any(|source| source.name == "counts") {
        true => "counts_of_events",
        false => "counts",
    };
    guess.sources.push(Source {
        name: name.into(),
        kind: SourceKind::Tabular,
        description: "counts and sums".into(),
        file: format!("{name}.parquet"),
        window_days: 90,
        slots: 1,
        max_tokens: 32,
        delimiter: None,
        on_error: None,
        times: None,
        order: EventOrder::Any,
        repeats: Repeats::Keep,
        columns: Vec::new(),
        lookups: Vec::new(),
        aggregates: found,
    });
    guess.of_source.push(None);
}
