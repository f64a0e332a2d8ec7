//! Requests about alerts, as orders of the domain.

use super::faults::Faults;
use super::naming;
use super::orders::{Asked, Desk};
use super::points_orders::{actor, named_entry, note};
use crate::domain::order::{AlertOrder, MemberName, Refusal, Verb};
use crate::edge::wire::faults::Path;
use crate::pb;

impl Desk<'_> {
    /// The order to take care of an alert.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn acknowledge_alert(self, request: pb::AcknowledgeAlertRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let program = naming::program(request.program, &mut faults);
        let alert = named_entry(&request.alert_id, "alert_id", &mut faults);
        let actor = actor(request.actor, &Path::Request, &mut faults);
        let note = note(request.note, &mut faults);
        let request_id = naming::request_id(request.request_id, &mut faults);
        let verb = Verb::Alert(Box::new(AlertOrder::Acknowledge { alert, actor, note }));
        faults.verdict(self.asked(program, MemberName::Entry(alert), request_id, verb, request.dry_run))
    }
}
