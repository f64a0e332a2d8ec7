//! Scenarios a marketer can read: text files in `tests/scenarios`, a command a line after `>`, and under it what the
//! engine answered. The whole file is run again and must come out the same.
//!
//! `RUNG_WRITE_SCENARIOS=1 cargo test scenarios` writes the answers anew; read the difference before you keep it.

mod alerts;
mod belonging;
mod told;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use rung::domain::calendar::parse_rfc3339;
use rung::domain::event::{Fact, Seq};
use rung::domain::order::{
    Adjustment, AttributesUpdate, Caller, Claim, Enrolment, Holding, Import, ImportedLot, ImportedMembership,
    ImportedMeter, ImportedTier, Line, MemberName, Order, Purchase, ReceiptKey, Return, ReturnLine, Sending, Tender,
    Verb,
};
use rung::domain::program::{Program, Scope, Value, ValueType};
use rung::domain::units::{CurrencyCode, Points, Quantity, Span, Text, parse_decimal};
use rung::engine::clock::Clock;
use rung::engine::segments::Rounds;
use rung::engine::{Applied, ApplyProgram, Engine, Options, Pseudonyms, QUEUE_LIMIT};
use rung::store::memory::Memory;
use told::{refused, shown, told};

use crate::model::home::walk;

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
    let mut world =
        World { engine: None, program: String::new(), requests: 0, names: HashMap::new(), rounds: Rounds::default() };
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
    /// Entries and voucher codes by the names the text gives them: `hold=h1`, `code=c1`.
    names: HashMap<String, (Seq, Text)>,
    /// For which days members were told their segments.
    rounds: Rounds,
}

impl World {
    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the first command is `world`")
    }

    async fn command(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["world", moment] => self.start(moment).await,
            ["program", file] => self.apply(file, false).await,
            ["try", file] => self.apply(file, true).await,
            ["clock", moment] => match self.engine().advance_clock(parse_rfc3339(moment).unwrap()) {
                Ok(_) => String::new(),
                Err(denied) => refused(&denied),
            },
            ["sweep"] => self.sweep().await,
            ["tag"] => self.tag().await,
            ["alerts"] => self.alerts().await,
            ["acknowledge", name, actor, rest @ ..] => self.acknowledge(name, actor, rest).await,
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
            ["books"] => match self.engine().liability(&self.program).await {
                Ok(books) => told::books(&books),
                Err(denied) => refused(&denied),
            },
            ["left", pot] => format!("{} gone", self.engine().pot(&self.program, pot).await.unwrap().0),
            _ => self.points(&words).await,
        }
    }

    /// Commands about points that are there already.
    async fn points(&mut self, words: &[&str]) -> String {
        match words {
            ["return", receipt, own, rest @ ..] => self.give_back(receipt, own, rest).await,
            ["confirm", receipt] => {
                let receipt = receipt_key(receipt);
                self.about(MemberName::Receipt(receipt.clone()), Verb::ConfirmPurchase(receipt), "").await
            }
            ["hold", member, amount, wallet, name, rest @ ..] => {
                let ttl = rest.iter().find_map(|word| word.strip_prefix("ttl=")).unwrap_or("900");
                let (wallet, points) = (Text::from(*wallet), self.amount(wallet, amount));
                let ttl = Span::seconds(ttl.parse().unwrap());
                self.named(member, Verb::Hold(Holding { wallet, points, ttl, note: Text::default() }), name).await
            }
            ["capture", hold, rest @ ..] => {
                let (hold, wallet) = self.known(hold);
                let points = rest.first().map(|amount| self.amount(&wallet, amount));
                self.about(MemberName::Entry(hold), Verb::Capture { hold, points }, "").await
            }
            ["release", hold] => {
                let hold = self.known(hold).0;
                self.about(MemberName::Entry(hold), Verb::Release(hold), "").await
            }
            ["redeem", member, reward, rest @ ..] => {
                let name = rest.first().copied().unwrap_or_default();
                let times = rest.get(1).map_or(1, |times| times.parse().unwrap());
                self.named(member, Verb::Redeem { reward: (*reward).into(), times }, name).await
            }
            ["cancel", name] => {
                let redemption = self.known(name).0;
                let verb = Verb::CancelRedemption { redemption, reason: "asked".into() };
                self.about(MemberName::Entry(redemption), verb, "").await
            }
            ["use", name] => {
                let number = self.engine().programs().named(&self.program).unwrap().number;
                let voucher = Claim::voucher(number, &self.known(name).1);
                self.about(MemberName::Voucher(voucher), Verb::UseVoucher { voucher, note: Text::default() }, "").await
            }
            ["adjust", member, amount, wallet] => {
                let (wallet, points) = (Text::from(*wallet), self.amount(wallet, amount));
                let (reason, actor) = ("goodwill".into(), "desk-7".into());
                self.submit(member, Verb::Adjust(Adjustment { wallet, points, reason, actor })).await
            }
            ["send", member, to, amount, wallet] => {
                let (wallet, points) = (Text::from(*wallet), self.amount(wallet, amount));
                let to = MemberName::Id((*to).into());
                self.submit(member, Verb::Transfer(Sending { to, wallet, points, note: Text::default() })).await
            }
            ["import", member, rest @ ..] => self.import(member, rest).await,
            other => self.belonging(other).await,
        }
    }

    /// What settling everyone who is due brings to the ledger.
    async fn sweep(&self) -> String {
        let head = self.engine().status().store.head;
        walk(self.engine()).await;
        let mut out = format!("{} settled", self.engine().settle_due(1_000).await.unwrap());
        let entries = self.engine().feed(head, 1_000).await.unwrap();
        for fact in entries.iter().flat_map(|entry| &entry.facts).filter(|fact| !told::is_of_pot(fact)) {
            write!(out, "\n{}", told::fact_told(&self.newest(), fact)).unwrap();
        }
        out
    }

    /// Has members told their segments, with what that brings to the ledger, each under its member's id.
    async fn tag(&mut self) -> String {
        let head = self.engine().status().store.head;
        let engine = self.engine().clone();
        let told = engine.tag(&mut self.rounds).await.unwrap();
        let entries = engine.feed(head, 1_000).await.unwrap();
        let keys: Vec<_> = entries.iter().map(|entry| entry.member).collect();
        let names = engine.member_ids(&keys).await.unwrap();
        let mut out = format!("{told} told");
        for entry in &entries {
            // An alert goes by its member.
            self.names.insert(names[&entry.member].to_string(), (entry.seq, Text::default()));
        }
        for entry in entries {
            for fact in entry.facts.iter().filter(|fact| !told::is_of_pot(fact)) {
                write!(out, "\n{} {}", names[&entry.member], told::fact_told(&self.newest(), fact)).unwrap();
            }
        }
        out
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

    async fn apply(&mut self, file: &str, dry_run: bool) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let source = std::fs::read_to_string(path).unwrap().into();
        let apply =
            ApplyProgram { source, effective_at: None, expected_version: 0, request_id: Text::default(), dry_run };
        match self.engine().apply_program(apply).await {
            Ok((_, timeline)) if dry_run => {
                let migration = self.engine().migration(&timeline).await.unwrap();
                let program = timeline.newest();
                let mut told = format!("{} members", migration.members);
                for ((from, to), members) in migration.moves {
                    write!(told, "\n{} to {}: {members}", program.text(from.0), program.text(to.0)).unwrap();
                }
                told
            }
            Ok((_, timeline)) => {
                self.program = timeline.newest().id.to_string();
                format!("{} version {}", self.program, timeline.newest().version)
            }
            Err(denied) => refused(&denied),
        }
    }

    /// An amount of points as people write it, in the wallet's smallest unit.
    fn amount(&self, wallet: &str, written: &str) -> Points {
        let decimals = self.newest().wallet_named(wallet).map_or(0, |wallet| wallet.decimals);
        let (sign, digits) = written.strip_prefix('-').map_or((1, written), |digits| (-1, digits));
        Points(sign * parse_decimal(digits, decimals).unwrap())
    }

    /// An order whose entry, wallet or voucher the text names.
    async fn named(&mut self, member: &str, verb: Verb, name: &str) -> String {
        self.about(MemberName::Id(member.into()), verb, name).await
    }

    async fn about(&mut self, member: MemberName, verb: Verb, name: &str) -> String {
        let order = Order { member, ..self.order("nobody", verb) };
        let verdict = self.engine().submit(order).await;
        if let Ok(applied) = &verdict {
            self.remember(name, applied);
        }
        told(verdict)
    }

    /// What a name stands for, `entry-1` for the first entry; one that was never given stands for nothing that exists.
    fn known(&self, name: &str) -> (Seq, Text) {
        if let Some(number) = name.strip_prefix("entry-") {
            return (Seq(number.parse().unwrap()), Text::default());
        }
        self.names.get(name).cloned().unwrap_or((Seq(1_000_000), Text::default()))
    }

    fn remember(&mut self, name: &str, applied: &Applied) {
        let Some(entry) = applied.entries.first().filter(|_| !name.is_empty()) else { return };
        let text = entry.facts.iter().find_map(|fact| match fact {
            Fact::PointsHeld { wallet, .. } => Some(self.newest().text(wallet.0).into()),
            Fact::RewardRedeemed(redeemed) => {
                redeemed.voucher.as_ref().map(|voucher| self.engine().voucher_code(entry.member, &voucher.nonce))
            }
            _ => None,
        });
        self.names.insert(name.into(), (entry.seq, text.unwrap_or_default()));
    }

    /// `1` for a whole line, `1*2` for two units of it, `1-5.00` for a price adjustment; `instead:` begins the lines of
    /// an exchange.
    async fn give_back(&mut self, receipt: &str, own: &str, rest: &[&str]) -> String {
        let returned: Vec<&&str> = rest.iter().filter(|word| !word.contains('=')).collect();
        let lines = returned.into_iter().map(|word| return_line(word)).collect();
        let bought: Vec<&str> = rest.iter().copied().filter(|word| word.contains('=')).collect();
        let exchange = (!bought.is_empty()).then(|| Arc::new(self.purchase(own, "sale", &bought)));
        let receipt = receipt_key(receipt);
        let verb = Verb::ReturnPurchase(Arc::new(Return {
            receipt: receipt.clone(),
            return_receipt: receipt_key(own),
            occurred_at: None,
            lines,
            exchange,
        }));
        self.about(MemberName::Receipt(receipt), verb, "").await
    }

    /// `lot:wallet@moment=points`, `meter:name@moment=amount`, `tier:gold@until=moment`, `club:name@since=until` (or `-`),
    /// `joined=moment`.
    async fn import(&mut self, member: &str, rest: &[&str]) -> String {
        let enrolment =
            Enrolment { member_id: member.into(), id_given: true, identifiers: Vec::new(), attributes: Vec::new() };
        let (lots, meters, clubs) = (Vec::new(), Vec::new(), Vec::new());
        let mut import = Import { enrolment, enrolled_at: None, lots, meters, tier: None, clubs };
        for word in rest {
            let (name, value) = word.split_once('=').unwrap();
            let (kind, at) = name.split_once('@').unwrap_or((name, ""));
            let moment = || parse_rfc3339(at).unwrap();
            match kind.split_once(':') {
                Some(("lot", wallet)) => import.lots.push(ImportedLot {
                    wallet: wallet.into(),
                    points: self.amount(wallet, value),
                    earned_at: moment(),
                    expires_at: None,
                }),
                Some(("meter", meter)) => import.meters.push(ImportedMeter {
                    meter: meter.into(),
                    at: moment(),
                    amount: Points(value.parse().unwrap()),
                }),
                Some(("tier", tier)) => {
                    let (since, until) = (moment(), parse_rfc3339(value));
                    import.tier = Some(ImportedTier { tier: tier.into(), since, until });
                }
                Some(("club", club)) => {
                    let (since, until) = (moment(), parse_rfc3339(value));
                    import.clubs.push(ImportedMembership { club: club.into(), since, until });
                }
                _ => import.enrolled_at = parse_rfc3339(value),
            }
        }
        self.submit(member, Verb::Import(Box::new(import))).await
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
        let purchase = self.purchase(receipt, kind, rest);
        let order = self.order(member, Verb::RecordPurchase(Arc::new(purchase)));
        let order = Order { request_id: Text::default(), ..order };
        if quote { told(self.engine().rehearse(order).await) } else { told(self.engine().submit(order).await) }
    }

    fn purchase(&self, receipt: &str, kind: &str, rest: &[&str]) -> Purchase {
        let mut purchase = Purchase {
            receipt: receipt_key(receipt),
            kind: kind.into(),
            occurred_at: self.engine().now(),
            zone: None,
            currency: self.newest().currency,
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
        purchase
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
                    let (kind, paid) = kind.split_once(':').unwrap_or((kind, ""));
                    let redemption = self.names.get(paid).map_or(Seq::NONE, |(seq, _)| *seq);
                    let minor_units = self.money(value);
                    purchase.tenders.push(Tender { kind: kind.into(), minor_units, redemption });
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
            minor_units: self.money(value),
            attributes,
        });
    }

    fn money(&self, written: &str) -> i64 {
        let (sign, digits) = written.strip_prefix('-').map_or((1, written), |digits| (-1, digits));
        sign * parse_decimal(digits, self.newest().currency.decimals()).unwrap()
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

fn receipt_key(id: &str) -> ReceiptKey {
    ReceiptKey { source: "till".into(), id: id.into() }
}

fn return_line(word: &str) -> ReturnLine {
    let (line_id, quantity, minor_units) = match (word.split_once('*'), word.split_once('-')) {
        (Some((line, quantity)), _) => (line, Quantity::parse(quantity).unwrap(), 0),
        (None, Some((line, money))) => (line, Quantity(0), parse_decimal(money, 2).unwrap()),
        (None, None) => (word, Quantity::ONE, 0),
    };
    ReturnLine { line_id: line_id.into(), quantity, minor_units }
}
