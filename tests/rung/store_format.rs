//! The written forms do not drift: golden files, and a round trip for everything that can be written.
