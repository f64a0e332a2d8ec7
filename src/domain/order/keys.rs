//! The keys everything is found by: members, and what an entry can claim once for all.
//!
//! All of them are hashes, each under a name of its own, so that no two kinds of key are ever the same.

use smallvec::SmallVec;

use super::{IdentifierHash, ReceiptKey};
use crate::domain::calendar::Day;
use crate::domain::event::{AlertCause, RestsOn, Seq};
use crate::domain::program::{ClubId, ProgramNo, SegmentId};

/// The 16-byte key that leads everything a store keeps of a member: a hash of program id and member id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberKey(pub [u8; 16]);

impl MemberKey {
    /// Belongs to nobody; entries about programs carry it.
    pub const NOBODY: Self = Self([0; 16]);

    /// The key of this member.
    #[must_use]
    pub fn of(program_id: &str, member_id: &str) -> Self {
        Self(Digest::of("rung member v1").text(program_id).text(member_id).half())
    }

    /// The key of something scarce, such as `stock:flat-white`.
    #[must_use]
    pub fn of_pot(program_id: &str, pot: &str) -> Self {
        Self(Digest::of("rung pot v1").text(program_id).text(pot).half())
    }
}

/// A unique key that a commit may claim, hashed; it answers with the entry that claimed it for as long as that lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim(pub [u8; 16]);

impl Claim {
    /// A purchase's receipt, within its program.
    #[must_use]
    pub fn receipt(program: ProgramNo, receipt: &ReceiptKey) -> Self {
        let digest = Digest::of("rung receipt v1").bytes(&program.0.to_be_bytes());
        Self(digest.text(&receipt.source).text(&receipt.id).half())
    }

    /// An enrolment's request id, within its program.
    #[must_use]
    pub fn enrolment(program: ProgramNo, request_id: &str) -> Self {
        Self(Digest::of("rung enrolment v1").bytes(&program.0.to_be_bytes()).text(request_id).half())
    }

    /// A return's own receipt, within its program.
    #[must_use]
    pub fn return_receipt(program: ProgramNo, receipt: &ReceiptKey) -> Self {
        let digest = Digest::of("rung return v1").bytes(&program.0.to_be_bytes());
        Self(digest.text(&receipt.source).text(&receipt.id).half())
    }

    /// A purchase's return number `n`, by which the newest one is found.
    #[must_use]
    pub fn return_number(program: ProgramNo, receipt: &ReceiptKey, number: u32) -> Self {
        let digest = Digest::of("rung return number v1").bytes(&program.0.to_be_bytes());
        Self(digest.text(&receipt.source).text(&receipt.id).bytes(&number.to_be_bytes()).half())
    }

    /// The capture of a hold.
    #[must_use]
    pub fn capture(hold: Seq) -> Self {
        Self(Digest::of("rung capture v1").bytes(&hold.0.to_be_bytes()).half())
    }

    /// The arrival of a transfer.
    #[must_use]
    pub fn transfer(sent_by: Seq) -> Self {
        Self(Digest::of("rung transfer v1").bytes(&sent_by.0.to_be_bytes()).half())
    }

    /// The end of a membership, by the newest entry that let her in or on and the club.
    #[must_use]
    pub fn left(joined: Seq, club: ClubId) -> Self {
        let digest = Digest::of("rung left v1").bytes(&joined.0.to_be_bytes());
        Self(digest.bytes(&club.0.0.to_be_bytes()).half())
    }

    /// A member's coming into a segment or going out of it, once by each thing it rests on.
    #[must_use]
    pub fn segment(member: MemberKey, segment: SegmentId, is_in: bool, rests_on: RestsOn) -> Self {
        let digest = Digest::of("rung segment v1").bytes(&member.0).bytes(&segment.0.0.to_be_bytes());
        let digest = digest.bytes(&[u8::from(is_in)]);
        let digest = match rests_on {
            RestsOn::Day(day) => digest.text("day").bytes(&day.0.to_be_bytes()),
            RestsOn::Purchase(entry) => digest.text("purchase").bytes(&entry.0.to_be_bytes()),
        };
        Self(digest.half())
    }

    /// A member's alert, once for each cause and day on which she last bought.
    #[must_use]
    pub fn alert(member: MemberKey, cause: AlertCause, last_day: Day) -> Self {
        let digest = Digest::of("rung alert v1").bytes(&member.0).bytes(&[u8::from(cause == AlertCause::Spend)]);
        Self(digest.bytes(&last_day.0.to_be_bytes()).half())
    }

    /// The cancellation of a redemption.
    #[must_use]
    pub fn cancellation(redemption: Seq) -> Self {
        Self(Digest::of("rung cancellation v1").bytes(&redemption.0.to_be_bytes()).half())
    }

    /// What a hold or a redemption paid for: one purchase.
    #[must_use]
    pub fn paid(by: Seq) -> Self {
        Self(Digest::of("rung paid v1").bytes(&by.0.to_be_bytes()).half())
    }

    /// A voucher, by its code, within its program.
    #[must_use]
    pub fn voucher(program: ProgramNo, code: &str) -> Self {
        Self(Digest::of("rung voucher v1").bytes(&program.0.to_be_bytes()).text(code).half())
    }

    /// The end of what this claim names: a voucher's use.
    #[must_use]
    pub fn end(self) -> Self {
        Self(Digest::of("rung end v1").bytes(&self.0).half())
    }

    /// An order's request id, within the identifier by which it named its member: who has the identifier may change,
    /// whom the order was for does not.
    #[must_use]
    pub fn request_by(program: ProgramNo, identifier: IdentifierHash, request_id: &str) -> Self {
        let digest = Digest::of("rung request by v1").bytes(&program.0.to_be_bytes());
        Self(digest.bytes(&identifier.0).text(request_id).half())
    }

    /// The request id under which a version of a program was applied, within the program.
    #[must_use]
    pub fn version(program: ProgramNo, request_id: &str) -> Self {
        let digest = Digest::of("rung version v1").bytes(&program.0.to_be_bytes());
        Self(digest.text(request_id).half())
    }

    /// Any other order's request id, within its member.
    #[must_use]
    pub fn request(member: MemberKey, request_id: &str) -> Self {
        Self(Digest::of("rung request v1").bytes(&member.0).text(request_id).half())
    }
}

/// What is hashed into a key, gathered so that it is hashed in one go: most keys fit one block or two.
struct Digest(SmallVec<[u8; 192]>);

impl Digest {
    fn of(context: &str) -> Self {
        Self(SmallVec::from_slice(context.as_bytes()))
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A text, its length before it, so that no two lists of texts read alike.
    fn text(self, text: &str) -> Self {
        self.bytes(&(text.len() as u64).to_be_bytes()).bytes(text.as_bytes())
    }

    fn half(self) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(blake3::hash(&self.0).as_bytes().first_chunk::<16>().unwrap_or(&[0; 16]));
        half
    }
}
