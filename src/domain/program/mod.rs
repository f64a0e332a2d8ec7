//! What the operator promises: one validated, immutable [`Program`] per version, and the [`Timeline`] of versions.
//!
//! `source/` turns TOML into this form and reports every flaw at once; `condition/` holds the typed
//! conditions; `timeline.rs` says which version judges which moment. Nothing here knows a member's history
//! or how a program is stored.

mod alerts;
mod benefit;
mod club;
pub mod condition;
mod ladder;
mod milestone;
pub mod points;
mod privilege;
pub mod reward;
pub mod segment;
pub mod source;
mod suggest;
pub mod timeline;

use std::collections::HashMap;

use super::calendar::{CalendarSpan, MonthDay, Zone};
use super::units::{CurrencyCode, Moment, Points, Ratio, Rounding};
pub use alerts::Alerts;
pub use benefit::{Benefit, Lasts};
pub use club::{Club, Door, Fee};
pub use condition::{Condition, IntegerExpression, Shortfall};
pub use ladder::{Downgrade, Ladder, OnChange, Tier, Trial, Validity, YearCount};
pub use milestone::{Choice, ChoiceOption, Judged, Milestone, Steps};
pub use points::{Conversion, Cut, Debt, Expiry, Pending, Valuation, Wallet};
pub use privilege::{Gift, Privilege, PrivilegeKind, Worth};
pub use reward::{Limit, Reward};
pub use segment::{CellPattern, Segment, Stages, Who};
pub use timeline::Timeline;

/// A word of a program's register: the permanent number of an id such as `miles` or `gold`.
///
/// Facts name things by these numbers; the register travels in the `ProgramApplied` fact and only ever grows,
/// so a number means the same thing in every version and for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(pub u16);

macro_rules! word_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Word);
    )*};
}

word_ids! {
    /// A wallet, by its word.
    WalletId,
    /// A meter, by its word.
    MeterId,
    /// A tier, by its word.
    TierId,
    /// An earning rule, by its word.
    RuleId,
    /// A declared attribute, by its word.
    AttributeId,
    /// A reward, by its word.
    RewardId,
    /// A club, by its word.
    ClubId,
    /// A segment, by its word.
    SegmentId,
    /// A privilege, by its word.
    PrivilegeId,
    /// A milestone, by its word.
    MilestoneId,
    /// An option of a milestone's choice, by its word.
    OptionId,
}

/// A program's place in the journal's order of programs, given at its first `ProgramApplied`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramNo(pub u16);

/// Every id a program has ever used, in the order of first use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    words: Vec<Box<str>>,
    numbers: HashMap<Box<str>, Word>,
}

impl Register {
    /// The most words a program can use over its life.
    pub const WORDS_MAX: usize = 60_000;

    /// A register holding `words` in that order.
    #[must_use]
    pub fn of(words: impl IntoIterator<Item = Box<str>>) -> Self {
        let mut register = Self::default();
        for word in words {
            register.add(&word);
        }
        register
    }

    /// The number of `text`, adding it at the end if it is new.
    pub fn add(&mut self, text: &str) -> Word {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        let word = Word(u16::try_from(self.words.len()).unwrap_or(u16::MAX));
        self.words.push(text.into());
        self.numbers.insert(text.into(), word);
        word
    }

    /// The text of a word; a word that was never registered reads `?`.
    #[must_use]
    pub fn text(&self, word: Word) -> &str {
        self.words.get(usize::from(word.0)).map_or("?", |text| text)
    }

    /// The word of a text, if it was ever registered.
    #[must_use]
    pub fn word(&self, text: &str) -> Option<Word> {
        self.numbers.get(text).copied()
    }

    /// All words in order.
    #[must_use]
    pub fn words(&self) -> &[Box<str>] {
        &self.words
    }
}

/// One version of a program, validated: what judges purchases while it is in force.
#[derive(Clone, Debug)]
pub struct Program {
    /// The operator's id for the program, the same in every version.
    pub id: Box<str>,
    /// A name for people.
    pub name: Box<str>,
    /// 1 for the first version, then one more each time.
    pub version: u32,
    /// In force from this moment until the next version's; the first holds from the beginning of time.
    pub effective_at: Moment,
    /// The zone in which days, windows and validity are counted.
    pub zone: Zone,
    /// The currency purchases are made in.
    pub currency: CurrencyCode,
    /// How long after it occurred a purchase may still be recorded (`accept_late`).
    pub accept_late: CalendarSpan,
    /// Whether purchases from before the member's enrolment count (`credit_before_enrolment`).
    pub credit_before_enrolment: bool,
    /// What happens to points when a member closes (`on_close`).
    pub on_close: OnClose,
    /// Purchase kinds the program accepts; empty accepts any.
    pub kinds: Vec<Box<str>>,
    /// Spendable currencies, in the order of the file.
    pub wallets: Vec<Wallet>,
    /// Counters that only qualify, in the order of the file.
    pub meters: Vec<Meter>,
    /// Declared attributes of purchases, lines and members.
    pub attributes: Vec<Attribute>,
    /// Earning rules in the order of the file, then campaigns in theirs (which is the order of their grants).
    pub rules: Vec<Rule>,
    /// The ladder, if the program has one.
    pub ladder: Option<Ladder>,
    /// What becomes of a tier when what it rested on is returned (`on_return`).
    pub on_return: OnReturn,
    /// What points buy, in the order of the file.
    pub rewards: Vec<Reward>,
    /// Groups with doors of their own, in the order of the file.
    pub clubs: Vec<Club>,
    /// Whom the operator wants to find again, in the order of the file.
    pub segments: Vec<Segment>,
    /// Where the stages of the loyalty ladder begin.
    pub stages: Stages,
    /// Whom the operator watches, if anybody.
    pub alerts: Option<Alerts>,
    /// What belonging gives, in the order of the file.
    pub privileges: Vec<Privilege>,
    /// Thresholds that give something, in the order of the file.
    pub milestones: Vec<Milestone>,
    /// All ids of this and earlier versions.
    pub register: Register,
}

/// What becomes of the points of a closed member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnClose {
    /// They are forfeited in the closing entry.
    Forfeit,
    /// They stay on the closed member, as far as their own ends go.
    Keep,
    /// They stay for so long, and are forfeited then.
    KeepFor(CalendarSpan),
}

/// A counter that qualifies and is never spent.
#[derive(Clone, Debug)]
pub struct Meter {
    /// Its id; a plain identifier, since conditions name it.
    pub id: MeterId,
    /// A name for people.
    pub name: Box<str>,
    /// 0 to 4; counted in units of 10^-decimals.
    pub decimals: u8,
    /// The span in which it counts.
    pub window: Window,
    /// Whether what a window counted beyond the threshold of the tier it reached rolls over into the next window, once;
    /// then this hidden meter knows how much of a window's count was rolled into it.
    pub rollover: Option<MeterId>,
}

/// The span in which a meter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The year from this day to the day before it comes again.
    CalendarYear(MonthDay),
    /// Twelve months from the day of enrolment, and again.
    AnniversaryYear,
    /// The last `n` local days, today included (1 to 3,660).
    RollingDays(i32),
    /// The last `n` months, today included (1 to 120): from the day after today's `n` months ago.
    RollingMonths(i32),
    /// For ever.
    Lifetime,
}

/// What becomes of a tier that rested on goods that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReturn {
    /// It is withdrawn in the entry of the return.
    Withdraw,
    /// It stays for as long as it was to hold.
    Keep,
}

/// What an attribute belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// A whole purchase.
    Purchase,
    /// One line of a purchase.
    Line,
    /// A member.
    Member,
}

/// The type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A 64-bit whole number.
    Integer,
    /// Text of at most 256 bytes.
    Text,
    /// Yes or no.
    Bool,
    /// An instant.
    Moment,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(super::units::Text),
    /// Yes or no.
    Bool(bool),
    /// An instant.
    Moment(Moment),
}

impl Value {
    /// The value's type.
    #[must_use]
    pub const fn value_type(&self) -> ValueType {
        match self {
            Self::Integer(_) => ValueType::Integer,
            Self::Text(_) => ValueType::Text,
            Self::Bool(_) => ValueType::Bool,
            Self::Moment(_) => ValueType::Moment,
        }
    }
}

/// An attribute the program declares; anything undeclared is refused by name.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its id.
    pub id: AttributeId,
    /// What carries it.
    pub scope: Scope,
    /// Its type.
    pub value_type: ValueType,
    /// What stands for it where it is absent. Every attribute has one or is required, so that a condition can
    /// always be evaluated.
    pub absent: Absent,
}

/// What an absent attribute means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The order is malformed without it.
    Required,
    /// This value stands for it.
    Default(Value),
    /// The purchase's `occurred_at` stands for it (moments of purchases and lines only).
    OccurredAt,
}

/// Which moment of a purchase decides the version and the dates of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgedBy {
    /// The purchase's `occurred_at`.
    OccurredAt,
    /// This purchase attribute, which is a moment.
    Attribute(AttributeId),
}

/// One earning rule: which lines of which purchases earn what.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// The moment that decides version and dates.
    pub judged_by: JudgedBy,
    /// Earns from this moment (`Moment::BEGINNING` if not given).
    pub from: Moment,
    /// Earns before this moment (`Moment::NEVER` if not given).
    pub until: Moment,
    /// Which purchases; all if absent.
    pub when: Option<Condition>,
    /// Which lines; all if absent.
    pub lines: Option<Condition>,
    /// What is counted.
    pub basis: Basis,
    /// How much is earned for it.
    pub rate: Rate,
    /// How an inexact result becomes whole.
    pub rounding: Rounding,
    /// What is rounded.
    pub rounds: Rounds,
    /// Where it is rounded.
    pub per: Per,
    /// The wallet that receives the points; none for a rule that only feeds meters.
    pub wallet: Option<WalletId>,
    /// Meters that count what is granted, bonus included.
    pub meters: Vec<MeterId>,
    /// Tier bonuses as a share of the base points; at most one applies.
    pub bonus: Vec<(TierId, Ratio)>,
    /// What a tier bonus is taken of.
    pub bonus_of: BonusOf,
    /// Whether the part paid with points earns too.
    pub counts_points_tender: bool,
    /// Whether it grants only to members who have it as a boost; a campaign's.
    pub boost: Option<Boost>,
    /// How it goes together with others.
    pub stacking: Stacking,
    /// How much it grants at most.
    pub caps: Caps,
}

/// How a campaign is had that only some members have, for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boost {
    /// How long it grants, from when it begins: a span, or until the window of the first meter it feeds ends.
    pub lasts: Lasts,
    /// Whether it begins when the member registers for it, not when she gets it; and how long she may wait with that.
    pub register_within: Option<CalendarSpan>,
}

/// How what a rule grants goes together with what others grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stacking {
    /// An earning rule, which always grants.
    Rule,
    /// A campaign on top of everything else.
    Add,
    /// Of the campaigns of this kind, only the one that grants the member most.
    Best,
    /// No other campaign grants where one of this kind does; the highest priority goes first.
    Exclusive(i64),
}

/// The most a rule grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// On one receipt.
    pub per_receipt: Option<Points>,
    /// To one member in one window.
    pub per_member: Option<MemberCap>,
    /// To all members together.
    pub budget: Option<Points>,
}

/// The most a rule grants one member in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberCap {
    /// How much.
    pub points: Points,
    /// The window.
    pub window: Window,
    /// The hidden meter that counts what was granted.
    pub meter: MeterId,
}

/// What a rule counts on a line.
#[derive(Clone, Debug)]
pub enum Basis {
    /// The line's amount in minor units.
    Amount,
    /// The line's quantity in thousandths.
    Quantity,
    /// A whole number computed from attributes, once per line.
    Line(IntegerExpression),
    /// A whole number computed from attributes of the purchase, once per receipt (`per` is the receipt).
    Purchase(IntegerExpression),
    /// The base points that earning rules grant on the same receipt (campaigns only).
    BasePoints,
}

/// An exact rate: `points` smallest units of wallet or meter for every `unit` of the basis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Smallest units earned per step; an exact fraction.
    pub points: Ratio,
    /// How many basis units (minor units, thousandths, attribute units) one step is; at least 1.
    pub step: i64,
    /// The rate as the program file wrote it.
    pub written: Box<str>,
}

/// What a rounding is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// The basis, to whole steps of the rate; the result is exact then, or floored.
    Amount,
    /// The points.
    Result,
}

/// Where a rule is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// To each chosen line.
    Line,
    /// To the sum of the chosen lines.
    Receipt,
}

/// What a tier bonus is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BonusOf {
    /// The base points before rounding.
    Exact,
    /// The base points as granted.
    Rounded,
}

impl Rule {
    /// Whether it counts the line that `subject` looks at.
    ///
    /// # Errors
    /// [`Overflow`](super::units::Overflow) if the arithmetic of its condition leaves its range.
    pub fn chooses(&self, subject: &condition::Subject<'_>) -> Result<bool, super::units::Overflow> {
        self.lines.as_ref().map_or(Ok(true), |lines| lines.holds(subject))
    }
}

impl Program {
    /// The wallet with this id.
    #[must_use]
    pub fn wallet(&self, id: WalletId) -> Option<&Wallet> {
        self.wallets.iter().find(|wallet| wallet.id == id)
    }

    /// The reward with this id.
    #[must_use]
    pub fn reward(&self, id: RewardId) -> Option<&Reward> {
        self.rewards.iter().find(|reward| reward.id == id)
    }

    /// The club with this id.
    #[must_use]
    pub fn club(&self, id: ClubId) -> Option<&Club> {
        self.clubs.iter().find(|club| club.id == id)
    }

    /// The segment with this id.
    #[must_use]
    pub fn segment(&self, id: SegmentId) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.id == id)
    }

    /// The privilege with this id.
    #[must_use]
    pub fn privilege(&self, id: PrivilegeId) -> Option<&Privilege> {
        self.privileges.iter().find(|privilege| privilege.id == id)
    }

    /// The milestone with this id.
    #[must_use]
    pub fn milestone(&self, id: MilestoneId) -> Option<&Milestone> {
        self.milestones.iter().find(|milestone| milestone.id == id)
    }

    /// The rule or campaign with this id.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The wallet called `name`.
    #[must_use]
    pub fn wallet_named(&self, name: &str) -> Option<&Wallet> {
        self.register.word(name).and_then(|word| self.wallet(WalletId(word)))
    }

    /// The meter with this id.
    #[must_use]
    pub fn meter(&self, id: MeterId) -> Option<&Meter> {
        self.meters.iter().find(|meter| meter.id == id)
    }

    /// The attribute called `name` in `scope`.
    #[must_use]
    pub fn attribute(&self, scope: Scope, name: &str) -> Option<&Attribute> {
        let word = self.register.word(name)?;
        self.attributes.iter().find(|a| a.scope == scope && a.id.0 == word)
    }

    /// The text of a word.
    #[must_use]
    pub fn text(&self, word: Word) -> &str {
        self.register.text(word)
    }

    /// The base tier: what everybody holds.
    #[must_use]
    pub fn base_tier(&self) -> Option<TierId> {
        self.ladder.as_ref().map(|ladder| ladder.base)
    }
}
