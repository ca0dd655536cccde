//! Tables: read from Markdown, printed for the terminal.

/// The rows below the first Markdown table whose header has these columns, as
/// the cells of those columns. Nothing if there is no such table.
pub fn table(text: &str, columns: &[&str]) -> Option<Vec<Vec<String>>> {
    let mut lines = text.lines();
    loop {
        let header = cells(lines.next()?);
        let places: Option<Vec<usize>> = columns
            .iter()
            .map(|column| header.iter().position(|cell| cell == column))
            .collect();
        let Some(places) = places else { continue };
        let rows = lines
            .skip(1) // the line of dashes
            .map_while(|line| line.trim_start().starts_with('|').then(|| cells(line)))
            .map(|row| {
                let cell = |&place: &usize| row.get(place).cloned().unwrap_or_default();
                places.iter().map(cell).collect()
            })
            .collect();
        return Some(rows);
    }
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim();
    let inner = line.strip_prefix('|').unwrap_or(line);
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    inner
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

/// Rows as aligned columns: the first to the left, the others to the right.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            if column == 0 {
                line.push_str(&format!("{cell:<width$}"));
            } else {
                line.push_str(&format!("  {cell:>width$}"));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Map\n\n| a | b |\n|---|---|\n| no | no |\n\n\
        | crate | what | depends on |\n|---|---|---|\n| `x` | one | – |\n| `y` | two | x |\n\nEnd.\n";

    #[test]
    fn the_table_is_found_by_its_header() {
        let rows = table(TEXT, &["crate", "depends on"]).expect("there");
        assert_eq!(rows, [["`x`", "–"], ["`y`", "x"]]);
        assert_eq!(table(TEXT, &["crate", "owner"]), None);
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [
            vec!["name".into(), "µs".into()],
            vec!["a".into(), "12.5".into()],
        ];
        assert_eq!(aligned(&rows), "name    µs\na     12.5\n");
    }
}
