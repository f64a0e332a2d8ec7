//! A till: one connection to a server and the calls the tests make on it, with as few words as possible.

use rung::pb;
use rung::pb::admin_service_client::AdminServiceClient;
use rung::pb::event_service_client::EventServiceClient;
use rung::pb::member_service_client::MemberServiceClient;
use rung::pb::points_service_client::PointsServiceClient;
use rung::pb::program_service_client::ProgramServiceClient;
use rung::pb::record_purchases_response::Answer;
use rung::pb::segment_service_client::SegmentServiceClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// One connection.
#[derive(Clone)]
pub struct Till {
    channel: Channel,
}

impl Till {
    pub async fn connect(address: &str) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self { channel: endpoint.connect().await.unwrap() }
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub fn members(&self) -> MemberServiceClient<Channel> {
        MemberServiceClient::new(self.channel())
    }

    pub fn points(&self) -> PointsServiceClient<Channel> {
        PointsServiceClient::new(self.channel())
    }

    pub fn events(&self) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.channel())
    }

    pub fn programs(&self) -> ProgramServiceClient<Channel> {
        ProgramServiceClient::new(self.channel())
    }

    pub fn segments(&self) -> SegmentServiceClient<Channel> {
        SegmentServiceClient::new(self.channel())
    }

    pub fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel())
    }

    pub async fn enroll(&self, program: &str, member_id: &str) -> Result<pb::EnrollMemberResponse, Status> {
        let request = pb::EnrollMemberRequest {
            program: program.into(),
            member_id: member_id.into(),
            request_id: format!("enroll-{member_id}"),
            ..Default::default()
        };
        Ok(self.members().enroll_member(request).await?.into_inner())
    }

    pub async fn suspend(&self, program: &str, member_id: &str) -> Result<pb::SuspendMemberResponse, Status> {
        let request = pb::SuspendMemberRequest {
            program: program.into(),
            member_id: member_id.into(),
            request_id: "suspend".into(),
            ..Default::default()
        };
        Ok(self.members().suspend_member(request).await?.into_inner())
    }

    pub async fn record(&self, order: &Order) -> Result<pb::RecordPurchaseResponse, Status> {
        Ok(self.points().record_purchase(order.single()).await?.into_inner())
    }

    /// Sends orders through one stream; every answer, and the status that ended it, if it was not OK.
    pub async fn stream(&self, orders: &[Order]) -> (Vec<Answer>, Option<Status>) {
        let items: Vec<_> = orders.iter().map(Order::item).collect();
        let mut answers = Vec::new();
        let mut stream = match self.points().record_purchases(tokio_stream::iter(items)).await {
            Ok(stream) => stream.into_inner(),
            Err(status) => return (answers, Some(status)),
        };
        loop {
            match stream.message().await {
                Ok(Some(answer)) => answers.extend(answer.answer),
                Ok(None) => return (answers, None),
                Err(status) => return (answers, Some(status)),
            }
        }
    }

    pub async fn member(&self, program: &str, member_id: &str) -> pb::Member {
        let request =
            pb::GetMemberRequest { program: program.into(), member_id: member_id.into(), ..Default::default() };
        self.members().get_member(request).await.unwrap().into_inner().member.unwrap()
    }

    /// Every member of a program, page by page.
    pub async fn all_members(&self, program: &str) -> Vec<pb::Member> {
        let mut all = Vec::new();
        let mut request = pb::ListMembersRequest { program: program.into(), page_size: 500, page_token: String::new() };
        loop {
            let page = self.members().list_members(request.clone()).await.unwrap().into_inner();
            all.extend(page.members);
            if page.next_page_token.is_empty() {
                return all;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// The event stream after a cursor; empty for the beginning.
    pub async fn follow(&self, after: &str) -> Result<tonic::Streaming<pb::StreamEventsResponse>, Status> {
        let request = pb::StreamEventsRequest { program: String::new(), after: after.into() };
        Ok(self.events().stream_events(request).await?.into_inner())
    }

    /// Every event of the journal up to where it ends now.
    pub async fn journal(&self) -> Vec<pb::StreamEventsResponse> {
        let head = self.status().await.store.unwrap().head_entry_id;
        let mut events = Vec::new();
        let mut stream = self.follow("").await.unwrap();
        let is_last = |event: &pb::StreamEventsResponse| event.entry_id == head && is_whole(&event.cursor);
        while !events.last().is_some_and(is_last) {
            events.push(stream.message().await.unwrap().expect("the feed does not end before its head"));
        }
        events
    }

    pub async fn status(&self) -> pb::GetStatusResponse {
        self.admin().get_status(pb::GetStatusRequest {}).await.unwrap().into_inner()
    }

    pub async fn advance_clock(&self, to: &str) -> Result<(), Status> {
        let to = Some(moment(to));
        self.admin().advance_test_clock(pb::AdvanceTestClockRequest { to }).await.map(drop)
    }

    pub async fn apply(&self, source: &str, effective_at: Option<&str>) -> Result<pb::Program, Status> {
        let request = pb::ApplyProgramRequest {
            source: source.into(),
            effective_at: effective_at.map(moment),
            request_id: format!("apply-{}", source.len()),
            ..Default::default()
        };
        Ok(self.programs().apply_program(request).await?.into_inner().program.unwrap())
    }
}

/// A purchase and whose it is.
#[derive(Clone, Debug)]
pub struct Order {
    pub program: String,
    pub member: String,
    pub purchase: pb::Purchase,
}

impl Order {
    pub fn new(program: &str, member: &str, purchase: pb::Purchase) -> Self {
        Self { program: program.into(), member: member.into(), purchase }
    }

    /// As a unary request.
    pub fn single(&self) -> pb::RecordPurchaseRequest {
        pb::RecordPurchaseRequest {
            program: self.program.clone(),
            member_id: self.member.clone(),
            purchase: Some(self.purchase.clone()),
            ..Default::default()
        }
    }

    /// As an item of the stream.
    pub fn item(&self) -> pb::RecordPurchasesRequest {
        pb::RecordPurchasesRequest {
            program: self.program.clone(),
            member_id: self.member.clone(),
            purchase: Some(self.purchase.clone()),
            omit_member: true,
            ..Default::default()
        }
    }

    /// The receipt's number.
    pub fn receipt(&self) -> &str {
        &self.purchase.receipt.as_ref().unwrap().id
    }
}

/// A purchase of one line: `kind` says whether it is a `sale`, a `flight` and so on.
pub fn purchase(kind: &str, receipt: &str, cents: i64, at: &str) -> pb::Purchase {
    pb::Purchase {
        receipt: Some(pb::Receipt { source: "till".into(), id: receipt.into() }),
        kind: kind.into(),
        occurred_at: Some(moment(at)),
        lines: vec![pb::PurchaseLine {
            line_id: "1".into(),
            category: "goods".into(),
            amount: Some(pb::Money { currency_code: "USD".into(), minor_units: cents }),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// A moment in RFC 3339.
pub fn moment(text: &str) -> prost_types::Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text} is no moment"))
}

/// Right now, by the clock on the wall.
pub fn wall_clock() -> String {
    jiff::Timestamp::now().to_string()
}

/// The reason of an error.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_else(|| format!("no reason: {status:?}"))
}

/// The code and the reason of what must be an error.
pub fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.expect_err("a refusal");
    (status.code(), reason(&status))
}

/// What granted points to a wallet, summed.
pub fn granted(grants: &[pb::Grant], wallet: &str) -> i64 {
    grants.iter().filter(|grant| grant.wallet == wallet).map(|grant| grant.granted).sum()
}

/// Whether a cursor stands behind the last fact of its entry.
fn is_whole(cursor: &str) -> bool {
    cursor.ends_with("00000000")
}
