//! What a name means in a condition: the words of purchases, lines and members, the declared attributes, meters,
//! clubs and segments, and which of them may be used where.

use super::tree::{AttributeRef, Instant, Number, Text, Truth};
use crate::domain::program::suggest::did_you_mean;
use crate::domain::program::{Attribute, ClubId, Meter, Register, Scope, SegmentId, TierId, ValueType, Word};
use crate::domain::units::CurrencyCode;

/// What can be said of a purchase besides its attributes; an attribute cannot have one of these names.
pub(in crate::domain::program) const PURCHASE_WORDS: &[&str] =
    &["kind", "channel", "store", "partner", "currency", "total", "occurred_at", "lines", "tenders", "receipt"];
/// What can be said of a line besides its attributes.
pub(in crate::domain::program) const LINE_WORDS: &[&str] = &["line_id", "sku", "category", "quantity", "amount"];
/// What can be said of a member besides her attributes.
pub(in crate::domain::program) const MEMBER_WORDS: &[&str] = &["tier", "clubs", "segments", "id", "state"];

/// Where a condition stands, which decides what it may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain::program) enum Place {
    /// A rule's `when`: the purchase and the member.
    Purchase,
    /// A rule's `lines` or `basis`: also the line.
    Line,
    /// A tier's conditions: meters and the member's attributes. Tier, clubs and segments are left out: she stands where
    /// she does by what was counted.
    Tier,
    /// What asks for a member and no purchase: meters, and all there is to `member`.
    Member,
}

impl Place {
    const fn sees_purchase(self) -> bool {
        matches!(self, Self::Purchase | Self::Line)
    }

    /// Whether tier, clubs and segments may be asked for.
    const fn sees_belonging(self) -> bool {
        !matches!(self, Self::Tier)
    }
}

/// Everything a condition may name.
pub(in crate::domain::program) struct Names<'a> {
    pub place: Place,
    pub register: &'a Register,
    pub attributes: &'a [Attribute],
    /// Attributes whose declarations have flaws of their own: their use is not reported again.
    pub unsound: &'a [(Scope, Word)],
    pub meters: &'a [Meter],
    /// The ladder's tiers, the base included; empty without a ladder.
    pub tiers: &'a [TierId],
    /// The clubs.
    pub clubs: &'a [ClubId],
    /// The segments.
    pub segments: &'a [SegmentId],
    /// The program's kinds; empty if any is accepted.
    pub kinds: &'a [Box<str>],
    pub currency: Option<CurrencyCode>,
}

/// A part of a condition with its type.
#[derive(Debug)]
pub(super) enum Typed {
    Truth(Truth),
    Number(Number),
    Text(Text),
    Moment(Instant),
}

impl Typed {
    /// The type, as error texts call it.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Truth(_) => "a yes or no",
            Self::Number(_) => "a whole number",
            Self::Text(_) => "a text",
            Self::Moment(_) => "a moment",
        }
    }
}

impl Names<'_> {
    /// What `root.field` is; `Err(None)` if its declaration is flawed and that was said there.
    pub(super) fn field(&self, root: &str, field: &str) -> Result<Typed, Option<String>> {
        let scope = self.scope(root)?;
        if let Some(typed) = self.built_in(scope, field) {
            return Ok(typed);
        }
        let word = self.register.word(field);
        let declared = |a: &&Attribute| a.scope == scope && Some(a.id.0) == word;
        match self.attributes.iter().find(declared) {
            Some(attribute) => Ok(of_attribute(attribute, field)),
            None if self.is_unsound(scope, word) => Err(None),
            None => Err(Some(self.unknown_field(scope, root, field))),
        }
    }

    fn scope(&self, root: &str) -> Result<Scope, Option<String>> {
        let (scope, seen) = match root {
            "purchase" => (Scope::Purchase, self.place.sees_purchase()),
            "line" => (Scope::Line, self.place == Place::Line),
            "member" => (Scope::Member, true),
            _ => return Err(Some(format!("unknown name `{root}`{}", did_you_mean(root, ROOTS)))),
        };
        if seen { Ok(scope) } else { Err(Some(self.out_of_sight(root))) }
    }

    fn out_of_sight(&self, root: &str) -> String {
        match self.place {
            Place::Tier => format!("a tier's condition sees meters and `member`, not `{root}`"),
            Place::Member => format!("what is asked of a member sees meters and `member`, not `{root}`"),
            _ => format!("`when` judges the whole purchase and cannot see a `{root}`; use `lines` for that"),
        }
    }

    fn built_in(&self, scope: Scope, field: &str) -> Option<Typed> {
        Some(match (scope, field) {
            (Scope::Purchase, "kind") => Typed::Text(Text::Kind),
            (Scope::Purchase, "channel") => Typed::Text(Text::Channel),
            (Scope::Purchase, "store") => Typed::Text(Text::Store),
            (Scope::Purchase, "partner") => Typed::Text(Text::Partner),
            (Scope::Purchase, "currency") => Typed::Text(Text::Currency),
            (Scope::Purchase, "total") => Typed::Number(Number::Total),
            (Scope::Purchase, "occurred_at") => Typed::Moment(Instant::OccurredAt),
            (Scope::Line, "line_id") => Typed::Text(Text::LineId),
            (Scope::Line, "sku") => Typed::Text(Text::Sku),
            (Scope::Line, "category") => Typed::Text(Text::Category),
            (Scope::Line, "quantity") => Typed::Number(Number::LineQuantity),
            (Scope::Line, "amount") => Typed::Number(Number::LineAmount),
            (Scope::Member, "tier") if self.place.sees_belonging() && !self.tiers.is_empty() => Typed::Text(Text::Tier),
            _ => return None,
        })
    }

    fn unknown_field(&self, scope: Scope, root: &str, field: &str) -> String {
        match (scope, self.place, field) {
            (Scope::Member, Place::Tier, "tier") => "a tier's condition cannot ask for the tier".into(),
            (Scope::Member, _, "tier") => "`member.tier` needs a `[ladder]`".into(),
            (Scope::Member, _, "clubs") => "`member.clubs` is a list; write `\"the-club\" in member.clubs`".into(),
            (Scope::Member, _, "segments") => {
                "`member.segments` is a list; write `\"the-segment\" in member.segments`".into()
            }
            _ => {
                let suggestion = did_you_mean(field, self.fields(scope));
                format!("`{root}` has no `{field}`{suggestion}; attributes are declared under `[attributes.{root}]`")
            }
        }
    }

    fn fields(&self, scope: Scope) -> impl Iterator<Item = &str> {
        let words: &[&str] = match scope {
            Scope::Purchase => PURCHASE_WORDS.get(..7).unwrap_or_default(),
            Scope::Line => LINE_WORDS,
            Scope::Member => &["tier", "clubs", "segments"],
        };
        let declared = self.attributes.iter().filter(move |attribute| attribute.scope == scope);
        words.iter().copied().chain(declared.map(|attribute| self.register.text(attribute.id.0)))
    }

    /// What a bare name is: a meter.
    pub(super) fn bare(&self, name: &str) -> Result<Typed, Option<String>> {
        let word = self.register.word(name);
        let position = self.meters.iter().position(|meter| Some(meter.id.0) == word);
        match position {
            Some(position) if !self.place.sees_purchase() => Ok(Typed::Number(Number::Meter(position))),
            Some(_) => Err(Some(format!("`{name}` is a meter; conditions on purchases see no meters"))),
            None if ROOTS.contains(&name) => Err(Some(format!("`{name}` is no value; write `{name}.` and a name"))),
            None => Err(Some(format!("unknown name `{name}`{}", did_you_mean(name, self.bare_names())))),
        }
    }

    fn bare_names(&self) -> Vec<&str> {
        match self.place {
            Place::Tier | Place::Member => self.meters.iter().map(|meter| self.register.text(meter.id.0)).collect(),
            _ => ROOTS.to_vec(),
        }
    }

    /// The club called `name`, where clubs may be asked for.
    pub(super) fn club(&self, name: &str) -> Result<ClubId, String> {
        let text = |club: &ClubId| self.register.text(club.0);
        if !self.place.sees_belonging() {
            return Err("a tier's condition cannot ask for clubs".into());
        }
        let found = self.clubs.iter().find(|club| text(club) == name);
        found.copied().ok_or_else(|| format!("no club `{name}`{}", did_you_mean(name, self.clubs.iter().map(text))))
    }

    /// The segment called `name`, where segments may be asked for.
    pub(super) fn segment(&self, name: &str) -> Result<SegmentId, String> {
        let text = |segment: &SegmentId| self.register.text(segment.0);
        if !self.place.sees_belonging() {
            return Err("a tier's condition cannot ask for segments".into());
        }
        let found = self.segments.iter().find(|segment| text(segment) == name);
        let suggestion = || did_you_mean(name, self.segments.iter().map(text));
        found.copied().ok_or_else(|| format!("no segment `{name}`{}", suggestion()))
    }

    fn is_unsound(&self, scope: Scope, word: Option<Word>) -> bool {
        self.unsound.iter().any(|(s, w)| *s == scope && Some(*w) == word)
    }

    /// Why `text` compared with `constant` could never be true, if that is known.
    pub(super) fn never(&self, text: &Text, constant: &str) -> Option<String> {
        match text {
            Text::Tier => {
                let tiers = || self.tiers.iter().map(|tier| self.register.text(tier.0));
                unless_among(constant, "the ladder has no tier", tiers)
            }
            Text::Kind if !self.kinds.is_empty() => {
                unless_among(constant, "`kinds` does not list", || self.kinds.iter().map(|kind| &**kind))
            }
            Text::Currency => {
                let currency = self.currency.as_ref()?.as_str();
                (constant != currency).then(|| format!("the program's currency is `{currency}`, never `{constant}`"))
            }
            _ => None,
        }
    }
}

const ROOTS: &[&str] = &["purchase", "line", "member"];

fn unless_among<'a, I: Iterator<Item = &'a str>>(
    constant: &str,
    complaint: &str,
    declared: impl Fn() -> I,
) -> Option<String> {
    if declared().any(|known| known == constant) {
        return None;
    }
    Some(format!("{complaint} `{constant}`{}", did_you_mean(constant, declared())))
}

fn of_attribute(attribute: &Attribute, name: &str) -> Typed {
    let reference =
        AttributeRef { scope: attribute.scope, id: attribute.id, name: name.into(), absent: attribute.absent.clone() };
    match attribute.value_type {
        ValueType::Integer => Typed::Number(Number::Attribute(reference)),
        ValueType::Text => Typed::Text(Text::Attribute(reference)),
        ValueType::Bool => Typed::Truth(Truth::Attribute(reference)),
        ValueType::Moment => Typed::Moment(Instant::Attribute(reference)),
    }
}
