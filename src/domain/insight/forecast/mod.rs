//! Who is still a customer, how often she will buy and what she will spend: models fitted to a crowd's histories.
//!
//! - [`bgnbd`]: purchases and dropping out; [`gamma_gamma`]: the money of a purchase.
//! - [`fitted`]: both fitted to a crowd, and what they say of one member and of all.
//! - `special`: the two special functions they need; `climb`: the search for the likeliest parameters.
//!
//! Estimates, so floats: nothing here may ever reach a balance, a price or a tier. Must not know clocks or currencies.

pub mod bgnbd;
mod climb;
pub mod fitted;
pub mod gamma_gamma;
pub mod special;

/// A model and how well it explains what it was fitted to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit<M> {
    /// With the likeliest parameters.
    pub model: M,
    /// The log-likelihood of the histories under them.
    pub ln_likelihood: f64,
    /// How many steps the search took.
    pub steps: u32,
}
