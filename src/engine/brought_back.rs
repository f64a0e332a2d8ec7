//! What an entry brings something back of: its purchase, and the return of the same purchase before it. It is looked up
//! for whoever folds the feed, and knows nothing of what they fold it into.

use std::sync::Arc;

use crate::domain::event::{Entry, LineReturned, PurchaseRecorded, PurchaseReturned};
use crate::domain::order::Claim;
use crate::domain::program::ProgramNo;
use crate::store::{ReadError, Store, Wants};

/// A purchase of which something has come back.
pub(super) struct BroughtBack {
    /// Its entry.
    pub purchase: Option<Arc<Entry>>,
    before: Option<Arc<Entry>>,
}

impl BroughtBack {
    /// What `entry` brings something back of; `None` if it brings nothing back.
    ///
    /// # Errors
    /// [`ReadError`] if the store cannot answer.
    pub async fn by(store: &dyn Store, entry: &Entry) -> Result<Option<Self>, ReadError> {
        let Some(returned) = entry.returned() else { return Ok(None) };
        let purchase = store.entry(returned.purchase).await?;
        let before = before(store, entry.program, returned).await?;
        Ok(Some(Self { purchase, before }))
    }

    /// The purchase as it was recorded.
    pub fn recorded(&self) -> Option<&PurchaseRecorded> {
        self.purchase.as_deref()?.purchase()
    }

    /// What had come back of each line before.
    pub fn before(&self) -> &[LineReturned] {
        self.before.as_deref().and_then(Entry::returned).map_or(&[], |returned| &returned.so_far)
    }
}

/// The return of the same purchase before this one, if it is not the first.
async fn before(
    store: &dyn Store,
    program: ProgramNo,
    returned: &PurchaseReturned,
) -> Result<Option<Arc<Entry>>, ReadError> {
    let Some(number) = returned.number.checked_sub(1).filter(|number| *number > 0) else { return Ok(None) };
    let claim = Claim::return_number(program, &returned.receipt, number);
    let found = store.read(&Wants { claims: vec![claim], ..Wants::default() }).await?;
    Ok(found.claims.into_values().next())
}
