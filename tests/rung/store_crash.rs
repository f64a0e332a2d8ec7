//! What an embedded store is after it was opened again, however it ended.

use rung::store::Store;
use rung::store::embedded::Embedded;
use tempfile::TempDir;

use crate::store_laws::{agrees, some_history, tight};
use crate::store_ledger::{Ledger, now};

#[test]
fn opening_again_finds_everything() {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    for round in 0..6 {
        let store = Embedded::open(tight(&dir)).unwrap();
        assert_eq!(store.status().repairs, Vec::<String>::new());
        agrees(&*store, &ledger);
        some_history(&*store, &mut ledger, round * 200, 200);
        if round % 3 == 2 {
            now(store.checkpoint()).unwrap();
        }
        agrees(&*store, &ledger);
        store.verify().unwrap();
    }
}
