//! A customer's visit: she buys, sets points aside, spends or lets go, sends some on, brings some back; every order as
//! it can be sent again.

use rung::pb;
use rung::pb::reward_service_client::RewardServiceClient;
use tonic::{Code, Status};

use super::till::Till;

pub const PROGRAM: &str = "points";
pub const MEMBERS: u32 = 12;

/// One order and what it was acknowledged with.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub order: Order,
    pub answer: Answer,
}

/// What came of an order.
#[derive(Clone, Debug)]
pub struct Answer {
    pub outcome: pb::Outcome,
    pub entry_ids: Vec<String>,
    /// The code of the voucher, where one was issued.
    code: Option<String>,
}

/// An order that moves points.
#[derive(Clone, Debug)]
pub enum Order {
    Adjust(pb::AdjustPointsRequest),
    Hold(pb::HoldPointsRequest),
    Capture(pb::CaptureHoldRequest),
    Release(pb::ReleaseHoldRequest),
    Transfer(pb::TransferPointsRequest),
    Redeem(pb::RedeemRewardRequest),
    Cancel(pb::CancelRedemptionRequest),
    Use(pb::UseVoucherRequest),
    Buy(pb::RecordPurchaseRequest),
    Return(pb::ReturnPurchaseRequest),
    Import(pb::ImportMembersRequest),
}

impl Order {
    /// Sends it; whether it was done now, and what it made.
    pub async fn send(self, till: &Till) -> Result<Answer, Status> {
        let (mut points, mut rewards) = (till.points(), RewardServiceClient::new(till.channel()));
        macro_rules! sent {
            ($call:expr) => {{
                let answer = $call.await?.into_inner();
                Answer { outcome: answer.outcome(), entry_ids: answer.entry_ids, code: None }
            }};
        }
        Ok(match self {
            Self::Adjust(request) => sent!(points.adjust_points(request)),
            Self::Hold(request) => sent!(points.hold_points(request)),
            Self::Capture(request) => sent!(points.capture_hold(request)),
            Self::Release(request) => sent!(points.release_hold(request)),
            Self::Transfer(request) => sent!(points.transfer_points(request)),
            Self::Cancel(request) => sent!(rewards.cancel_redemption(request)),
            Self::Use(request) => sent!(rewards.use_voucher(request)),
            Self::Buy(request) => sent!(points.record_purchase(request)),
            Self::Return(request) => sent!(points.return_purchase(request)),
            Self::Redeem(request) => {
                let answer = rewards.redeem_reward(request).await?.into_inner();
                let code = answer.voucher.as_ref().map(|voucher| voucher.code.clone());
                Answer { outcome: answer.outcome(), entry_ids: answer.entry_ids, code }
            }
            Self::Import(request) => {
                let answer = points.import_members(tokio_stream::iter([request])).await?.into_inner();
                assert_eq!((answer.applied + answer.replayed, answer.refused), (1, 0), "{answer:?}");
                let outcome = if answer.applied == 1 { pb::Outcome::Applied } else { pb::Outcome::Replayed };
                Answer { outcome, entry_ids: Vec::new(), code: None }
            }
        })
    }

    /// What the journal must have of it, once; nothing where it knows it by its entry only.
    pub fn mark(&self) -> Option<String> {
        let id = |receipt: &Option<pb::Receipt>| receipt.clone().unwrap_or_default().id;
        let mark = match self {
            Self::Adjust(request) => format!("adjusted {}", request.reason),
            Self::Hold(request) => format!("held {}", request.note),
            Self::Transfer(request) => format!("sent {}", request.note),
            Self::Cancel(request) => format!("cancelled {}", request.reason),
            Self::Use(request) => format!("used {}", request.note),
            Self::Buy(request) => format!("bought {}", id(&request.purchase.clone().unwrap().receipt)),
            Self::Return(request) => format!("returned {}", id(&request.return_receipt)),
            Self::Import(request) => format!("brought in {}", imported(request).member_id),
            Self::Capture(request) => format!("captured {}", request.hold_id),
            Self::Release(_) | Self::Redeem(_) => return None,
        };
        Some(mark)
    }
}

/// Who is brought in.
pub fn imported(request: &pb::ImportMembersRequest) -> &pb::OpeningState {
    match request.item.as_ref() {
        Some(pb::import_members_request::Item::Member(state)) => state,
        other => panic!("{other:?}"),
    }
}

pub fn member(number: u32) -> String {
    format!("v-{}", number % MEMBERS)
}

/// One customer after the other, each with a number of her own.
pub struct Visit<'a> {
    pub till: &'a Till,
    pub number: u32,
    pub acknowledged: &'a mut Vec<Acknowledged>,
}

impl Visit<'_> {
    /// Everything she does; false if the server went away meanwhile.
    pub async fn run(mut self) -> bool {
        self.shop().await.is_some()
    }

    async fn shop(&mut self) -> Option<()> {
        self.make(Order::Buy(self.buying())).await?;
        let hold = self.make(Order::Hold(self.holding())).await?;
        self.finish_hold(hold?.entry_ids[0].clone()).await?;
        self.make(Order::Adjust(self.adjusting("coins", 7))).await?;
        self.make(Order::Adjust(self.adjusting("points", -3))).await?;
        self.make(Order::Transfer(self.sending())).await?;
        if let Some(redeemed) = self.make(Order::Redeem(self.redeeming())).await? {
            self.finish_redemption(redeemed).await?;
        }
        self.make(Order::Return(self.bringing_back("back", None))).await?;
        let instead = Some(pb::Purchase { receipt: None, ..purchase(None, 12_000) });
        self.make(Order::Return(self.bringing_back("swap", instead))).await?;
        self.make(Order::Import(self.importing())).await?;
        Some(())
    }

    /// Sends an order; nothing if the server went away, nothing within if it had no more mugs.
    async fn make(&mut self, order: Order) -> Option<Option<Answer>> {
        match order.clone().send(self.till).await {
            Ok(answer) => {
                self.acknowledged.push(Acknowledged { order, answer: answer.clone() });
                Some(Some(answer))
            }
            Err(status) if is_gone(&status) => None,
            // The mugs are few.
            Err(status) => {
                assert!(matches!(order, Order::Redeem(_)), "{order:?}: {status:?}");
                assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
                Some(None)
            }
        }
    }

    /// Captures or releases a hold, or leaves it.
    async fn finish_hold(&mut self, hold_id: String) -> Option<()> {
        let program = PROGRAM.to_owned();
        let order = match self.number % 3 {
            0 => {
                let request_id = self.key("release");
                Order::Release(pb::ReleaseHoldRequest { program, hold_id, request_id, ..Default::default() })
            }
            1 => Order::Capture(pb::CaptureHoldRequest { program, hold_id, amount: 15, ..Default::default() }),
            _ => return Some(()),
        };
        self.make(order).await.map(drop)
    }

    /// Takes a redemption back, uses its voucher, or leaves it open.
    async fn finish_redemption(&mut self, redeemed: Answer) -> Option<()> {
        let program = PROGRAM.to_owned();
        let order = match self.number % 4 {
            0 | 1 => Order::Cancel(pb::CancelRedemptionRequest {
                program,
                redemption_id: redeemed.entry_ids[0].clone(),
                reason: self.key("cancel"),
                request_id: self.key("cancel"),
                ..Default::default()
            }),
            2 => Order::Use(pb::UseVoucherRequest {
                program,
                code: redeemed.code.expect("a mug has a voucher"),
                note: self.key("use"),
                request_id: self.key("use"),
                ..Default::default()
            }),
            _ => return Some(()),
        };
        self.make(order).await.map(drop)
    }

    fn key(&self, name: &str) -> String {
        format!("{name}-{}", self.number)
    }

    fn receipt(&self, source: &str) -> pb::Receipt {
        pb::Receipt { source: source.into(), id: self.key(source) }
    }

    fn buying(&self) -> pb::RecordPurchaseRequest {
        pb::RecordPurchaseRequest {
            program: PROGRAM.into(),
            member_id: member(self.number),
            purchase: Some(purchase(Some(self.receipt("till")), 30_000)),
            ..Default::default()
        }
    }

    fn holding(&self) -> pb::HoldPointsRequest {
        pb::HoldPointsRequest {
            program: PROGRAM.into(),
            member_id: member(self.number),
            wallet: "points".into(),
            amount: 40,
            ttl: Some(prost_types::Duration { seconds: 900, nanos: 0 }),
            note: self.key("hold"),
            request_id: self.key("hold"),
            ..Default::default()
        }
    }

    fn adjusting(&self, wallet: &str, points: i64) -> pb::AdjustPointsRequest {
        pb::AdjustPointsRequest {
            program: PROGRAM.into(),
            member_id: member(self.number),
            wallet: wallet.into(),
            points,
            reason: self.key(wallet),
            actor: "desk".into(),
            request_id: self.key(&format!("adjust-{wallet}")),
            ..Default::default()
        }
    }

    fn sending(&self) -> pb::TransferPointsRequest {
        pb::TransferPointsRequest {
            program: PROGRAM.into(),
            member_id: member(self.number),
            to_member_id: member(self.number + 1),
            wallet: "points".into(),
            points: 25,
            note: self.key("send"),
            request_id: self.key("send"),
            ..Default::default()
        }
    }

    fn redeeming(&self) -> pb::RedeemRewardRequest {
        pb::RedeemRewardRequest {
            program: PROGRAM.into(),
            member_id: member(self.number),
            reward: "mug".into(),
            request_id: self.key("mug"),
            ..Default::default()
        }
    }

    /// One of the three.
    fn bringing_back(&self, source: &str, exchange: Option<pb::Purchase>) -> pb::ReturnPurchaseRequest {
        let what = Some(pb::return_line::What::Quantity("1".into()));
        pb::ReturnPurchaseRequest {
            program: PROGRAM.into(),
            receipt: Some(self.receipt("till")),
            return_receipt: Some(self.receipt(source)),
            lines: vec![pb::ReturnLine { line_id: "1".into(), what }],
            exchange,
            ..Default::default()
        }
    }

    /// Somebody with points, some of which have ended, or who owes some.
    fn importing(&self) -> pb::ImportMembersRequest {
        let lot = |wallet: &str, points: i64, days: i64| pb::OpeningLot {
            wallet: wallet.into(),
            points,
            earned_at: Some(prost_types::Timestamp { seconds: BOUGHT_AT - days * 86_400, nanos: 0 }),
            expires_at: None,
        };
        let lots = match self.number % 2 {
            0 => vec![lot("points", 50, 20), lot("points", 30, 700), lot("credit", 400, 2)],
            _ => vec![lot("points", -20, 20), lot("miles", 9, 30)],
        };
        let state = pb::OpeningState { member_id: self.key("from-elsewhere"), lots, ..Default::default() };
        pb::ImportMembersRequest {
            program: PROGRAM.into(),
            item: Some(pb::import_members_request::Item::Member(state)),
            ..Default::default()
        }
    }
}

/// 2026-05-04T16:00:00Z.
const BOUGHT_AT: i64 = 1_777_910_400;

/// Three of something.
fn purchase(receipt: Option<pb::Receipt>, minor_units: i64) -> pb::Purchase {
    let line = pb::PurchaseLine {
        line_id: "1".into(),
        category: "food".into(),
        quantity: "3".into(),
        amount: Some(pb::Money { currency_code: "USD".into(), minor_units }),
        ..Default::default()
    };
    pb::Purchase {
        receipt,
        kind: "sale".into(),
        occurred_at: Some(prost_types::Timestamp { seconds: BOUGHT_AT, nanos: 0 }),
        lines: vec![line],
        ..Default::default()
    }
}

fn is_gone(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal)
}
