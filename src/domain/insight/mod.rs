//! What a crowd of members and one member's history say: numbers in, numbers out.
//!
//! - [`distribution`], [`concentration`]: how money is spread over members: Pareto shares, Lorenz curve, Gini, ABC.
//! - [`rfm`]: recency, frequency and money in quintiles.
//! - [`stages`]: the loyalty ladder from prospect to advocate.
//! - [`rhythm`]: a member's own purchase rhythm, and when her silence falls out of it.
//! - [`forecast`]: who is still a customer, what she will buy and spend: the only part that reckons in floats.
//!
//! Nothing here knows members, programs, events, zones or clocks: amounts are minor units of one currency, days are day
//! numbers of one calendar, and "today" is an argument. Nothing here moves a point.

pub mod concentration;
pub mod distribution;
pub mod forecast;
pub mod rfm;
pub mod rhythm;
mod runs;
pub mod stages;

#[cfg(test)]
mod tests_cdnow;
#[cfg(test)]
mod tests_distribution;
#[cfg(test)]
mod tests_forecast;
#[cfg(test)]
mod tests_members;
