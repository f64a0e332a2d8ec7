//! What the event stream says, folded: a second opinion on every balance, meter and tier.
