//! Two special functions: the logarithm of the gamma function and Gauss's hypergeometric function.
//!
//! Must not know what they are needed for.

/// From here on Stirling's series is exact to the last bit of a double.
const STIRLING_FROM: f64 = 10.0;
/// ½·ln 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;
/// The coefficients of x⁻¹, x⁻³, … in Stirling's series: B₂ₖ / (2k·(2k − 1)).
const STIRLING: [f64; 8] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360_360.0,
    1.0 / 156.0,
    -3617.0 / 122_400.0,
];

/// ln Γ(x) for positive `x` (NaN for others), by Stirling's series, small arguments lifted with Γ(x + 1) = x·Γ(x).
/// The series is cut where its next term is below 2·10⁻¹⁸; the error is below `10⁻¹⁴ · max(1, |ln Γ(x)|)`.
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return f64::NAN;
    }
    let (mut lifted, mut product) = (x, 1.0);
    while lifted < STIRLING_FROM {
        product *= lifted;
        lifted += 1.0;
    }
    let inverse = lifted.recip();
    let square = inverse * inverse;
    let series = STIRLING.iter().rev().fold(0.0_f64, |sum, term| sum * square + term) * inverse;
    (lifted - 0.5) * lifted.ln() - lifted + HALF_LN_TAU + series - product.ln()
}

/// The rest of a series is left out when it is below this part of the sum.
const REST: f64 = 1e-16;
/// The most terms that are summed.
const TERMS_MAX: u32 = 200_000;

/// Gauss's ₂F₁(p, q; c; z) for 0 ≤ z < 1 and `c` not zero or a negative integer: the sum of
/// `(p)ₙ·(q)ₙ / ((c)ₙ·n!) · zⁿ`. `None` where it does not converge within [`gauss_slope`]'s bounds.
#[must_use]
pub fn gauss(p: f64, q: f64, c: f64, z: f64) -> Option<f64> {
    gauss_slope(p, q, c, z).map(|slope| 1.0 + q * slope).filter(|value| value.is_finite())
}

/// `(₂F₁(p, q; c; z) − 1) / q`, which has a value at q = 0 too: the series without its first term, `q` divided out.
///
/// Terms are summed until the rest, bounded by a geometric series with the greater of `z` and the last quotient of
/// terms, is below 10⁻¹⁶ of the sum. The quotients tend to `z`: about `37 / −ln z` terms, 54 at z = ½, 3,700 at 0.99.
/// `None` if that takes more than 200,000 terms or is no finite number.
#[must_use]
pub fn gauss_slope(p: f64, q: f64, c: f64, z: f64) -> Option<f64> {
    let mut term = p / c * z;
    let mut sum = term;
    for n in 1..TERMS_MAX {
        let n = f64::from(n);
        let quotient = (p + n) * (q + n) / ((c + n) * (n + 1.0)) * z;
        term *= quotient;
        sum += term;
        let bound = quotient.abs().max(z);
        if bound < 1.0 && term.abs() * bound <= REST * (1.0 - bound) * sum.abs() {
            return Some(sum).filter(|sum| sum.is_finite());
        }
    }
    None
}
