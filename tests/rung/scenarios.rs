//! Scenarios a marketer can read: text files in `tests/scenarios`, a command a line after `>`, and under it what the
//! engine answered. The whole file is run again and must come out the same.
//!
//! `RUNG_WRITE_SCENARIOS=1 cargo test scenarios` writes the answers anew; read the difference before you keep it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use rung::domain::calendar::{parse_rfc3339, rfc3339};
use rung::domain::decide::meter_values;
use rung::domain::event::{Fact, Part};
use rung::domain::member::MemberState;
use rung::domain::order::{
    AttributesUpdate, Caller, Enrolment, Line, MemberName, Order, Purchase, ReceiptKey, Refusal, Tender, Verb,
};
use rung::domain::program::{Program, Scope, Value, ValueType};
use rung::domain::units::{CurrencyCode, Quantity, Text, parse_decimal};
use rung::engine::clock::Clock;
use rung::engine::{Applied, ApplyProgram, Denied, Engine, Options, Outcome, Pseudonyms, QUEUE_LIMIT, View};
use rung::store::memory::Memory;

#[test]
fn scenarios_come_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|item| item.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let written = std::fs::read_to_string(&file).unwrap();
        let came_out = tokio::runtime::Runtime::new().unwrap().block_on(run(&written));
        if std::env::var_os("RUNG_WRITE_SCENARIOS").is_some() {
            std::fs::write(&file, &came_out).unwrap();
            continue;
        }
        similar(&file.display().to_string(), &written, &came_out);
    }
}

fn similar(name: &str, written: &str, came_out: &str) {
    for (number, (a, b)) in written.lines().zip(came_out.lines()).enumerate() {
        assert_eq!(a, b, "{name}:{}: left is written, right came out", number + 1);
    }
    assert_eq!(written.lines().count(), came_out.lines().count(), "{name}: lengths differ");
}

/// Runs the commands of a file and writes the file as it should be.
async fn run(text: &str) -> String {
    let mut world = World { engine: None, program: String::new(), requests: 0 };
    let mut out = String::new();
    for line in text.lines() {
        match line.strip_prefix("> ") {
            Some(command) => {
                writeln!(out, "{line}").unwrap();
                for answer in world.command(command).await.lines() {
                    writeln!(out, "  {answer}").unwrap();
                }
            }
            None if line.starts_with('#') || line.is_empty() => writeln!(out, "{line}").unwrap(),
            None => {}
        }
    }
    out
}

struct World {
    engine: Option<Engine>,
    program: String,
    requests: u32,
}

impl World {
    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the first command is `world`")
    }

    async fn command(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["world", moment] => self.start(moment).await,
            ["program", file] => self.apply(file).await,
            ["clock", moment] => match self.engine().advance_clock(parse_rfc3339(moment).unwrap()) {
                Ok(_) => String::new(),
                Err(denied) => refused(&denied),
            },
            ["sweep"] => format!("{} settled", self.engine().settle_due(1_000).await.unwrap()),
            ["enroll", member, rest @ ..] => self.enroll(member, rest).await,
            ["buy", member, receipt, kind, rest @ ..] => self.buy(member, receipt, kind, rest, false).await,
            ["quote", member, receipt, kind, rest @ ..] => self.buy(member, receipt, kind, rest, true).await,
            ["suspend", member] => self.submit(member, Verb::Suspend("asked".into())).await,
            ["reinstate", member] => self.submit(member, Verb::Reinstate("asked".into())).await,
            ["close", member] => self.submit(member, Verb::Close("asked".into())).await,
            ["link", member, kind, value] => {
                let identifier = self.engine().identify(&self.program, kind, value);
                self.submit(member, Verb::LinkIdentifier(identifier)).await
            }
            ["unlink", member, kind, value] => {
                let identifier = self.engine().identify(&self.program, kind, value);
                self.submit(member, Verb::UnlinkIdentifier(identifier)).await
            }
            ["set", member, rest @ ..] => {
                let set = self.attributes(Scope::Member, rest);
                self.submit(member, Verb::Update(AttributesUpdate { set, remove: Vec::new() })).await
            }
            ["show", member] => self.show(member).await,
            other => panic!("no such command: {other:?}"),
        }
    }

    async fn start(&mut self, moment: &str) -> String {
        let options = Options {
            store: Arc::new(Memory::default()),
            clock: Clock::test(parse_rfc3339(moment).unwrap()),
            pseudonyms: Pseudonyms::new([1; 32]),
            queue_limit: QUEUE_LIMIT,
        };
        self.engine = Some(Engine::start(options).await.unwrap().0);
        String::new()
    }

    async fn apply(&mut self, file: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let source = std::fs::read_to_string(path).unwrap().into();
        let apply = ApplyProgram {
            source,
            effective_at: None,
            expected_version: 0,
            request_id: Text::default(),
            dry_run: false,
        };
        match self.engine().apply_program(apply).await {
            Ok((_, timeline)) => {
                self.program = timeline.newest().id.to_string();
                format!("{} version {}", self.program, timeline.newest().version)
            }
            Err(denied) => refused(&denied),
        }
    }

    fn newest(&self) -> Arc<Program> {
        Arc::clone(self.engine().programs().named(&self.program).expect("a program").newest())
    }

    async fn enroll(&mut self, member: &str, rest: &[&str]) -> String {
        let cards = rest.iter().filter_map(|word| word.strip_prefix("card="));
        let identifiers = cards.map(|card| self.engine().identify(&self.program, "card", card)).collect();
        let others: Vec<&str> = rest.iter().copied().filter(|word| !word.starts_with("card=")).collect();
        let enrolment = Enrolment {
            member_id: member.into(),
            id_given: true,
            identifiers,
            attributes: self.attributes(Scope::Member, &others),
        };
        self.submit(member, Verb::Enroll(enrolment)).await
    }

    async fn buy(&mut self, member: &str, receipt: &str, kind: &str, rest: &[&str], quote: bool) -> String {
        let mut purchase = Purchase {
            receipt: ReceiptKey { source: "till".into(), id: receipt.into() },
            kind: kind.into(),
            occurred_at: self.engine().now(),
            zone: None,
            currency: CurrencyCode::parse("USD").unwrap(),
            lines: Vec::new(),
            tenders: Vec::new(),
            channel: Text::default(),
            store: Text::default(),
            partner: Text::default(),
            attributes: Vec::new(),
        };
        for word in rest {
            self.take(&mut purchase, word);
        }
        let order = self.order(member, Verb::RecordPurchase(Arc::new(purchase)));
        let order = Order { request_id: Text::default(), ..order };
        if quote { told(self.engine().rehearse(order).await) } else { told(self.engine().submit(order).await) }
    }

    /// `at=` a moment, `tender:kind=` an amount, `channel=` / `store=` / `partner=` / `currency=`, `.name=` an
    /// attribute of the purchase; anything else is a line `category[*quantity][,name=value]…=amount`.
    fn take(&self, purchase: &mut Purchase, word: &str) {
        let (name, value) = word.rsplit_once('=').unwrap();
        match name {
            "at" => purchase.occurred_at = parse_rfc3339(value).unwrap(),
            "channel" => purchase.channel = value.into(),
            "store" => purchase.store = value.into(),
            "partner" => purchase.partner = value.into(),
            "currency" => purchase.currency = CurrencyCode::parse(value).unwrap(),
            _ => {
                if let Some(attribute) = name.strip_prefix('.') {
                    purchase.attributes.push(self.attribute(Scope::Purchase, attribute, value));
                } else if let Some(kind) = name.strip_prefix("tender:") {
                    let minor_units = parse_decimal(value, 2).unwrap();
                    purchase.tenders.push(Tender { kind: kind.into(), minor_units });
                } else {
                    self.line(purchase, name, value);
                }
            }
        }
    }

    fn line(&self, purchase: &mut Purchase, name: &str, value: &str) {
        let mut parts = name.split(',');
        let head = parts.next().unwrap();
        let (category, quantity) = head.split_once('*').unwrap_or((head, "1"));
        let attributes = parts.map(|part| part.split_once(':').unwrap());
        let attributes = attributes.map(|(name, value)| self.attribute(Scope::Line, name, value)).collect();
        purchase.lines.push(Line {
            line_id: (purchase.lines.len() + 1).to_string().into(),
            sku: Text::default(),
            category: category.into(),
            quantity: Quantity::parse(quantity).unwrap(),
            minor_units: parse_decimal(value, 2).unwrap(),
            attributes,
        });
    }

    fn attributes(&self, scope: Scope, words: &[&str]) -> Vec<(Text, Value)> {
        let pairs = words.iter().map(|word| word.split_once('=').unwrap());
        pairs.map(|(name, value)| self.attribute(scope, name, value)).collect()
    }

    fn attribute(&self, scope: Scope, name: &str, value: &str) -> (Text, Value) {
        let declared = self.newest().attribute(scope, name).map(|attribute| attribute.value_type);
        let value = match declared {
            Some(ValueType::Integer) => Value::Integer(value.parse().unwrap()),
            Some(ValueType::Bool) => Value::Bool(value.parse().unwrap()),
            Some(ValueType::Moment) => Value::Moment(parse_rfc3339(value).unwrap()),
            Some(ValueType::Text) | None => Value::Text(value.into()),
        };
        (name.into(), value)
    }

    fn order(&mut self, member: &str, verb: Verb) -> Order {
        self.requests += 1;
        let member = match member.split_once(':') {
            Some((kind, value)) => MemberName::Identifier(self.engine().identify(&self.program, kind, value)),
            None => MemberName::Id(member.into()),
        };
        Order {
            program: self.program.as_str().into(),
            member,
            request_id: format!("r-{}", self.requests).into(),
            caller: Caller::default(),
            verb,
        }
    }

    async fn submit(&mut self, member: &str, verb: Verb) -> String {
        let order = self.order(member, verb);
        told(self.engine().submit(order).await)
    }

    async fn show(&self, member: &str) -> String {
        match self.engine().member(&self.program, &MemberName::Id(member.into())).await {
            Ok(view) => shown(&view),
            Err(denied) => refused(&denied),
        }
    }
}

fn refused(denied: &Denied) -> String {
    match denied {
        Denied::Refused(Refusal::Malformed(faults)) => {
            let faults: Vec<String> = faults.iter().map(|f| format!("MALFORMED {} {}", f.field, f.message)).collect();
            faults.join("\n")
        }
        Denied::Refused(refusal @ Refusal::KeyReused { field, .. }) => format!("{} {field}", refusal.reason()),
        Denied::Refused(refusal) => refusal.reason().to_owned(),
        Denied::Failed(failure) => format!("failed: {failure}"),
    }
}

fn told(verdict: Result<Applied, Denied>) -> String {
    let applied = match verdict {
        Ok(applied) => applied,
        Err(denied) => return refused(&denied),
    };
    let program = applied.view.timeline.newest();
    let mut out = String::from(if applied.outcome == Outcome::Applied { "applied" } else { "replayed" });
    for fact in applied.entries.iter().flat_map(|entry| &entry.facts) {
        out.push('\n');
        out.push_str(&fact_told(program, fact));
    }
    out
}

fn fact_told(program: &Program, fact: &Fact) -> String {
    match fact {
        Fact::PurchaseRecorded(recorded) => {
            let grants: Vec<String> = recorded.grants.iter().map(|grant| grant_told(program, grant)).collect();
            if grants.is_empty() { "earns nothing".into() } else { grants.join("\n") }
        }
        Fact::TierEarned { tier, until, .. } => format!("earned {} until {}", program.text(tier.0), rfc3339(*until)),
        Fact::TierChanged { from, to, .. } => format!("moves {} to {}", program.text(from.0), program.text(to.0)),
        Fact::PointsForfeited { wallet, points } => format!("forfeits {} {}", points.0, program.text(wallet.0)),
        Fact::MemberEnrolled(enrolled) => format!("enrolled {}", enrolled.member_id),
        Fact::AttributesUpdated { set, .. } => format!("{} attribute(s) set", set.len()),
        Fact::IdentifierLinked(identifier) => format!("linked {} {}", identifier.kind, identifier.mask),
        Fact::IdentifierUnlinked(identifier) => format!("unlinked {} {}", identifier.kind, identifier.mask),
        Fact::MemberSuspended(_) => "suspended".into(),
        Fact::MemberReinstated(_) => "reinstated".into(),
        Fact::MemberClosed(_) => "closed".into(),
        Fact::ProgramApplied(applied) => format!("program {}", applied.version),
    }
}

fn grant_told(program: &Program, grant: &rung::domain::event::Grant) -> String {
    let part = match grant.part {
        Part::Base => String::new(),
        Part::TierBonus(tier) => format!(" bonus {}", program.text(tier.0)),
    };
    let line = grant.line.map(|line| format!(" line {}", line + 1)).unwrap_or_default();
    let mut into: Vec<&str> = grant.wallet.iter().map(|wallet| program.text(wallet.0)).collect();
    into.extend(grant.meters.iter().map(|post| program.text(post.meter.0)));
    format!("{:+} {} by {}{part}{line}", grant.granted.0, into.join(" and "), program.text(grant.rule.0))
}

fn shown(view: &View) -> String {
    let (member, program) = (&view.member, view.timeline.newest());
    member.check().unwrap();
    let state = match member.state {
        MemberState::Active => "active",
        MemberState::Suspended => "suspended",
        MemberState::Closed => "closed",
    };
    let mut out = state.to_owned();
    if let (Some(tier), Some(ladder)) = (member.standing.tier(), &program.ladder) {
        write!(out, ", {}", program.text(tier.0)).unwrap();
        if let Some(held) = member.standing.at(ladder, view.now) {
            write!(out, " until {}", rfc3339(held.until)).unwrap();
        }
    }
    for (wallet, points) in &member.balances {
        let decimals = program.wallet(*wallet).unwrap().decimals;
        write!(out, "\nwallet {} {}", program.text(wallet.0), points.display(decimals)).unwrap();
    }
    let values = meter_values(program, member, view.now).unwrap();
    for (meter, value) in program.meters.iter().zip(values) {
        write!(
            out,
            "\nmeter {} {}",
            program.text(meter.id.0),
            rung::domain::units::Points(value).display(meter.decimals)
        )
        .unwrap();
    }
    for identifier in &member.identifiers {
        write!(out, "\n{} {}", identifier.kind, identifier.mask).unwrap();
    }
    out
}
