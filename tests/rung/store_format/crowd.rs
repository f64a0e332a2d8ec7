//! The written form of a crowd does not drift, and neither does what entries come to.

use rung::domain::calendar::Zone;
use rung::domain::crowd::{Bought, Crowd, FOLD, Setting};
use rung::domain::event::{BelongingFact, Entry, Fact, JoinedBy, Seq};
use rung::domain::program::{ClubId, WalletId, Word};
use rung::store::format::crowd::{Draft, Reader};
use rung::store::format::notes::{NotesHeader, Seal};

use super::{bought, everything, golden, later, written};

/// A crowd of the oldest facts there are, and of what counts among the later ones.
fn crowd() -> Crowd {
    let zone = Zone::named("Europe/Berlin").unwrap();
    let setting = Setting { zone: &zone, wallet: Some(WalletId(Word(1))), notes_purchases: false };
    let mut crowd = Crowd::default();
    let ledger = everything();
    let purchase = ledger.entries.iter().find(|entry| entry.purchase().is_some()).unwrap();
    ledger.entries.iter().for_each(|entry| crowd.enter(entry, setting, Bought::default()));
    let joined = BelongingFact::ClubJoined {
        club: ClubId(Word(6)),
        by: JoinedBy::Asking,
        since: later(0),
        until: later(90),
        takes_place: true,
        fee: None,
        actor: "".into(),
    };
    let facts = bought().into_iter().map(|(_, fact)| fact).chain([Fact::Belonging(Box::new(joined))]);
    for fact in facts {
        let entry: Entry = written(vec![fact]);
        crowd.enter(&entry, setting, Bought { purchase: Some(purchase), before: &[] });
    }
    crowd
}

/// If this drifts because another column is written, or because entries come to something else, what was written before
/// must not be read: raise `domain::crowd::FOLD`, and write a golden file of its own for it.
#[test]
fn golden_crowd() {
    let crowd = crowd();
    let header = NotesHeader { epoch: 7, reached: Seq(21), frame: [0xab; 32] }.to_bytes("crowd-1");
    let (mut seal, mut file, mut draft) = (Seal::on(&header), header.to_vec(), Draft::of(&crowd));
    let mut reader = Reader::default();
    while let Some(part) = draft.next(&crowd) {
        file.extend_from_slice(&seal.part(&part).unwrap().to_bytes());
        file.extend_from_slice(&part);
        reader.take(&part).unwrap();
    }
    file.extend_from_slice(&seal.end());
    assert_eq!(reader.finish().unwrap(), crowd);
    golden(&format!("notes-crowd-{FOLD}"), &file);
}
