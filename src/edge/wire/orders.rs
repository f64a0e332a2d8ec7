//! Requests that ask for something to be done, as orders of the domain.

use super::faults::{Faults, Path};
use super::naming::{self, Identify};
use super::purchase::{purchase, quoted_purchase};
use super::sale::Sale;
use super::scalars::{ATTRIBUTES_MAX, NAME_MAX, TEXT_MAX, attributes, required_text, text};
use crate::domain::order::{AttributesUpdate, Caller, Enrolment, MemberName, Note, Order, Refusal, Verb};
use crate::domain::units::Text;
use crate::pb;

/// An order, and whether it is only to be rehearsed.
pub struct Asked {
    /// The order.
    pub order: Order,
    /// The same path, nothing kept.
    pub dry_run: bool,
}

/// Everything an order is read with: who asks, and how identifiers become hashes.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// How identifiers are hashed.
    pub identify: &'a dyn Identify,
}

impl Desk<'_> {
    /// The order to create a member; one without an id gets one that sorts by time.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], as of all orders here.
    pub fn enroll(self, request: pb::EnrollMemberRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let program = naming::program(request.program, &mut faults);
        let id_given = !request.member_id.is_empty();
        let id = if id_given { request.member_id } else { uuid::Uuid::now_v7().to_string() };
        let member_id = naming::member_id(id, &Path::Field(&Path::Request, "member_id"), &mut faults);
        let identifiers =
            naming::identifiers(&program, request.identifiers, &Path::Request, self.identify, &mut faults);
        let attributes = attributes(request.attributes, &Path::Request, &mut faults);
        let member = MemberName::Id(member_id.clone());
        let verb = Verb::Enroll(Enrolment { member_id, id_given, identifiers, attributes });
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(self.asked(program, member, request_id, verb, request.dry_run))
    }

    /// The order to set and remove attributes.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn update(self, request: pb::UpdateMemberRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let set = attributes(request.attributes, &Path::Request, &mut faults);
        let remove = removed(request.remove_attributes, &set, &mut faults);
        if set.is_empty() && remove.is_empty() {
            faults.at(&Path::Field(&Path::Request, "attributes"), "is required (or `remove_attributes`)");
        }
        let request_id = naming::request_id(request.request_id, &mut faults);
        let verb = Verb::Update(AttributesUpdate { set, remove });
        faults.verdict(self.asked(program, member, request_id, verb, request.dry_run))
    }

    /// The order to attach an identifier.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn link(self, request: pb::LinkIdentifierRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.known_by, "known_by", &mut faults);
        let path = Path::Field(&Path::Request, "identifier");
        let given = request.identifier.unwrap_or_default();
        let identifier = naming::identifier(&program, given, &path, self.identify, &mut faults);
        let request_id = naming::request_id(request.request_id, &mut faults);
        let verb = Verb::LinkIdentifier(identifier);
        faults.verdict(self.asked(program, member, request_id, verb, request.dry_run))
    }

    /// The order to detach an identifier, from whoever has it if no member is named.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn unlink(self, request: pb::UnlinkIdentifierRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let nobody_named = request.member_id.is_empty() && request.known_by.is_none();
        let known_by = if nobody_named { request.identifier.clone() } else { request.known_by };
        let field = if nobody_named { "identifier" } else { "known_by" };
        let (program, member) = self.named(request.program, request.member_id, known_by, field, &mut faults);
        let identifier = match (&member, nobody_named) {
            (MemberName::Identifier(identifier), true) => identifier.clone(),
            _ => {
                let path = Path::Field(&Path::Request, "identifier");
                let given = request.identifier.unwrap_or_default();
                naming::identifier(&program, given, &path, self.identify, &mut faults)
            }
        };
        let request_id = naming::request_id(request.request_id, &mut faults);
        let verb = Verb::UnlinkIdentifier(identifier);
        faults.verdict(self.asked(program, member, request_id, verb, request.dry_run))
    }

    /// The order to suspend a member.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn suspend(self, request: pb::SuspendMemberRequest) -> Result<Asked, Refusal> {
        let pb::SuspendMemberRequest { program, member_id, identifier, note, request_id, dry_run } = request;
        self.noted((program, member_id, identifier), note, request_id, dry_run, Verb::Suspend)
    }

    /// The order to end a suspension.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn reinstate(self, request: pb::ReinstateMemberRequest) -> Result<Asked, Refusal> {
        let pb::ReinstateMemberRequest { program, member_id, identifier, note, request_id, dry_run } = request;
        self.noted((program, member_id, identifier), note, request_id, dry_run, Verb::Reinstate)
    }

    /// The order to close a member.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn close(self, request: pb::CloseMemberRequest) -> Result<Asked, Refusal> {
        let pb::CloseMemberRequest { program, member_id, identifier, note, request_id, dry_run } = request;
        self.noted((program, member_id, identifier), note, request_id, dry_run, Verb::Close)
    }

    /// The order to record a purchase.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn record(self, request: pb::RecordPurchaseRequest) -> Result<Asked, Refusal> {
        let dry_run = request.dry_run;
        let item = pb::RecordPurchasesRequest {
            program: request.program,
            member_id: request.member_id,
            identifier: request.identifier,
            purchase: request.purchase,
            request_id: request.request_id,
            omit_member: false,
        };
        Ok(Asked { order: self.record_item(item)?, dry_run })
    }

    /// The order to record one purchase of a stream.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn record_item(self, item: pb::RecordPurchasesRequest) -> Result<Order, Refusal> {
        let mut faults = Faults::default();
        let (program, member) = self.named(item.program, item.member_id, item.identifier, "identifier", &mut faults);
        let purchase = purchase(item.purchase, &mut faults);
        let request_id = naming::optional_request_id(item.request_id, &mut faults);
        let caller = self.caller.clone();
        faults.verdict_on(purchase.map(|purchase| Order {
            program,
            member,
            request_id,
            caller,
            verb: Verb::RecordPurchase(purchase),
        }))
    }

    /// The order of a sale, which was read without a fault.
    #[must_use]
    pub fn sell(self, sale: Sale) -> Order {
        Order {
            program: sale.program,
            member: MemberName::Id(sale.member_id),
            request_id: sale.request_id,
            caller: self.caller.clone(),
            verb: Verb::RecordPurchase(sale.purchase),
        }
    }

    /// The order to rehearse for a quote.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn quote(self, request: pb::QuotePurchaseRequest) -> Result<Order, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let purchase = quoted_purchase(request.purchase, &mut faults);
        let caller = self.caller.clone();
        faults.verdict_on(purchase.map(|purchase| Order {
            program,
            member,
            request_id: Text::default(),
            caller,
            verb: Verb::RecordPurchase(purchase),
        }))
    }

    fn noted(
        self,
        (program, member_id, identifier): (String, String, Option<pb::Identifier>),
        note: String,
        request_id: String,
        dry_run: bool,
        verb: impl FnOnce(Note) -> Verb,
    ) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) = self.named(program, member_id, identifier, "identifier", &mut faults);
        let note = text(note, TEXT_MAX, &Path::Field(&Path::Request, "note"), &mut faults);
        let request_id = naming::request_id(request_id, &mut faults);
        faults.verdict(self.asked(program, member, request_id, verb(note), dry_run))
    }

    /// The program and the member that a request names.
    pub(super) fn named(
        self,
        program: String,
        member_id: String,
        identifier: Option<pb::Identifier>,
        identifier_field: &'static str,
        faults: &mut Faults,
    ) -> (Text, MemberName) {
        let program = naming::program(program, faults);
        let member = naming::member(&program, member_id, identifier, identifier_field, self.identify, faults);
        (program, member)
    }

    pub(super) fn asked(self, program: Text, member: MemberName, request_id: Text, verb: Verb, dry_run: bool) -> Asked {
        Asked { order: Order { program, member, request_id, caller: self.caller.clone(), verb }, dry_run }
    }
}

fn removed(names: Vec<String>, set: &[(Text, crate::domain::program::Value)], faults: &mut Faults) -> Vec<Text> {
    if names.len() > ATTRIBUTES_MAX {
        let message = format_args!("has {} entries, at most {ATTRIBUTES_MAX} are allowed", names.len());
        faults.at(&Path::Field(&Path::Request, "remove_attributes"), message);
        return Vec::new();
    }
    let mut read: Vec<Text> = Vec::with_capacity(names.len());
    for (position, name) in names.into_iter().enumerate() {
        let path = Path::Element(&Path::Request, "remove_attributes", position);
        let name = required_text(name, NAME_MAX, &path, faults);
        if read.contains(&name) || set.iter().any(|(other, _)| *other == name) {
            faults.at(&path, "names an attribute a second time");
        }
        read.push(name);
    }
    read
}
