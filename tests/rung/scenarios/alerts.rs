//! Alerts in scenarios: an alert goes by the id of the member whose it is.

use std::fmt::Write as _;

use rung::domain::calendar::rfc3339;
use rung::domain::event::{AlertFact, Seq};
use rung::domain::order::{AlertOrder, MemberName, Order, Verb};
use rung::domain::program::Program;
use rung::domain::units::Moment;

use super::World;

impl World {
    /// Every alert that is kept.
    pub async fn alerts(&self) -> String {
        let engine = self.engine();
        let asked = engine.ask_analyst(&self.program, |crowd, _| {
            let all = crowd.alerts.after(Seq::NONE, Moment::BEGINNING);
            let known = all.map(|(_, alert)| (crowd.key(alert.member).unwrap(), alert.clone()));
            known.collect::<Vec<_>>()
        });
        let found = asked.await.unwrap();
        let keys: Vec<_> = found.iter().map(|(key, _)| *key).collect();
        let names = engine.member_ids(&keys).await.unwrap();
        let mut out = Vec::new();
        for (key, alert) in found {
            let mut line = format!("{} of {}", names[&key], alert.owner);
            if let Some((actor, _)) = alert.acknowledged {
                write!(line, ", taken care of by {actor}").unwrap();
            }
            if alert.escalated_at.is_some() {
                line.push_str(", passed on");
            }
            if let Some(over) = alert.ended {
                write!(line, ", over: {:?}", over.cause).unwrap();
            }
            out.push(line);
        }
        if out.is_empty() { "none".into() } else { out.join("\n") }
    }

    /// `key=` the request id, if the same order is sent again.
    pub async fn acknowledge(&mut self, name: &str, actor: &str, rest: &[&str]) -> String {
        let alert = self.known(name).0;
        let order = AlertOrder::Acknowledge { alert, actor: actor.into(), note: "called her".into() };
        let order = Order { member: MemberName::Entry(alert), ..self.order("nobody", Verb::Alert(Box::new(order))) };
        let key = rest.iter().find_map(|word| word.strip_prefix("key="));
        let request_id = key.map_or(order.request_id.clone(), Into::into);
        super::told(self.engine().submit(Order { request_id, ..order }).await)
    }
}

/// A fact about an alert in words.
pub fn told(program: &Program, fact: &AlertFact) -> String {
    match fact {
        AlertFact::Raised(raised) => {
            let pattern = raised.pattern;
            let mut told = format!(
                "alert for {}: {:?} since {}, {} days, usual {} up to {}, margin {:?}",
                raised.owner,
                pattern.cause,
                pattern.last_day,
                pattern.silent_days,
                pattern.usual_gap,
                pattern.alarm_after,
                raised.margin,
            );
            if let Some(offer) = &raised.offer {
                let lacks = |(meter, lacks): &(_, rung::domain::units::Points)| {
                    let decimals = program.meter(*meter).map_or(0, |meter| meter.decimals);
                    format!("{} {}", lacks.display(decimals), program.text(meter.0))
                };
                let lacks: Vec<String> = offer.missing.iter().map(lacks).collect();
                write!(told, ", {} for {} by {}", lacks.join(", "), program.text(offer.tier.0), rfc3339(offer.by))
                    .unwrap();
            }
            if raised.escalates_at < Moment::NEVER {
                write!(told, ", passed on at {}", rfc3339(raised.escalates_at)).unwrap();
            }
            if pattern.least_spend > 0 {
                write!(told, ", over with {}", pattern.least_spend).unwrap();
            }
            told
        }
        AlertFact::Acknowledged { actor, .. } => format!("alert taken care of by {actor}"),
        AlertFact::Escalated { to, at, .. } => format!("alert passed on to {to} at {}", rfc3339(*at)),
        AlertFact::Ended { cause, .. } => format!("alert over: {cause:?}"),
    }
}
