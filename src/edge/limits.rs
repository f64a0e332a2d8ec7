//! How large messages may be: items of the purchase stream less than single calls, because many are in flight.

/// The largest request of a single call and the largest member of an import, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// The largest item of the purchase stream, in bytes.
pub const ITEM_BYTES_MAX: usize = 256 * 1024;
