//! The figures of a bench: gathered, reduced to medians, printed one `name: value` a line, ratios first.

use std::collections::BTreeMap;
use std::fmt;

/// A figure, and whether it compares two things.
#[derive(Clone, Debug)]
enum Figure {
    Ratio(f64),
    Size(f64),
    Text(String),
}

/// All figures of a bench, in the order they came.
#[derive(Debug, Default)]
pub struct Figures(Vec<(String, Figure)>);

impl Figures {
    /// Adds a ratio, unless what it compares was not measured.
    pub fn ratio(&mut self, name: &str, ratio: Option<f64>) {
        self.0.extend(ratio.map(|ratio| (name.to_owned(), Figure::Ratio(ratio))));
    }

    /// Adds the ratio of two sizes that are known already; none if one is not.
    pub fn compare(&mut self, name: &str, of: &str, to: &str) {
        let ratio = self.known(of).zip(self.known(to)).map(|(of, to)| of / to);
        self.ratio(name, ratio.filter(|ratio| ratio.is_finite()));
    }

    fn known(&self, name: &str) -> Option<f64> {
        let (_, figure) = self.0.iter().find(|(known, _)| known == name)?;
        match figure {
            Figure::Size(value) => Some(*value),
            _ => None,
        }
    }

    /// Adds a figure with a unit in its name.
    pub fn size(&mut self, name: impl Into<String>, value: f64) {
        self.0.push((name.into(), Figure::Size(value)));
    }

    /// Adds what is not a number.
    pub fn text(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), Figure::Text(value.into())));
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ratios, rest): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|(_, figure)| matches!(figure, Figure::Ratio(_)));
        ratios.into_iter().chain(rest).try_for_each(|(name, figure)| writeln!(f, "{name}: {figure}"))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(value) => write!(f, "{value:.2}"),
            Self::Size(value) if *value >= 100.0 => write!(f, "{value:.0}"),
            Self::Size(value) => write!(f, "{value:.2}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// The samples of interleaved runs, by contender.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<&'static str, Vec<f64>>);

impl Samples {
    /// Adds one run's result.
    pub fn add(&mut self, contender: &'static str, value: f64) {
        self.0.entry(contender).or_default().push(value);
    }

    /// The median of a contender's runs; `None` if it did not take part.
    pub fn median(&self, contender: &str) -> Option<f64> {
        median(self.0.get(contender)?.clone())
    }

    /// The median of the rounds' ratios: two runs of one round saw the same machine, two medians need not have.
    pub fn ratio(&self, of: &str, to: &str) -> Option<f64> {
        let pairs = self.0.get(of)?.iter().zip(self.0.get(to)?);
        median(pairs.map(|(of, to)| of / to).filter(|ratio| ratio.is_finite()).collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (lower, upper) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_numbers_of_runs() {
        let mut samples = Samples::default();
        [3.0, 1.0, 2.0].into_iter().for_each(|value| samples.add("odd", value));
        [4.0, 1.0, 2.0, 3.0].into_iter().for_each(|value| samples.add("even", value));
        assert_eq!((samples.median("odd"), samples.median("even")), (Some(2.0), Some(2.5)));
        assert_eq!(samples.median("none"), None);
    }

    #[test]
    fn a_ratio_compares_round_by_round() {
        let mut samples = Samples::default();
        [50.0, 10.0, 30.0].into_iter().for_each(|value| samples.add("ours", value));
        [100.0, 20.0, 40.0].into_iter().for_each(|value| samples.add("theirs", value));
        assert_eq!(samples.ratio("ours", "theirs"), Some(0.5));
        assert_eq!(samples.ratio("ours", "none"), None);
    }

    #[test]
    fn sizes_of_two_parts_are_compared() {
        let mut figures = Figures::default();
        figures.size("ours_per_second", 50.0);
        figures.compare("ours_vs_theirs", "ours_per_second", "theirs_per_second");
        figures.size("theirs_per_second", 20.0);
        figures.compare("ours_vs_theirs", "ours_per_second", "theirs_per_second");
        assert_eq!(figures.to_string(), "ours_vs_theirs: 2.50\nours_per_second: 50.00\ntheirs_per_second: 20.00\n");
    }

    #[test]
    fn ratios_stand_first() {
        let mut figures = Figures::default();
        figures.size("unary_per_second", 41_234.4);
        figures.ratio("unary_vs_echo", Some(0.71));
        figures.ratio("unary_vs_postgres", None);
        figures.text("postgres", "not on this machine");
        let printed = "unary_vs_echo: 0.71\nunary_per_second: 41234\npostgres: not on this machine\n";
        assert_eq!(figures.to_string(), printed);
    }
}
