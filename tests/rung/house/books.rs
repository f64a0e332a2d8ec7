//! What the event stream says, folded: a second opinion on every balance, meter and tier.

use std::collections::BTreeMap;

use rung::pb;
use rung::pb::fact::Fact;

/// Everything the journal tells, by member.
#[derive(Default)]
pub struct Books {
    pub members: BTreeMap<String, Account>,
    /// The entry and the member of every receipt.
    pub receipts: BTreeMap<String, (String, String)>,
    /// The number of the newest entry.
    pub head: u64,
}

/// One member as her entries add up.
#[derive(Default)]
pub struct Account {
    entries: i64,
    points: BTreeMap<String, i64>,
    /// What each meter counted, and the moment it counts at.
    counted: BTreeMap<String, Vec<(prost_types::Timestamp, i64)>>,
    tier: Option<String>,
}

impl Books {
    /// Folds events from the beginning; their entries must be numbered without a hole.
    pub fn fold(events: &[pb::StreamEventsResponse]) -> Self {
        let mut books = Self::default();
        for event in events {
            let number: u64 = event.entry_id.parse().unwrap();
            assert!(number == books.head || number == books.head + 1, "{number} comes after {}", books.head);
            let is_first_fact = number > books.head;
            books.head = number;
            if !event.member_id.is_empty() {
                books.take(event, is_first_fact);
            }
        }
        books
    }

    fn take(&mut self, event: &pb::StreamEventsResponse, is_first_fact: bool) {
        let account = self.members.entry(event.member_id.clone()).or_default();
        account.entries += i64::from(is_first_fact);
        match event.fact.as_ref().unwrap().fact.as_ref().unwrap() {
            Fact::PurchaseRecorded(recorded) => {
                account.buy(recorded);
                let receipt = recorded.purchase.as_ref().unwrap().receipt.as_ref().unwrap().id.clone();
                let place = (event.entry_id.clone(), event.member_id.clone());
                let before = self.receipts.insert(receipt.clone(), place);
                assert_eq!(before, None, "{receipt} is in the journal twice");
            }
            Fact::PointsForfeited(gone) => *account.points.entry(gone.wallet.clone()).or_default() -= gone.points,
            Fact::TierChanged(change) => account.tier = Some(change.to.clone()),
            _ => {}
        }
    }

    /// Compares every member a server shows with what the journal says of her.
    pub fn agree(&self, members: &[pb::Member]) {
        assert_eq!(members.len(), self.members.len(), "as many members as the journal enrolled");
        for member in members {
            self.members[&member.member_id].agree(member);
        }
    }
}

impl Account {
    fn buy(&mut self, recorded: &pb::PurchaseRecorded) {
        for grant in &recorded.grants {
            if !grant.wallet.is_empty() {
                *self.points.entry(grant.wallet.clone()).or_default() += grant.granted;
            }
            for post in &grant.meters {
                let counted = (recorded.counted_at.unwrap(), post.amount);
                self.counted.entry(post.meter.clone()).or_default().push(counted);
            }
        }
    }

    fn agree(&self, member: &pb::Member) {
        let id = &member.member_id;
        assert_eq!(member.entry_count, self.entries, "the entries of {id}");
        for balance in &member.balances {
            let points = self.points.get(&balance.wallet).copied().unwrap_or_default();
            assert_eq!(balance.available, points, "{} of {id}", balance.wallet);
        }
        for reading in &member.meters {
            assert_eq!(reading.value, self.read(reading), "{} of {id}", reading.meter);
        }
        if let (Some(tier), Some(standing)) = (&self.tier, &member.standing) {
            assert_eq!(&standing.tier, tier, "the tier of {id}");
        }
    }

    /// What a meter's window should hold.
    fn read(&self, reading: &pb::MeterReading) -> i64 {
        let key = |at: &prost_types::Timestamp| (at.seconds, at.nanos);
        let is_in = |at: &prost_types::Timestamp| {
            reading.window_start.is_none_or(|start| key(&start) <= key(at))
                && reading.window_end.is_none_or(|end| key(at) < key(&end))
        };
        let counted = self.counted.get(&reading.meter).into_iter().flatten();
        counted.filter(|(at, _)| is_in(at)).map(|(_, amount)| amount).sum()
    }
}
