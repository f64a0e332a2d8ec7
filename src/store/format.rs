//! The formats on one sheet.
