//! Just enough of Rust's lexer to tell code from comments and literals.

/// The text with every comment and every string or character literal replaced
/// by spaces. Lines stay where they are.
pub fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_or_comment(bytes, at);
        match end {
            Some(end) => {
                blank(&mut out[at..end]);
                at = end;
            }
            None => at += 1,
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Code without the items behind `#[cfg(test)]` and `#[test]`, which are
/// replaced by spaces. Takes what [`code`] returns.
pub fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for marker in ["#[cfg(test)]", "#[cfg(all(test", "#[test]"] {
        for (start, _) in code.match_indices(marker) {
            let end = item_end(code.as_bytes(), start + marker.len());
            blank(&mut out[start..end]);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The lines (from 1) on which the macro `name!` is called.
pub fn macro_lines(code: &str, name: &str) -> Vec<usize> {
    let call = format!("{name}!");
    lines_with(code, &call)
}

/// The lines (from 1) on which `needle` stands, not as the end of a longer name.
pub fn lines_with(code: &str, needle: &str) -> Vec<usize> {
    let starts_name = |before: &str| before.chars().next_back().is_some_and(is_name);
    code.lines()
        .enumerate()
        .filter(|(_, line)| {
            line.match_indices(needle)
                .any(|(at, _)| !starts_name(&line[..at]))
        })
        .map(|(index, _)| index + 1)
        .collect()
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

/// The end of the literal or comment that begins at `at`, if one does.
fn literal_or_comment(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => Some(find(bytes, at, b"\n").unwrap_or(bytes.len())),
        [b'/', b'*', ..] => Some(block_comment(bytes, at)),
        [b'"', ..] => Some(string(bytes, at + 1)),
        [b'\'', ..] => character(bytes, at),
        [b'r', b'"' | b'#', ..] if !follows_name(bytes, at) => raw_string(bytes, at + 1),
        _ => None,
    }
}

/// Whether the byte at `at` continues a name. The prefixes `b` and `c` of byte
/// and C strings stay in the text, which harms nobody, so they do not count.
fn follows_name(bytes: &[u8], at: usize) -> bool {
    let name = |index: usize| {
        bytes
            .get(index)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80)
    };
    let Some(before) = at.checked_sub(1) else {
        return false;
    };
    match bytes[before] {
        b'b' | b'c' => before.checked_sub(1).is_some_and(name),
        _ => name(before),
    }
}

fn find(bytes: &[u8], from: usize, needle: &[u8]) -> Option<usize> {
    bytes[from..]
        .windows(needle.len())
        .position(|window| window == needle)
        .map(|offset| from + offset)
}

fn block_comment(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

fn string(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A raw string behind its `r`; nothing for a raw name such as `r#type`.
fn raw_string(bytes: &[u8], from: usize) -> Option<usize> {
    let hashes = bytes[from..]
        .iter()
        .take_while(|byte| **byte == b'#')
        .count();
    if bytes.get(from + hashes) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"')
        .chain(std::iter::repeat_n(b'#', hashes))
        .collect();
    let end = find(bytes, from + hashes + 1, &close);
    Some(end.map_or(bytes.len(), |end| end + close.len()))
}

/// A character literal; nothing for a lifetime.
fn character(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'\\' => find(bytes, at + 3, b"'").map(|end| end + 1),
        first => {
            let width = match first {
                0..=0x7f => 1,
                0x80..=0xdf => 2,
                0xe0..=0xef => 3,
                _ => 4,
            };
            (bytes.get(at + 1 + width) == Some(&b'\'')).then_some(at + 2 + width)
        }
    }
}

/// The end of the item that begins at `from`: its closing brace or semicolon.
fn item_end(code: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *byte == b'}' {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        let text =
            "a(); // todo!()\n/* x /* y */ z */ b(\"dbg!\\\"\", 'c', b'\\'', r#\"\"q\"#);\nc();\n";
        let code = code(text);
        assert_eq!(code.lines().count(), text.lines().count());
        for gone in ["todo", "x", "z", "dbg", "q"] {
            assert!(!code.contains(gone), "{gone} in {code}");
        }
        for kept in ["a();", "b(", "c();"] {
            assert!(code.contains(kept), "{kept} not in {code}");
        }
    }

    #[test]
    fn lifetimes_and_raw_names_are_not_literals() {
        let text = "fn f<'a>(r#type: &'a str) -> &'a str { todo!() } // é'";
        let code = code(text);
        assert!(
            code.contains("r#type: &'a str") && code.contains("todo!()"),
            "{code}"
        );
        assert!(super::code("let c = 'é'; todo!()").contains("todo!()"));
    }

    #[test]
    fn test_items_are_removed_and_what_follows_stays() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { if x {} }\n}\nfn c() {}\n";
        let rest = without_tests(code);
        assert!(rest.contains("fn a()") && rest.contains("fn c()") && !rest.contains("fn b()"));
        let rest = without_tests("#[cfg(test)]\nmod tests;\nfn c() {}\n");
        assert!(rest.contains("fn c()") && !rest.contains("tests"));
        let rest = without_tests(
            "#[cfg(all(test, unix))]\n#[derive(A)]\nstruct B { c: [u8; 3] }\nfn d() {}",
        );
        assert!(
            rest.contains("fn d()") && !rest.contains("struct B"),
            "{rest}"
        );
    }

    #[test]
    fn macros_are_found_by_their_whole_name() {
        let code = "eprintln!(a);\n  println!(b);\nmy_println!(c);\n";
        assert_eq!(macro_lines(code, "println"), [2]);
        assert_eq!(macro_lines(code, "eprintln"), [1]);
    }
}
