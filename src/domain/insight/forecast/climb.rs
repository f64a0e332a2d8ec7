//! The search for the highest point of a smooth function of a few positive parameters: quasi-Newton after Broyden,
//! Fletcher, Goldfarb and Shanno (1970), on the logarithms of the parameters, with slopes from five-point differences.
//!
//! Must not know what the function is of.

/// The step of the differences, on the logarithm: cut-off error near 10⁻¹⁴, rounding near 10⁻¹².
const STEP: f64 = 1e-3;
/// The search is done when no slope is above this.
const FLAT: f64 = 1e-10;
/// What may remain when no step leads higher: the summit as far as rounding lets it be seen.
const NEARLY_FLAT: f64 = 1e-7;
/// From here on heights differ by no more than rounding, and slopes still tell the way.
const GENTLE: f64 = 1e-5;
/// The most steps; a function without a summit ends here.
const STEPS_MAX: u32 = 500;
/// The longest step, on the logarithm.
const STRIDE_MAX: f64 = 1.0;

/// A parameter that has come so far from its start, on the logarithm, is on its way to nothing or without end.
const FAR: f64 = 12.0;

type Point<const N: usize> = [f64; N];
type Square<const N: usize> = [[f64; N]; N];

/// Where the function is highest, and after how many steps.
pub(super) struct Summit<const N: usize> {
    pub at: Point<N>,
    pub steps: u32,
}

/// Climbs from `start` (positive) to a summit; `None` if none is reached: the function has none, or is no number there,
/// or a parameter runs off to more than some 160,000 times its start or less than that part of it.
pub(super) fn climb<const N: usize>(start: Point<N>, height: impl Fn(Point<N>) -> f64) -> Option<Summit<N>> {
    let depth = |logs: Point<N>| -height(logs.map(f64::exp));
    let start = start.map(f64::ln);
    let mut at = start;
    let mut slope = slope(&depth, at);
    let mut bend = identity::<N>();
    for steps in 0..STEPS_MAX {
        let flat = steepest(slope);
        if steepest(sum(at, start, -1.0)) > FAR {
            return None;
        }
        if flat <= FLAT {
            return Some(Summit { at: at.map(f64::exp), steps });
        }
        let way = shortened(bend.map(|row| -dot(row, slope)));
        let Some((next, next_slope)) = step(&depth, at, way, slope) else {
            return (flat <= NEARLY_FLAT).then(|| Summit { at: at.map(f64::exp), steps });
        };
        update(&mut bend, sum(next, at, -1.0), sum(next_slope, slope, -1.0));
        (at, slope) = (next, next_slope);
    }
    None
}

fn dot<const N: usize>(a: Point<N>, b: Point<N>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| a * b).sum()
}

/// a + factor·b.
fn sum<const N: usize>(mut a: Point<N>, b: Point<N>, factor: f64) -> Point<N> {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
    a
}

/// The greatest slope; infinite if one is no number.
fn steepest<const N: usize>(slope: Point<N>) -> f64 {
    slope.into_iter().fold(0.0, |most, one| if one.is_finite() { one.abs().max(most) } else { f64::INFINITY })
}

fn shortened<const N: usize>(way: Point<N>) -> Point<N> {
    let longest = steepest(way);
    if longest > STRIDE_MAX { way.map(|part| part * (STRIDE_MAX / longest)) } else { way }
}

fn identity<const N: usize>() -> Square<N> {
    std::array::from_fn(|row| std::array::from_fn(|column| if row == column { 1.0 } else { 0.0 }))
}

fn slope<const N: usize>(depth: &impl Fn(Point<N>) -> f64, at: Point<N>) -> Point<N> {
    std::array::from_fn(|axis| {
        let moved = |by: f64| {
            let mut point = at;
            point.iter_mut().skip(axis).take(1).for_each(|part| *part += by);
            depth(point)
        };
        let (near, far) = (moved(STEP) - moved(-STEP), moved(2.0 * STEP) - moved(-2.0 * STEP));
        (8.0 * near - far) / (12.0 * STEP)
    })
}

/// The next point and its slope: near the summit the whole step, if it halves the slope at least; else one that leads down.
fn step<const N: usize>(
    depth: &impl Fn(Point<N>) -> f64,
    at: Point<N>,
    way: Point<N>,
    slope: Point<N>,
) -> Option<(Point<N>, Point<N>)> {
    let flat = steepest(slope);
    let whole = || {
        let next = sum(at, way, 1.0);
        let next_slope = self::slope(depth, next);
        (steepest(next_slope) <= flat / 2.0).then_some((next, next_slope))
    };
    let gentle = if flat <= GENTLE { whole() } else { None };
    gentle.or_else(|| downhill(depth, at, way, dot(way, slope)).map(|next| (next, self::slope(depth, next))))
}

/// The first of the halved steps that leads down enough (Armijo 1966); `None` if none does.
fn downhill<const N: usize>(
    depth: &impl Fn(Point<N>) -> f64,
    at: Point<N>,
    way: Point<N>,
    falls: f64,
) -> Option<Point<N>> {
    let here = depth(at);
    let halves = std::iter::successors(Some(1.0_f64), |part| Some(part * 0.5)).take(40);
    let tries = halves.map(|part| (part, sum(at, way, part)));
    let enough = |(part, next): &(f64, Point<N>)| depth(*next) < here + 1e-4 * part * falls;
    tries.into_iter().find(enough).map(|(_, next)| next)
}

/// What one step teaches about the bend of the function: the inverse of its second derivatives, kept positive.
fn update<const N: usize>(bend: &mut Square<N>, moved: Point<N>, turned: Point<N>) {
    let along = dot(moved, turned);
    if along.is_nan() || along <= 0.0 {
        *bend = identity();
        return;
    }
    let seen = bend.map(|row| dot(row, turned));
    let weight = (1.0 + dot(turned, seen) / along) / along;
    for ((row, moved_row), seen_row) in bend.iter_mut().zip(moved).zip(seen) {
        for ((cell, moved_column), seen_column) in row.iter_mut().zip(moved).zip(seen) {
            *cell += weight * moved_row * moved_column - (seen_row * moved_column + moved_row * seen_column) / along;
        }
    }
}
