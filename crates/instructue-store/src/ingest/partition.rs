//! Columns whose values are in the names of folders (Hive partitions), such as
//! `country=de/dt=2024-01-31/`.

use std::path::{Component, Path};

use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array};
use instructue_schema::{Column, ColumnRole, ColumnType};

use super::columns::Values;
use super::time_text::{self, parse_time};

/// The name of a missing value in Hive, Spark, Arrow and DuckDB.
const MISSING: &str = "__HIVE_DEFAULT_PARTITION__";

/// The values of `column` in the names of a file's folders, from the outermost folder on. `below`
/// is the file's path below the data directory.
pub(crate) fn folder_values(below: &Path, column: &str) -> Vec<String> {
    let folders = below.parent().into_iter().flat_map(Path::components);
    let names = folders.filter_map(|folder| match folder {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    names
        .filter_map(|name| name.split_once('='))
        .filter(|(key, _)| decoded(key) == column)
        .map(|(_, value)| decoded(value))
        .collect()
}

/// The folder's value of `column`, repeated for `rows` rows. The error is the expected value.
pub(crate) fn folder_column(
    value: &str,
    column: &Column,
    rows: usize,
) -> Result<Values, &'static str> {
    if value == MISSING {
        return Ok(Values::Null);
    }
    Ok(match column.ty {
        ColumnType::Text => Values::Text(StringArray::from(vec![value; rows])),
        ColumnType::Int => match (value.parse::<i64>(), value.parse::<u64>()) {
            (Ok(whole), _) => Values::Int(Int64Array::from(vec![whole; rows])),
            (_, Ok(whole)) => Values::UInt(UInt64Array::from(vec![whole; rows])),
            _ => return Err("a whole number"),
        },
        ColumnType::Float => {
            let number = value.parse::<f64>().map_err(|_| "a number")?;
            Values::Float(Float64Array::from(vec![number; rows]))
        }
        ColumnType::Vector => return Err("a column of the file"),
        ColumnType::Bool => {
            let flag = match value.to_ascii_lowercase().as_str() {
                "true" | "1" => true,
                "false" | "0" => false,
                _ => return Err("true or false"),
            };
            Values::Bool(BooleanArray::from(vec![flag; rows]))
        }
        ColumnType::Timestamp => {
            // A number in the declared unit is allowed, as in a file's column.
            let number = column.unit.and_then(|_| value.parse::<i64>().ok());
            if let Some(number) = number {
                return Ok(Values::Int(Int64Array::from(vec![number; rows])));
            }
            let time = parse_time(value).ok_or(time_text::EXPECTED)?;
            Values::Time(Int64Array::from(vec![time; rows]), 1, 1)
        }
    })
}

/// The first of `rows` rows in which the file's own column differs from its folder. A bad value
/// is not compared.
pub(crate) fn first_difference(
    column: &Column,
    own: &Values,
    folder: &Values,
    rows: usize,
) -> Option<usize> {
    let (mut one, mut other) = (String::new(), String::new());
    (0..rows).find(|row| match column.role {
        ColumnRole::Time => matches!(
            (own.time(*row, column.unit()), folder.time(*row, column.unit())),
            (Ok(own), Ok(folder)) if own != folder
        ),
        ColumnRole::Number => matches!(
            (own.number(*row, column.ty), folder.number(*row, column.ty)),
            (Ok(own), Ok(folder)) if own != folder && !(own.is_nan() && folder.is_nan())
        ),
        _ => {
            let own = own.text(*row, column.ty, &mut one);
            let folder = folder.text(*row, column.ty, &mut other);
            matches!((own, folder), (Ok(own), Ok(folder)) if own != folder)
        }
    })
}

/// The text with escapes such as `%3A` decoded. Anything else stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|byte| (*byte as char).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(ty: ColumnType, role: ColumnRole) -> Column {
        let text = format!(
            "name = \"t\"\n[[source]]\nname = \"s\"\nkind = \"events\"\ndescription = \"s\"\n\
             column = [{{ name = \"k\", type = \"{}\", role = \"{}\" }},\n\
             {{ name = \"u\", type = \"int\", role = \"user\" }},\n\
             {{ name = \"t\", type = \"int\", role = \"time\" }}]",
            ty.as_str(),
            role.as_str()
        );
        let schema = instructue_schema::Schema::from_toml(&text).unwrap();
        schema.sources[0].columns[0].clone()
    }

    #[test]
    fn keys_are_found_in_folders_only() {
        let path = Path::new("web/k=a%2Fb%20%C3%A9/x%3Dy=1/k=2%/k=3.parquet");
        assert_eq!(folder_values(path, "k"), ["a/b \u{e9}", "2%"]);
        assert_eq!(folder_values(path, "x=y"), ["1"]);
        assert!(folder_values(path, "web").is_empty());
        assert_eq!(folder_values(Path::new("k=/a"), "k"), [""]);
        assert_eq!(folder_values(Path::new("k=a=b/a"), "k"), ["a=b"]);
    }

    #[test]
    fn values_have_the_declared_type() {
        use ColumnRole::{Category, Number};
        use ColumnType::{Bool, Float, Int, Text};
        let mut buffer = String::new();
        for (value, ty, text) in [
            ("2024", Text, "2024"),
            ("07", Int, "7"),
            ("18446744073709551615", Int, "18446744073709551615"),
            ("True", Bool, "true"),
            ("0", Bool, "false"),
        ] {
            let column = column(ty, Category);
            let values = folder_column(value, &column, 3).unwrap();
            assert_eq!(values.text(2, ty, &mut buffer).unwrap(), Some(text));
        }
        let number = folder_column("-1.5e3", &column(Float, Number), 1).unwrap();
        assert_eq!(number.number(0, Float).unwrap(), -1_500.0);
        let none = folder_column(MISSING, &column(Int, Category), 1).unwrap();
        assert_eq!(none.text(0, Int, &mut buffer).unwrap(), None);
        for (value, ty, role) in [
            ("1.5", Int, Category),
            ("", Int, Category),
            ("much", Float, Number),
            ("yes", Bool, Category),
        ] {
            assert!(
                folder_column(value, &column(ty, role), 1).is_err(),
                "{value}"
            );
        }
    }
}
