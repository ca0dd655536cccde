//! Number fields of a source: their positions, sums and logarithms. Event features and aggregates
//! are computed with them.

use instructue_schema::{ColumnRole, Events, Source};

/// The bound of a summed value, which keeps sums finite.
pub(crate) const LARGEST: f64 = 1e100;

/// The positions of the number fields among a source's fields.
pub(crate) fn number_fields(source: &Source) -> Vec<usize> {
    fields_with(source, ColumnRole::Number)
}

/// The positions of the fields with `role` among a source's fields.
pub(crate) fn fields_with(source: &Source, role: ColumnRole) -> Vec<usize> {
    let fields = source.fields();
    (0..fields.len())
        .filter(|&i| fields[i].role == role)
        .collect()
}

/// log(1 + |value|) with the sign of the value.
pub(crate) fn signed_log1p(value: f64) -> f64 {
    value.abs().ln_1p().copysign(value)
}

/// The sum of a number field's values, and how many values there are.
pub(crate) fn sum(events: &Events<'_>, field: usize) -> (f64, usize) {
    let values = (0..events.len()).filter_map(|i| events.number(i, field));
    values.fold((0.0, 0), |(sum, n), value| {
        (sum + value.clamp(-LARGEST, LARGEST), n + 1)
    })
}
