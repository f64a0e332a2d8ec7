//! Written forms of alerts: their facts, and the one of a member that is not over.

use proptest::sample::select;
use rung::domain::event::{AlertCause, AlertEnd, AlertFact, AlertRaised, MarginClass, Pattern, RungOffer};
use rung::domain::member::OpenAlert;

use super::*;

fn raised() -> AlertRaised {
    let pattern = Pattern {
        cause: AlertCause::Silence,
        last_day: TODAY,
        silent_days: 12,
        usual_gap: 7,
        alarm_after: 11,
        usual_spend: 0,
        least_spend: 0,
    };
    let missing = vec![(MeterId(Word(2)), Points(3_820)), (MeterId(Word(3)), Points(1))];
    AlertRaised {
        pattern,
        margin: MarginClass::Keep,
        owner: "key accounts".into(),
        escalates_at: later(2),
        escalates_to: "head of stores".into(),
        offer: Some(RungOffer { tier: TierId(Word(20)), missing, by: later(30) }),
    }
}

/// Golden facts about alerts.
pub fn facts() -> Vec<(&'static str, Fact)> {
    let (alert, at) = (Seq(9), later(0));
    let plain = AlertRaised { escalates_at: Moment::NEVER, escalates_to: Text::default(), offer: None, ..raised() };
    let spend = Pattern { cause: AlertCause::Spend, usual_gap: 0, usual_spend: 999, least_spend: 500, ..plain.pattern };
    let plain = AlertRaised { pattern: spend, margin: MarginClass::Unknown, ..plain };
    let facts = vec![
        ("81-alert-raised", AlertFact::Raised(raised())),
        ("81-alert-raised-plainly", AlertFact::Raised(plain)),
        ("82-alert-acknowledged", AlertFact::Acknowledged { alert, actor: "ada".into(), note: "calls her".into() }),
        ("83-alert-escalated", AlertFact::Escalated { alert, to: "head of stores".into(), at }),
        ("84-alert-ended", AlertFact::Ended { alert, cause: AlertEnd::Closed, at }),
    ];
    facts.into_iter().map(|(name, fact)| (name, Fact::from(fact))).collect()
}

#[test]
fn golden_member_with_an_alert() {
    let mut member = (*everything().members[&key(1)]).clone();
    member.alert = Some(Box::new(OpenAlert {
        entry: Seq(9),
        last_day: TODAY,
        least_spend: 500,
        owner: "head of stores".into(),
        acknowledged_by: "ada".into(),
        escalates_at: later(2),
        escalates_to: "head of stores".into(),
        is_escalated: true,
    }));
    let mut bytes = Vec::new();
    member::write(&mut bytes, &member);
    golden("member-alert", &bytes);
    assert_eq!(member::read(&bytes, key(1)).unwrap(), member);
}

pub fn fact() -> impl Strategy<Value = Fact> {
    let causes = select(vec![AlertCause::Silence, AlertCause::Spend]);
    let margins = vec![MarginClass::Unknown, MarginClass::Keep, MarginClass::Grow, MarginClass::Change];
    let numbers = proptest::array::uniform5(any::<i64>());
    let pattern = (causes, day(), numbers).prop_map(|(cause, last_day, numbers)| {
        let [silent_days, usual_gap, alarm_after, usual_spend, least_spend] = numbers;
        Pattern { cause, last_day, silent_days, usual_gap, alarm_after, usual_spend, least_spend }
    });
    let missing = vec((word().prop_map(MeterId), points()), 0..3);
    let offer =
        (word(), missing, moment()).prop_map(|(tier, missing, by)| RungOffer { tier: TierId(tier), missing, by });
    let raised = (pattern, select(margins), text(), moment(), text(), option::of(offer));
    let raised = raised.prop_map(|(pattern, margin, owner, escalates_at, escalates_to, offer)| {
        AlertFact::Raised(AlertRaised { pattern, margin, owner, escalates_at, escalates_to, offer })
    });
    let alert = || any::<u64>().prop_map(Seq);
    prop_oneof![
        raised,
        (alert(), text(), text()).prop_map(|(alert, actor, note)| AlertFact::Acknowledged { alert, actor, note }),
        (alert(), text(), moment()).prop_map(|(alert, to, at)| AlertFact::Escalated { alert, to, at }),
        (alert(), select(vec![AlertEnd::Bought, AlertEnd::Closed]), moment())
            .prop_map(|(alert, cause, at)| AlertFact::Ended { alert, cause, at }),
    ]
    .prop_map(Fact::from)
}

pub fn open() -> impl Strategy<Value = OpenAlert> {
    let parts = (seq(), day(), any::<i64>(), text(), text(), moment(), text(), any::<bool>());
    parts.prop_map(
        |(entry, last_day, least_spend, owner, acknowledged_by, escalates_at, escalates_to, is_escalated)| OpenAlert {
            entry,
            last_day,
            least_spend,
            owner,
            acknowledged_by,
            escalates_at,
            escalates_to,
            is_escalated,
        },
    )
}

#[test]
fn what_no_fact_about_an_alert_has_is_refused() {
    let line = written(Vec::new());
    for number in 81..85 {
        assert!(stored::read(number, &[60 << 3 & 0x7f, 1], &line).is_err(), "{number}");
    }
    assert!(stored::read(81, &[1 << 3, 2], &line).is_err(), "no third cause");
    assert!(stored::read(81, &[8 << 3, 4], &line).is_err(), "no fifth margin");
    assert!(stored::read(84, &[2 << 3, 2], &line).is_err(), "no third end");
}
