//! Belonging under random histories, at its edges and under a crowd: tiers, clubs, privileges, milestones, boosts.

mod cases;
mod histories;
mod ladders;
mod places;
mod world;
