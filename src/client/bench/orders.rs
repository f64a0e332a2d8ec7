//! The orders of a bench: who buys, with which receipt, and what the request looks like.
//!
//! Members come from a deterministic generator, receipts from one counter per server, so that every order is
//! fresh. The purchase is the one of the contract's example: a fare, a carrier's fee and a tax.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;

use crate::pb::{
    CheckPrivilegeRequest, EnrollMemberRequest, GetStandingRequest, Money, Purchase, PurchaseLine, Receipt,
    RecordPurchaseRequest, RecordPurchasesRequest,
};

use super::template::{MEMBER, RECEIPT, Stamp, Template};

/// The program every figure is measured with; a server on an empty folder has it built in.
const PROGRAM: &str = "aadvantage";

/// The requests a bench sends.
#[derive(Clone, Debug)]
pub struct Requests {
    /// EnrollMember.
    pub enrol: Arc<Template>,
    /// RecordPurchase.
    pub unary: Arc<Template>,
    /// An item of RecordPurchases.
    pub item: Arc<Template>,
    /// CheckPrivilege.
    pub check: Arc<Template>,
    /// GetStanding.
    pub standing: Arc<Template>,
}

impl Requests {
    /// Purchases that happened just now.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            enrol: Arc::new(Template::new(&enrolment())?),
            unary: Arc::new(Template::new(&unary()?)?),
            item: Arc::new(Template::new(&item()?)?),
            check: Arc::new(Template::new(&check())?),
            standing: Arc::new(Template::new(&standing())?),
        })
    }
}

fn enrolment() -> EnrollMemberRequest {
    EnrollMemberRequest {
        program: PROGRAM.to_owned(),
        member_id: format!("m-{MEMBER}"),
        request_id: format!("enrol-{MEMBER}"),
        ..EnrollMemberRequest::default()
    }
}

fn unary() -> anyhow::Result<RecordPurchaseRequest> {
    Ok(RecordPurchaseRequest {
        program: PROGRAM.to_owned(),
        member_id: format!("m-{MEMBER}"),
        purchase: Some(purchase()?),
        ..RecordPurchaseRequest::default()
    })
}

fn item() -> anyhow::Result<RecordPurchasesRequest> {
    Ok(RecordPurchasesRequest {
        program: PROGRAM.to_owned(),
        member_id: format!("m-{MEMBER}"),
        purchase: Some(purchase()?),
        ..RecordPurchasesRequest::default()
    })
}

fn check() -> CheckPrivilegeRequest {
    CheckPrivilegeRequest {
        program: PROGRAM.to_owned(),
        member_id: format!("m-{MEMBER}"),
        privilege: "upgrade-window".to_owned(),
        ..CheckPrivilegeRequest::default()
    }
}

fn standing() -> GetStandingRequest {
    GetStandingRequest {
        program: PROGRAM.to_owned(),
        member_id: format!("m-{MEMBER}"),
        ..GetStandingRequest::default()
    }
}

fn purchase() -> anyhow::Result<Purchase> {
    let now = std::time::UNIX_EPOCH.elapsed().context("the clock stands before 1970")?;
    let seconds = i64::try_from(now.as_secs()).context("the clock is out of range")?;
    Ok(Purchase {
        receipt: Some(Receipt { source: "bench".to_owned(), id: RECEIPT.to_owned() }),
        kind: "flight".to_owned(),
        occurred_at: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        lines: vec![line("1", "fare", 143_600), line("2", "carrier_fee", 45_800), line("3", "tax", 21_234)],
        ..Purchase::default()
    })
}

fn line(line_id: &str, category: &str, minor_units: i64) -> PurchaseLine {
    PurchaseLine {
        line_id: line_id.to_owned(),
        category: category.to_owned(),
        quantity: "1".to_owned(),
        amount: Some(Money { currency_code: "USD".to_owned(), minor_units }),
        ..PurchaseLine::default()
    }
}

/// The receipts of one server: each number once. Purchases of a bench start where those of the last one on the
/// same server ended, because they share this.
#[derive(Clone, Debug, Default)]
pub struct Receipts(Arc<AtomicU64>);

impl Receipts {
    /// A number no one had.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Buyers at random, evenly over all members: a `SplitMix64`, the same in every run.
#[derive(Clone, Debug)]
pub struct Buyers {
    state: u64,
    members: u32,
}

impl Buyers {
    /// Buyers among `members`; different seeds give different ones.
    pub const fn new(seed: u64, members: u32) -> Self {
        Self { state: seed.wrapping_mul(0xd134_2543_de82_ef95), members }
    }

    /// The next order: a buyer and a fresh receipt.
    pub fn order(&mut self, receipts: &Receipts) -> Stamp {
        Stamp { member: self.next(), receipt: receipts.next() }
    }

    fn next(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The upper half, scaled: even enough, and cheaper than a remainder.
        let upper = (mixed ^ (mixed >> 31)) >> 32;
        ((upper * u64::from(self.members)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buyers_are_even_and_repeatable() {
        let mut counts = [0_u32; 10];
        let mut buyers = Buyers::new(7, 10);
        let receipts = Receipts::default();
        for _ in 0..100_000 {
            counts[buyers.order(&receipts).member as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert_eq!(receipts.next(), 100_000);
        assert_eq!(Buyers::new(3, 1_000_000).next(), Buyers::new(3, 1_000_000).next());
    }

    #[test]
    fn requests_have_places_for_their_stamps() {
        let requests = Requests::new().expect("requests");
        let mut bytes = Vec::new();
        requests.item.write(Stamp { member: 1, receipt: 2 }, &mut bytes);
        let decoded: RecordPurchasesRequest = prost::Message::decode(bytes.as_slice()).expect("a request");
        assert_eq!(decoded.member_id, "m-00000001");
        assert_eq!(decoded.purchase.and_then(|p| p.receipt).map(|r| r.id).as_deref(), Some("0000000000002"));
    }
}
