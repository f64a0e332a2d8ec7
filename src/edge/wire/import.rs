//! Items of an import, as orders of the domain.

use super::faults::{Faults, Path};
use super::naming;
use super::orders::Desk;
use super::points_orders::{actor, reason, some_points, wallet};
use super::scalars::{NAME_MAX, attributes, moment, required_moment, required_text};
use crate::domain::order::{
    Adjustment, Enrolment, Import, ImportedLot, ImportedMembership, ImportedMeter, ImportedTier, MemberName, Order,
    Refusal, Verb,
};
use crate::domain::units::{Points, Text};
use crate::pb;
use pb::import_members_request::Item;

/// The most lots, and the most counts of meters, that one member can be brought in with.
const PARTS_MAX: usize = 1_000;

impl Desk<'_> {
    /// The order that an item of an import stands for.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn bring_in(self, request: pb::ImportMembersRequest) -> Result<Order, Refusal> {
        let mut faults = Faults::default();
        let program = naming::program(request.program, &mut faults);
        let read = match request.item {
            None => {
                faults.at(&Path::Field(&Path::Request, "member"), "is required (or `adjustment`)");
                None
            }
            Some(Item::Member(state)) => Some(self.opening(&program, state, request.request_id, &mut faults)),
            Some(Item::Adjustment(given)) => Some(adjustment(given, request.request_id, &mut faults)),
        };
        let caller = self.caller.clone();
        faults.verdict_on(read.map(|(member_id, request_id, verb)| Order {
            program,
            member: MemberName::Id(member_id),
            request_id,
            caller,
            verb,
        }))
    }

    fn opening(
        self,
        program: &str,
        given: pb::OpeningState,
        request_id: String,
        faults: &mut Faults,
    ) -> (Text, Text, Verb) {
        let path = Path::Field(&Path::Request, "member");
        let member_id = member_id(given.member_id, &path, faults);
        let request_id = match naming::optional_request_id(request_id, faults) {
            own if own.is_empty() => format!("import:{member_id}").into(),
            own => own,
        };
        let import = Import {
            enrolment: Enrolment {
                member_id: member_id.clone(),
                id_given: true,
                identifiers: naming::identifiers(program, given.identifiers, &path, self.identify, faults),
                attributes: attributes(given.attributes, &path, faults),
            },
            enrolled_at: moment(given.enrolled_at, &Path::Field(&path, "enrolled_at"), faults),
            lots: parts(given.lots, "lots", &path, faults, lot),
            meters: parts(given.meters, "meters", &path, faults, meter),
            tier: given.tier.map(|held| tier(held, &Path::Field(&path, "tier"), faults)),
            clubs: parts(given.clubs, "clubs", &path, faults, membership),
        };
        (member_id, request_id, Verb::Import(Box::new(import)))
    }
}

/// The member an item is about, as it names her.
#[must_use]
pub fn about(request: &pb::ImportMembersRequest) -> &str {
    match &request.item {
        None => "",
        Some(Item::Member(state)) => &state.member_id,
        Some(Item::Adjustment(given)) => &given.member_id,
    }
}

fn member_id(id: String, path: &Path<'_>, faults: &mut Faults) -> Text {
    let path = Path::Field(path, "member_id");
    if id.is_empty() {
        faults.missing(&path);
    }
    naming::member_id(id, &path, faults)
}

fn adjustment(given: pb::PointsAdjustment, request_id: String, faults: &mut Faults) -> (Text, Text, Verb) {
    let path = Path::Field(&Path::Request, "adjustment");
    let member_id = member_id(given.member_id, &path, faults);
    let verb = Verb::Adjust(Adjustment {
        wallet: wallet(given.wallet, &path, faults),
        points: some_points(given.points, &Path::Field(&path, "points"), faults),
        reason: reason(given.reason, &path, faults),
        actor: actor(given.actor, &path, faults),
    });
    (member_id, naming::request_id(request_id, faults), verb)
}

/// The parts of a repeated field, each read by `read`.
fn parts<T, R>(
    given: Vec<T>,
    name: &'static str,
    parent: &Path<'_>,
    faults: &mut Faults,
    read: fn(T, &Path<'_>, &mut Faults) -> R,
) -> Vec<R> {
    if given.len() > PARTS_MAX {
        let message = format_args!("has {} entries, at most {PARTS_MAX} are allowed", given.len());
        faults.at(&Path::Field(parent, name), message);
        return Vec::new();
    }
    let parts = given.into_iter().enumerate();
    parts.map(|(position, part)| read(part, &Path::Element(parent, name, position), faults)).collect()
}

fn lot(given: pb::OpeningLot, path: &Path<'_>, faults: &mut Faults) -> ImportedLot {
    ImportedLot {
        wallet: wallet(given.wallet, path, faults),
        points: some_points(given.points, &Path::Field(path, "points"), faults),
        earned_at: required_moment(given.earned_at, &Path::Field(path, "earned_at"), faults),
        expires_at: moment(given.expires_at, &Path::Field(path, "expires_at"), faults),
    }
}

fn meter(given: pb::OpeningMeter, path: &Path<'_>, faults: &mut Faults) -> ImportedMeter {
    ImportedMeter {
        meter: required_text(given.meter, NAME_MAX, &Path::Field(path, "meter"), faults),
        at: required_moment(given.at, &Path::Field(path, "at"), faults),
        amount: Points(given.amount),
    }
}

fn tier(given: pb::OpeningTier, path: &Path<'_>, faults: &mut Faults) -> ImportedTier {
    let since = required_moment(given.since, &Path::Field(path, "since"), faults);
    let until = moment(given.until, &Path::Field(path, "until"), faults);
    if until.is_some_and(|until| until <= since) {
        faults.at(&Path::Field(path, "until"), "must lie after `since`");
    }
    ImportedTier { tier: required_text(given.tier, NAME_MAX, &Path::Field(path, "tier"), faults), since, until }
}

fn membership(given: pb::OpeningMembership, path: &Path<'_>, faults: &mut Faults) -> ImportedMembership {
    let since = required_moment(given.since, &Path::Field(path, "since"), faults);
    let until = moment(given.until, &Path::Field(path, "until"), faults);
    if until.is_some_and(|until| until <= since) {
        faults.at(&Path::Field(path, "until"), "must lie after `since`");
    }
    ImportedMembership { club: required_text(given.club, NAME_MAX, &Path::Field(path, "club"), faults), since, until }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::wire::tests::{desk, fields_of};
    use prost_types::Timestamp;

    fn item(item: Item, request_id: &str) -> pb::ImportMembersRequest {
        let request_id = request_id.into();
        pb::ImportMembersRequest { program: "p".into(), item: Some(item), request_id, dry_run: false }
    }

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos: 0 })
    }

    #[test]
    fn a_member_is_known_by_her_id_unless_the_caller_says_otherwise() {
        let state = pb::OpeningState {
            member_id: "m".into(),
            lots: vec![pb::OpeningLot { wallet: "miles".into(), points: -3, earned_at: at(1), expires_at: None }],
            tier: Some(pb::OpeningTier { tier: "gold".into(), since: at(1), until: at(2) }),
            ..Default::default()
        };
        let read =
            |request_id: &str| desk(|desk| desk.bring_in(item(Item::Member(state.clone()), request_id))).unwrap();
        assert_eq!((&*read("").request_id, &*read("own").request_id), ("import:m", "own"));
        let Verb::Import(import) = read("").verb else { panic!() };
        assert!(import.enrolment.id_given);
        assert_eq!(import.lots.first().unwrap().points, Points(-3));
    }

    #[test]
    fn faults_are_named_by_their_place() {
        let state = pb::OpeningState {
            identifiers: vec![pb::Identifier::default()],
            lots: vec![pb::OpeningLot::default()],
            meters: vec![pb::OpeningMeter::default()],
            tier: Some(pb::OpeningTier { tier: "gold".into(), since: at(2), until: at(2) }),
            clubs: vec![
                pb::OpeningMembership::default(),
                pb::OpeningMembership { club: "lounge".into(), since: at(2), until: at(1) },
            ],
            ..Default::default()
        };
        let fields = fields_of(desk(|desk| desk.bring_in(item(Item::Member(state), ""))));
        let want = [
            "member.member_id",
            "member.identifiers[0].kind",
            "member.identifiers[0].value",
            "member.lots[0].wallet",
            "member.lots[0].points",
            "member.lots[0].earned_at",
            "member.meters[0].at",
            "member.meters[0].meter",
            "member.tier.until",
            "member.clubs[0].since",
            "member.clubs[0].club",
            "member.clubs[1].until",
        ];
        let mut sorted = fields;
        sorted.sort_by_key(|field| want.iter().position(|wanted| wanted == field));
        assert_eq!(sorted, want);
        let nothing = desk(|desk| desk.bring_in(pb::ImportMembersRequest::default()));
        assert_eq!(fields_of(nothing), ["program", "member"]);
        let correction = Item::Adjustment(pb::PointsAdjustment::default());
        let want = [
            "adjustment.member_id",
            "adjustment.wallet",
            "adjustment.points",
            "adjustment.reason",
            "adjustment.actor",
            "request_id",
        ];
        assert_eq!(fields_of(desk(|desk| desk.bring_in(item(correction, "")))), want);
    }
}
