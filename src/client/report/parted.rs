//! Bars that part a whole, as SVG: each under its name, each part with its share beside it where there is room.
//!
//! Drawn here because a name of any length stands above its bar on a phone, too, and what a part amounts to stands at it.

use maud::{Markup, html};

use super::charts::Shape;

/// How high a bar is.
const BAR: f64 = 26.0;
/// How wide a letter is, of its height: wide enough for digits.
const LETTER: f64 = 0.6;

/// A whole and its parts, from the left.
pub struct Bar {
    /// Stands above it, if there is any.
    pub name: String,
    pub parts: Vec<Part>,
}

/// A part of a whole.
pub struct Part {
    pub amount: i64,
    pub color: &'static str,
    /// Stands under the part, if there is room.
    pub label: String,
}

/// The bars, each as wide as the picture.
pub fn drawn(bars: &[Bar], shape: Shape) -> String {
    let text = f64::from(shape.text);
    let named = |bar: &Bar| if bar.name.is_empty() { 0.0 } else { 1.5 * text };
    let mut top = 2.0;
    let rows = bars.iter().map(|bar| {
        let above = top + named(bar);
        top = above + BAR + 2.4 * text;
        row(bar, above, shape)
    });
    let rows: Vec<Markup> = rows.collect();
    html! {
        svg width=(shape.width) height=(top - 0.8 * text) { @for row in rows { (row) } }
    }
    .into_string()
}

/// A bar whose upper edge lies at `top`.
fn row(bar: &Bar, top: f64, shape: Shape) -> Markup {
    let text = f64::from(shape.text);
    let mut left = 0.0;
    let parts = bar.parts.iter().map(|part| {
        let (at, width) = (left, shape.width * share(part, bar));
        left += width;
        (part, at, width)
    });
    html! {
        @if !bar.name.is_empty() {
            text x="0" y=(top - 0.5 * text) font-size=(shape.text) { (cut(&bar.name, shape)) }
        }
        @for (part, at, width) in parts.filter(|(.., width)| *width > 0.0) {
            rect x=(rounded(at)) y=(top) width=(rounded(width)) height=(BAR) fill=(part.color) {}
            @if room(&part.label, shape) <= width {
                text x=(rounded(at)) y=(top + BAR + 1.2 * text) font-size=(shape.text) { (part.label) }
            }
        }
    }
}

/// What share of its bar a part is; what is owed is none.
fn share(part: &Part, bar: &Bar) -> f64 {
    let whole = bar.parts.iter().map(|part| part.amount.max(0)).fold(0, i64::saturating_add);
    part.amount.max(0) as f64 / whole.max(1) as f64
}

/// How wide a text is, about.
fn room(text: &str, shape: Shape) -> f64 {
    text.chars().map(|_| LETTER * f64::from(shape.text)).sum()
}

/// As much of a name as a picture has room for.
fn cut(name: &str, shape: Shape) -> String {
    let mut cut = name.to_owned();
    while room(&cut, shape) > shape.width {
        cut.pop();
        cut.pop();
        cut.push('…');
    }
    cut
}

fn rounded(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::report::charts::NARROW;

    fn part(amount: i64) -> Part {
        Part { amount, color: "var(--accent)", label: format!("{amount} of them") }
    }

    #[test]
    fn parts_are_as_wide_as_their_share_and_say_so_where_there_is_room() {
        let bar = Bar { name: "a <name>".to_owned(), parts: vec![part(3), part(0), part(96), part(1), part(-7)] };
        let svg = drawn(&[bar], NARROW);
        assert_eq!(svg.matches("<rect").count(), 3, "nothing is no part: {svg}");
        assert!(svg.contains("width=\"326.4\"") && svg.contains("96 of them"), "{svg}");
        assert!(!svg.contains(">3 of them") && !svg.contains(">1 of them"), "there is no room: {svg}");
        assert!(svg.contains("a &lt;name&gt;"), "{svg}");
    }

    #[test]
    fn a_name_is_no_wider_than_its_picture() {
        let bars = [Bar { name: "é".repeat(200), parts: vec![part(1)] }];
        let svg = drawn(&bars, NARROW);
        assert!(svg.contains("é…</text>") && svg.matches('é').count() < 60, "{svg}");
    }

    #[test]
    fn a_bar_of_nothing_is_empty() {
        let svg = drawn(&[Bar { name: String::new(), parts: vec![part(0)] }], NARROW);
        assert!(!svg.contains("rect") && !svg.contains("NaN"), "{svg}");
    }
}
