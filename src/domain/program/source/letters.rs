//! Where a letter of a TOML text stands in the file: quotes come before it, and escapes are longer than what they
//! stand for. The parser gives the place of the whole text only, and a flaw in a condition is best shown exactly.

/// The byte, within `raw` (the text with its quotes), of the letter number `at` of what it stands for.
pub(super) fn offset_of(raw: &str, at: usize) -> usize {
    let (quote, width) = opening(raw);
    let Some(body) = raw.get(width..) else { return 0 };
    let first_break = if quote_is_triple(width) { body.len() - after_break(body).len() } else { 0 };
    let mut rest = body.get(first_break..).unwrap_or_default();
    for _ in 0..at {
        rest = after_letter(after_folds(rest, quote), quote);
    }
    raw.len() - after_folds(rest, quote).len()
}

fn opening(raw: &str) -> (char, usize) {
    match raw.chars().next() {
        Some('"') if raw.starts_with(r#"""""#) => ('"', 3),
        Some('\'') if raw.starts_with("'''") => ('\'', 3),
        Some(quote @ ('"' | '\'')) => (quote, 1),
        _ => (' ', 0),
    }
}

const fn quote_is_triple(width: usize) -> bool {
    width == 3
}

/// A line break right after the opening of a multi-line text is no part of it.
fn after_break(body: &str) -> &str {
    body.strip_prefix("\r\n").or_else(|| body.strip_prefix('\n')).unwrap_or(body)
}

/// A backslash at the end of a line swallows the break and the blanks after it.
fn after_folds(mut rest: &str, quote: char) -> &str {
    while let ('"', Some(after)) = (quote, rest.strip_prefix('\\')) {
        let blank = after.trim_start_matches([' ', '\t']);
        if !blank.starts_with(['\n', '\r']) {
            break;
        }
        rest = after.trim_start_matches([' ', '\t', '\n', '\r']);
    }
    rest
}

fn after_letter(rest: &str, quote: char) -> &str {
    let mut letters = rest.chars();
    let escaped = letters.next() == Some('\\') && quote == '"';
    if escaped {
        let digits = match letters.next() {
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => 0,
        };
        return letters.as_str().get(digits..).unwrap_or_default();
    }
    letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_found_behind_quotes_escapes_and_folds() {
        let rows = [
            ("'abc'", 2, "c'"),
            (r#""a\"c""#, 1, r#"\"c""#),
            (r#""a\"c""#, 2, r#"c""#),
            (r#""\u00e4\x41c""#, 2, r#"c""#),
            ("'''\nabc'''", 0, "abc'''"),
            ("\"\"\"\\\n   ab\\\n  c\"\"\"", 2, "c\"\"\""),
            ("'äöc'", 2, "c'"),
        ];
        for (raw, at, want) in rows {
            assert_eq!(raw.get(offset_of(raw, at)..), Some(want), "{raw} {at}");
        }
        assert_eq!(offset_of("", 5), 0);
        assert_eq!(offset_of("'a'", 50), 3);
    }
}
