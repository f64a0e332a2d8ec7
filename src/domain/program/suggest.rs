//! "Did you mean …?": the nearest of the words that would have been right.

/// `, did you mean `x`?` with the known word nearest to `word`, or nothing if none is near.
pub(super) fn did_you_mean<S: AsRef<str>>(word: &str, known: impl IntoIterator<Item = S>) -> String {
    let near = known.into_iter().map(|known| (distance(word, known.as_ref()), known));
    let close_enough = |(steps, known): &(usize, S)| *steps <= known.as_ref().len().div_ceil(3);
    match near.filter(close_enough).min_by_key(|(steps, _)| *steps) {
        Some((_, known)) => format!(", did you mean `{}`?", known.as_ref()),
        None => String::new(),
    }
}

/// How many letters have to be added, removed, replaced or swapped with their neighbour; long words are not looked at.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let (mut before_last, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    let mut previous = None;
    for (row, letter) in a.chars().enumerate() {
        let next = next_row(row, (previous, letter), &b, (&before_last, &last));
        (before_last, last) = (last, next);
        previous = Some(letter);
    }
    last.last().copied().unwrap_or(0)
}

fn next_row(
    row: usize,
    (previous, letter): (Option<char>, char),
    b: &[char],
    (before_last, last): (&[usize], &[usize]),
) -> Vec<usize> {
    let at = |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX - 1);
    let mut next = vec![row + 1];
    for (column, other) in b.iter().enumerate() {
        let replaced = at(last, column) + usize::from(letter != *other);
        let added = at(&next, column).min(at(last, column + 1)) + 1;
        let neighbour = column.checked_sub(1).and_then(|left| b.get(left).map(|letter| (left, *letter)));
        let swapped = match neighbour {
            Some((left, first)) if Some(*other) == previous && first == letter => at(before_last, left) + 1,
            _ => usize::MAX,
        };
        next.push(replaced.min(added).min(swapped));
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_a_far_one_is_not() {
        let known = ["wallets", "meters", "ladder", "kinds"];
        assert_eq!(did_you_mean("walets", known), ", did you mean `wallets`?");
        assert_eq!(did_you_mean("laddre", known), ", did you mean `ladder`?");
        assert_eq!(did_you_mean("earning", known), "");
        assert_eq!(did_you_mean("", known), "");
        assert_eq!(did_you_mean(&"x".repeat(100_000), known), "");
        for (a, b, want) in [("", "abc", 3), ("abc", "acb", 1), ("gould", "gold", 1), ("kitten", "sitting", 3)] {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }
}
