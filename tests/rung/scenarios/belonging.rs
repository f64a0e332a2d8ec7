//! Commands about tiers, clubs, privileges, milestones and boosts, and what came of them in words.

use rung::domain::calendar::{parse_rfc3339, rfc3339};
use rung::domain::decide::{Asked, Source, check, club_offer, meter_values, next_tier, renewal};
use rung::domain::event::{BelongingFact, Kept, RestsOn};
use rung::domain::member::HeldBy;
use rung::domain::order::{BelongingOrder, Granting, MemberName, Using, Verb};
use rung::domain::program::condition::{Lacking, Shortfall};
use rung::domain::program::{Program, Worth};
use rung::domain::units::{Moment, Points, Text};
use rung::engine::View;

use super::World;
use super::told::refused;

/// The value of `name=value` among words.
fn given<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn moment(words: &[&str], name: &str) -> Option<Moment> {
    given(words, name).map(|written| parse_rfc3339(written).unwrap())
}

fn number(words: &[&str], name: &str, otherwise: u32) -> u32 {
    given(words, name).map_or(otherwise, |written| written.parse().unwrap())
}

impl World {
    pub async fn belonging(&mut self, words: &[&str]) -> String {
        let (reason, actor): (Text, Text) = ("asked".into(), "desk-7".into());
        match words {
            ["grant", member, tier, by, rest @ ..] => {
                let by = match *by {
                    "match" => HeldBy::Match,
                    "invitation" => HeldBy::Invitation,
                    _ => HeldBy::Manual,
                };
                let granting = Granting { tier: (*tier).into(), by, until: moment(rest, "until"), reason, actor };
                let name = given(rest, "as").unwrap_or_default();
                self.named(member, verb(BelongingOrder::GrantTier(granting)), name).await
            }
            ["revoke", member, name] => {
                let grant = self.known(name).0;
                self.submit(member, verb(BelongingOrder::RevokeTierGrant { grant, reason, actor })).await
            }
            ["give", member, to, tier] => {
                let (to, tier) = (MemberName::Id((*to).into()), (*tier).into());
                self.submit(member, verb(BelongingOrder::GiveTier { to, tier, note: Text::default() })).await
            }
            ["may", member, privilege, rest @ ..] => self.may(member, privilege, rest).await,
            ["use", member, privilege, rest @ ..] => {
                let using = Using {
                    privilege: (*privilege).into(),
                    uses: number(rest, "uses", 1),
                    companions: number(rest, "companions", 0),
                    begins_at: moment(rest, "begins"),
                    note: Text::default(),
                };
                let name = given(rest, "as").unwrap_or_default();
                self.named(member, verb(BelongingOrder::UsePrivilege(using)), name).await
            }
            ["unuse", name] => {
                let used = self.known(name).0;
                let order = BelongingOrder::ReturnPrivilege { used, note: Text::default() };
                self.about(MemberName::Entry(used), verb(order), "").await
            }
            ["choose", member, milestone, option, rest @ ..] => {
                let (milestone, option) = ((*milestone).into(), (*option).into());
                let times = number(rest, "times", 1);
                let order = BelongingOrder::ChooseBenefit { milestone, reached: None, option, times };
                self.submit(member, verb(order)).await
            }
            ["register", member, boost] => {
                self.submit(member, verb(BelongingOrder::RegisterBoost { boost: (*boost).into() })).await
            }
            ["standing", member] => self.show_with(member, standing).await,
            ["belongs", member] => self.show_with(member, belongs).await,
            ["club", member, club] => {
                let name = (*club).to_owned();
                self.show_with(member, move |view| offered(view, &name)).await
            }
            _ => self.clubs(words).await,
        }
    }

    async fn clubs(&mut self, words: &[&str]) -> String {
        let (reason, actor): (Text, Text) = ("asked".into(), "desk-7".into());
        let club = |name: &str| Text::from(name);
        let (member, order) = match words {
            ["join", member, name, rest @ ..] => {
                let paid = Points(given(rest, "paid").map_or(0, |paid| self.money(paid)));
                (member, BelongingOrder::JoinClub { club: club(name), paid, reference: "card-1".into() })
            }
            ["leave", member, name] => (member, BelongingOrder::LeaveClub { club: club(name) }),
            ["invite", member, name, rest @ ..] => {
                (member, BelongingOrder::InviteToClub { club: club(name), until: moment(rest, "until"), actor })
            }
            ["decline", member, name] => (member, BelongingOrder::DeclineInvitation { club: club(name) }),
            ["uninvite", member, name] => (member, BelongingOrder::RevokeInvitation { club: club(name), reason }),
            [answer @ ("admit" | "deny"), member, name] => {
                let admitted = *answer == "admit";
                (member, BelongingOrder::AdmitToClub { club: club(name), admitted, reason, actor })
            }
            other => panic!("no such command: {other:?}"),
        };
        self.submit(member, verb(order)).await
    }

    async fn may(&self, member: &str, privilege: &str, rest: &[&str]) -> String {
        let asked = Asked {
            uses: number(rest, "uses", 1),
            companions: number(rest, "companions", 0),
            begins_at: moment(rest, "begins"),
        };
        let privilege = privilege.to_owned();
        self.show_with(member, move |view| may(view, &privilege, asked)).await
    }

    async fn show_with(&self, member: &str, show: impl FnOnce(&View) -> String) -> String {
        match self.engine().member(&self.program, &MemberName::Id(member.into())).await {
            Ok(view) => show(&view),
            Err(denied) => refused(&denied),
        }
    }
}

fn verb(order: BelongingOrder) -> Verb {
    Verb::Belonging(Box::new(order))
}

fn may(view: &View, name: &str, asked: Asked) -> String {
    let program = view.timeline.at(view.now);
    let Some(privilege) = program.privileges.iter().find(|found| program.text(found.id.0) == name) else {
        return "no such privilege".into();
    };
    let checked = check(program, &view.member, privilege, asked, view.now);
    let mut told = checked.refusal.as_ref().map_or("yes".into(), |refusal| format!("no: {}", refusal.reason()));
    for (source, worth) in &checked.sources {
        let source = match source {
            Source::Tier(tier) => program.text(tier.0),
            Source::Club(club) => program.text(club.0),
            Source::Segment(segment) => program.text(segment.0),
            Source::Given => "given",
        };
        let worth = match worth {
            Worth::Had => String::new(),
            Worth::Uses(uses) => format!(" {uses}"),
            Worth::Share(share) => format!(" {}/{}", share.numerator, share.denominator),
            Worth::Code(code) => format!(" {code}"),
            Worth::Before(span) => format!(" {}h", span.0 / 3_600_000_000),
        };
        told.push_str(&format!("\n{source}{worth}"));
    }
    if let Some(at) = checked.opens_at {
        told.push_str(&format!("\nopens at {}", rfc3339(at)));
    }
    if let Some(quota) = checked.quota {
        told.push_str(&format!(
            "\n{} left: {} of {} used, {} given",
            quota.left, quota.used, quota.granted, quota.given
        ));
    }
    told
}

/// Where she stands, by what, and what lies ahead.
fn standing(view: &View) -> String {
    let (member, program) = (&view.member, view.timeline.at(view.now));
    let Some(ladder) = &program.ladder else { return "no ladder".into() };
    let tier = member.standing.tier().unwrap_or(ladder.base);
    let mut told = program.text(tier.0).to_owned();
    let in_force = member.standing.held().iter().filter(|held| view.now < held.until);
    for held in in_force {
        told.push_str(&format!("\n{} {:?}{}", program.text(held.tier.0), held.by, until(held.until)));
    }
    let lacks = |lacking: &Lacking| {
        let lack = |short: &Shortfall| {
            let meter = &program.meters[short.meter];
            format!("{} {}", Points(short.missing).display(meter.decimals), program.text(meter.id.0))
        };
        let attributes = lacking.attributes.iter().map(|name| format!("another {name}"));
        lacking.meters.iter().map(lack).chain(attributes).collect::<Vec<_>>().join(", ")
    };
    if let Some(next) = next_tier(program, member, view.now).unwrap() {
        told.push_str(&format!("\nnext {}: {}", program.text(next.tier.0), lacks(&next.lacking)));
    }
    let today = meter_values(program, member, view.now).unwrap();
    if let Some(renewal) = renewal(program, member, view.now, &today).unwrap() {
        let lacks = if renewal.is_met { "met".into() } else { lacks(&renewal.lacking) };
        let how = if renewal.at_once { "at once" } else { "when it ends" };
        told.push_str(&format!("\nrenews{} {how}: {lacks}", until(renewal.renewed_until)));
    }
    told
}

fn until(moment: Moment) -> String {
    if moment == Moment::NEVER { " for ever".into() } else { format!(" until {}", rfc3339(moment)) }
}

fn belongs(view: &View) -> String {
    let program = view.timeline.newest();
    let belonging = view.member.belonging();
    let mut told: Vec<String> = Vec::new();
    let clubs = belonging.clubs.iter();
    told.extend(clubs.map(|held| format!("belongs to {}{}", program.text(held.club.0), until(held.until))));
    let segments = belonging.segments.iter();
    told.extend(segments.map(|held| format!("in {} since {}", program.text(held.segment.0), rfc3339(held.since))));
    let invited = belonging.invitations.iter();
    told.extend(invited.map(|held| format!("invited to {}{}", program.text(held.club.0), until(held.until))));
    told.extend(belonging.asked.iter().map(|club| format!("waits for {}", program.text(club.0))));
    told.extend(
        belonging
            .allowances
            .iter()
            .map(|held| format!("{} of {}{}", held.left, program.text(held.privilege.0), until(held.until))),
    );
    told.extend(belonging.choices.iter().map(|choice| {
        format!("{} choices of {}{}", choice.left, program.text(choice.milestone.0), until(choice.until))
    }));
    told.extend(belonging.boosts.iter().map(|held| match held.register_before {
        Some(before) => format!("may register {}{}", program.text(held.boost.0), until(before)),
        None => format!("boost {} from {}{}", program.text(held.boost.0), rfc3339(held.since), until(held.until)),
    }));
    if told.is_empty() { "to nothing".into() } else { told.join("\n") }
}

fn offered(view: &View, name: &str) -> String {
    let program = view.timeline.at(view.now);
    let club = program.clubs.iter().find(|club| program.text(club.id.0) == name).expect("a club");
    let offer = club_offer(program, club, &view.member, view.now);
    let fee = offer.fee.map(|fee| format!(" for {}", fee.0)).unwrap_or_default();
    offer.refusal.map_or(format!("open to her{fee}"), |refusal| format!("{}{fee}", refusal.reason()))
}

fn rests(rests_on: &RestsOn) -> String {
    match rests_on {
        RestsOn::Day(day) => format!("as of {day}"),
        RestsOn::Purchase(_) => "by her purchase".into(),
    }
}

/// What was kept of a milestone, behind these words.
fn kept(program: &Program, words: &str, kept: &[Kept]) -> String {
    let told = kept.iter().map(|kept| match kept {
        Kept::Choices(count) => format!(" {count} choices"),
        Kept::Option(option, count) => format!(" {count} {}", program.text(option.0)),
        Kept::Uses(privilege, count) => format!(" {count} {}", program.text(privilege.0)),
        Kept::Boost(boost, count) => format!(" {count} {}", program.text(boost.0)),
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { String::new() } else { format!("{words}{}", told.join(",")) }
}

/// A fact about belonging in words.
pub fn told(program: &Program, fact: &BelongingFact) -> String {
    let text = |word: rung::domain::program::Word| program.text(word).to_owned();
    match fact {
        BelongingFact::TierHeld { tier, by, until: end, .. } => {
            format!("holds {} by {by:?}{}", text(tier.0), until(*end))
        }
        BelongingFact::TierGrantRevoked { tier, .. } => format!("{} revoked", text(tier.0)),
        BelongingFact::MetersCounted { cause, posts } => {
            let declared = posts.iter().filter_map(|post| Some((program.meter(post.meter)?, post)));
            let posts: Vec<String> = declared
                .map(|(meter, post)| format!("{} {}", post.amount.display(meter.decimals), text(meter.id.0)))
                .collect();
            format!("counts {} for {cause:?}", posts.join(", "))
        }
        BelongingFact::WindowAwaited { meter, closes_at, .. } => {
            format!("waits for the end of {} at {}", text(meter.0), rfc3339(*closes_at))
        }
        BelongingFact::WindowClosed { meter, at, .. } => {
            format!("window of {} ended at {}", text(meter.0), rfc3339(*at))
        }
        BelongingFact::MilestoneReached { milestone, number, choice, had, .. } => {
            let choice = choice.map(|(choices, end)| format!(", {choices} choices{}", until(end))).unwrap_or_default();
            format!("reaches {} no {number}{choice}{}", text(milestone.0), kept(program, ", not given again", had))
        }
        BelongingFact::MilestoneLost { milestone, number, kept: stays, .. } => {
            format!("loses {} no {number}{}", text(milestone.0), kept(program, ", keeps", stays))
        }
        BelongingFact::BenefitChosen { option, times, cost, .. } => {
            format!("chooses {times} {} for {cost}", text(option.0))
        }
        BelongingFact::ChoiceClosed { milestone, .. } => format!("choices of {} are over", text(milestone.0)),
        BelongingFact::UsesGiven { privilege, uses, until: end, .. } => {
            format!("gets {uses} {}{}", text(privilege.0), until(*end))
        }
        BelongingFact::UsesGone { privilege, .. } => format!("{} unused are gone", text(privilege.0)),
        BelongingFact::PrivilegeUsed { privilege, uses, companions, given, .. } => {
            let given: u32 = given.iter().map(|(_, uses, _)| uses).sum();
            format!("uses {uses} {} ({given} given) with {companions} companions", text(privilege.0))
        }
        BelongingFact::PrivilegeReturned { privilege, uses, .. } => format!("gives {uses} {} back", text(privilege.0)),
        BelongingFact::TierSent { tier, until: end, .. } => format!("sends {}{}", text(tier.0), until(*end)),
        BelongingFact::TierSentClosed { arrived, .. } => (if *arrived { "arrived" } else { "came back" }).into(),
        BelongingFact::BoostGiven { boost, register_before } => match register_before {
            Some(before) => format!("may register {}{}", text(boost.0), until(*before)),
            None => format!("gets {}", text(boost.0)),
        },
        BelongingFact::BoostBegan { boost, until: end, .. } => format!("boost {} begins{}", text(boost.0), until(*end)),
        BelongingFact::BoostEnded { boost, .. } => format!("boost {} is over", text(boost.0)),
        BelongingFact::ClubJoined { club, by, until: end, fee, .. } => {
            let fee = fee.as_ref().map(|fee| format!(", pays {}", fee.amount.0)).unwrap_or_default();
            format!("joins {} by {by:?}{}{fee}", text(club.0), until(*end))
        }
        BelongingFact::ClubLeft { club, cause, .. } => format!("leaves {}: {cause:?}", text(club.0)),
        BelongingFact::ClubInvited { club, until: end, .. } => format!("invited to {}{}", text(club.0), until(*end)),
        BelongingFact::InvitationEnded { club, cause, .. } => format!("invitation to {} {cause:?}", text(club.0)),
        BelongingFact::ClubAsked { club } => format!("asks to be let into {}", text(club.0)),
        BelongingFact::SegmentEntered { segment, rests_on, .. } => {
            format!("enters {} {}", text(segment.0), rests(rests_on))
        }
        BelongingFact::SegmentLeft { segment, rests_on, .. } => {
            format!("leaves {} {}", text(segment.0), rests(rests_on))
        }
        BelongingFact::ClubDenied { club, .. } => format!("is not let into {}", text(club.0)),
    }
}
