//! Alerts, for the wire: what happened to them, in messages and in words, and how they stand.

use super::belonging::own_id;
use super::entries::{Names, entry_id};
use super::explain::noted;
use super::facts::Page;
use super::grants::meter_decimals;
use super::member::tier_name;
use super::scalars::stamp;
use super::sentences::Teller;
use crate::domain::calendar::{Zone, rfc3339};
use crate::domain::crowd::alerts::Alert;
use crate::domain::event::{AlertCause, AlertEnd, AlertFact, AlertRaised, MarginClass, Pattern, RungOffer, Seq};
use crate::domain::order::MemberKey;
use crate::domain::program::Timeline;
use crate::domain::units::Moment;
use crate::pb;
use pb::fact::Fact as Wire;

impl Page<'_> {
    /// A fact about an alert.
    #[must_use]
    pub fn alert(self, fact: &AlertFact) -> Wire {
        let own = self.entry.seq;
        match fact {
            AlertFact::Raised(raised) => Wire::AlertRaised(alert_raised(self.timeline, raised)),
            AlertFact::Acknowledged { alert, actor, note } => Wire::AlertAcknowledged(pb::AlertAcknowledged {
                alert_id: own_id(own, *alert),
                actor: actor.to_string(),
                note: note.to_string(),
            }),
            AlertFact::Escalated { alert, to, at } => Wire::AlertEscalated(pb::AlertEscalated {
                alert_id: own_id(own, *alert),
                to: to.to_string(),
                at: stamp(*at),
            }),
            AlertFact::Ended { alert, cause, at } => Wire::AlertEnded(pb::AlertEnded {
                alert_id: own_id(own, *alert),
                cause: ended_by(*cause).into(),
                at: stamp(*at),
            }),
        }
    }
}

impl Teller<'_> {
    /// The sentence of a fact about an alert.
    #[must_use]
    pub fn alert(self, fact: &AlertFact) -> String {
        match fact {
            AlertFact::Raised(AlertRaised { pattern, owner, offer, .. }) => {
                let Pattern { silent_days, alarm_after, least_spend, last_day, .. } = *pattern;
                let why = match pattern.cause {
                    AlertCause::Silence => {
                        format!(
                            "{silent_days} days of silence since {last_day}, more than the {alarm_after} of her rhythm"
                        )
                    }
                    AlertCause::Spend => {
                        format!("three days up to {last_day} brought less than {least_spend} minor units each")
                    }
                };
                let offer = offer.as_ref().map(|offer| format!("; {}", in_words(self.timeline, offer)));
                format!("Alert for {owner}: {why}{}.", offer.unwrap_or_default())
            }
            AlertFact::Acknowledged { alert, actor, note } => {
                noted(&format!("Alert {} is taken care of by {actor}", entry_id(*alert)), note)
            }
            AlertFact::Escalated { alert, to, at } => {
                let alert = entry_id(*alert);
                format!("Nobody took care of alert {alert}: it is the business of {to} from {}.", rfc3339(*at))
            }
            AlertFact::Ended { alert, cause, at } => {
                let why = match cause {
                    AlertEnd::Bought => "she bought again",
                    AlertEnd::Closed => "the member closed",
                };
                format!("Alert {} is over from {}: {why}.", entry_id(*alert), rfc3339(*at))
            }
        }
    }
}

/// An alert as it was raised.
#[must_use]
pub fn alert_raised(timeline: &Timeline, raised: &AlertRaised) -> pb::AlertRaised {
    let Pattern { cause, last_day, silent_days, usual_gap, alarm_after, usual_spend, least_spend } = raised.pattern;
    pb::AlertRaised {
        cause: match cause {
            AlertCause::Silence => pb::AlertCause::Silence,
            AlertCause::Spend => pb::AlertCause::Spend,
        }
        .into(),
        last_day: last_day.to_string(),
        silent_days,
        usual_gap_days: usual_gap,
        alarm_after_days: alarm_after,
        usual_spend,
        least_spend,
        margin: margin_class(raised.margin).into(),
        owner: raised.owner.to_string(),
        escalates_at: stamp(raised.escalates_at),
        escalates_to: raised.escalates_to.to_string(),
        offer: raised.offer.as_ref().map(|offer| rung_offer(timeline, offer)),
    }
}

fn rung_offer(timeline: &Timeline, offer: &RungOffer) -> pb::RungOffer {
    let newest = timeline.newest();
    let missing = offer.missing.iter().map(|(meter, amount)| pb::RungMissing {
        meter: newest.text(meter.0).to_owned(),
        decimals: meter_decimals(newest, *meter).into(),
        amount: amount.0,
    });
    pb::RungOffer {
        tier: newest.text(offer.tier.0).to_owned(),
        missing: missing.collect(),
        by: stamp(offer.by),
        text: in_words(timeline, offer),
    }
}

/// `38.20 Spend this year more before 2026-07-01 reaches Gold`.
fn in_words(timeline: &Timeline, offer: &RungOffer) -> String {
    let newest = timeline.newest();
    let lacks = |(meter, amount): &(crate::domain::program::MeterId, crate::domain::units::Points)| {
        let name = newest.meter(*meter).map_or_else(|| newest.text(meter.0), |meter| &*meter.name);
        format!("{} {name}", amount.display(meter_decimals(newest, *meter)))
    };
    let lacks: Vec<String> = offer.missing.iter().map(lacks).collect();
    let before = (offer.by < Moment::NEVER).then(|| format!(" before {}", day_of(&newest.zone, offer.by)));
    let tier = newest.ladder.as_ref().map(|ladder| tier_name(newest, ladder, offer.tier));
    let tier = tier.unwrap_or_else(|| newest.text(offer.tier.0));
    format!("{} more{} reaches {tier}", lacks.join(" and "), before.unwrap_or_default())
}

fn day_of(zone: &Zone, moment: Moment) -> String {
    zone.day_of(moment).to_string()
}

/// How an alert stands.
#[must_use]
pub fn alert(timeline: &Timeline, names: &Names, (id, key): (Seq, MemberKey), alert: &Alert) -> pb::Alert {
    let (ended, ended_at) = alert.ended.map_or((None, None), |over| (Some(over.cause), stamp(over.at)));
    let (who, since) = alert.acknowledged.as_ref().map_or(("", None), |(who, since)| (&**who, stamp(*since)));
    pb::Alert {
        alert_id: entry_id(id),
        member_id: names.of(key),
        state: alert_state(alert).into(),
        raised: Some(alert_raised(timeline, &alert.raised)),
        raised_at: stamp(alert.raised_at),
        owner: alert.owner.to_string(),
        acknowledged_by: who.to_owned(),
        acknowledged_at: since,
        escalated_at: alert.escalated_at.and_then(stamp),
        ended_at,
        end: ended.map_or(pb::AlertEnd::Unspecified, ended_by).into(),
    }
}

/// What became of an alert.
#[must_use]
pub const fn alert_state(alert: &Alert) -> pb::AlertState {
    if alert.ended.is_some() {
        pb::AlertState::Ended
    } else if alert.acknowledged.is_some() {
        pb::AlertState::Acknowledged
    } else if alert.escalated_at.is_some() {
        pb::AlertState::Escalated
    } else {
        pb::AlertState::Open
    }
}

const fn margin_class(margin: MarginClass) -> pb::MarginClass {
    match margin {
        MarginClass::Unknown => pb::MarginClass::Unspecified,
        MarginClass::Keep => pb::MarginClass::Keep,
        MarginClass::Grow => pb::MarginClass::Grow,
        MarginClass::Change => pb::MarginClass::Change,
    }
}

const fn ended_by(cause: AlertEnd) -> pb::AlertEnd {
    match cause {
        AlertEnd::Bought => pb::AlertEnd::Bought,
        AlertEnd::Closed => pb::AlertEnd::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Day;
    use crate::domain::event::Fact;
    use crate::domain::program::source::read;
    use crate::domain::program::{MeterId, ProgramNo, Register, TierId};
    use crate::domain::units::Points;
    use std::sync::Arc;

    #[test]
    fn what_happens_to_an_alert_is_told_in_words() {
        let source = include_str!("../../../tests/programs/alerts.toml");
        let program = read(source, 1, Moment::BEGINNING, &Register::default()).unwrap();
        let word = |text: &str| program.register.word(text).unwrap();
        let missing = vec![(MeterId(word("spend_year")), Points(3_820))];
        let (tier, by) = (TierId(word("gold")), program.zone.start_of(Day::parse("2026-07-01").unwrap()));
        let pattern = Pattern {
            cause: AlertCause::Silence,
            last_day: Day::parse("2026-01-26").unwrap(),
            silent_days: 12,
            usual_gap: 7,
            alarm_after: 11,
            usual_spend: 0,
            least_spend: 0,
        };
        let raised = AlertRaised {
            pattern,
            margin: MarginClass::Keep,
            owner: "ada".into(),
            escalates_at: Moment::NEVER,
            escalates_to: "".into(),
            offer: Some(RungOffer { tier, missing, by }),
        };
        let timeline = Timeline::new(ProgramNo(1), Arc::new(program));
        let names = Names::default();
        let told = |fact: AlertFact| {
            Teller { timeline: &timeline, names: &names, returned: None }.sentences(&Fact::from(fact)).concat()
        };
        let (alert, at) = (Seq(9), Moment(0));
        assert_eq!(
            told(AlertFact::Raised(raised)),
            "Alert for ada: 12 days of silence since 2026-01-26, more than the 11 of her rhythm; \
             38.20 spend_year more before 2026-07-01 reaches Gold."
        );
        assert_eq!(
            told(AlertFact::Acknowledged { alert, actor: "eve".into(), note: "".into() }),
            "Alert 9 is taken care of by eve."
        );
        assert_eq!(
            told(AlertFact::Escalated { alert, to: "eve".into(), at }),
            "Nobody took care of alert 9: it is the business of eve from 1970-01-01T00:00:00Z."
        );
        let ended = AlertFact::Ended { alert, cause: AlertEnd::Bought, at };
        assert_eq!(told(ended), "Alert 9 is over from 1970-01-01T00:00:00Z: she bought again.");
    }
}
