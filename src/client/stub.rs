//! A server for the tests of this side of the wire: it knows members and receipts, counts, and earns nothing.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::{Request, Response};
use tokio_stream::{Stream, StreamExt};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, StreamingService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic_prost::ProstCodec;
use tonic_types::{ErrorDetails, StatusExt};
use tower::Service;

use crate::pb::record_purchases_response::Answer;
use crate::pb::{
    EnrollMemberRequest, EnrollMemberResponse, GetProgramRequest, GetProgramResponse, Outcome, Program, Purchase,
    RecordPurchaseRequest, RecordPurchaseResponse, RecordPurchasesRequest, RecordPurchasesResponse,
};

/// What the stub remembers.
#[derive(Clone, Default)]
pub struct Stub(Arc<Mutex<Books>>);

/// The members and purchases it was told of.
#[derive(Default)]
pub struct Books {
    /// Who was enrolled.
    pub members: HashSet<String>,
    /// Purchases by receipt, with their members.
    pub purchases: HashMap<(String, String), (String, Purchase)>,
    /// Ends every stream after so many items, if set.
    pub breaks_after: Option<usize>,
}

impl Stub {
    /// Serves on a free port; the URL.
    pub fn serve(&self) -> String {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_nodelay(Some(true));
        let url = format!("http://{}", incoming.local_addr().unwrap());
        let routes = Routes(self.clone());
        tokio::spawn(async move {
            let server = tonic::transport::Server::builder();
            server.serve_with_incoming(routes, incoming).await
        });
        url
    }

    /// Looks into the books.
    pub fn books<T>(&self, look: impl FnOnce(&mut Books) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn enrol(&self, request: EnrollMemberRequest) -> Result<EnrollMemberResponse, Status> {
        let fresh = self.books(|books| books.members.insert(request.member_id));
        Ok(EnrollMemberResponse { outcome: outcome(fresh).into(), ..EnrollMemberResponse::default() })
    }

    fn record(&self, member_id: String, purchase: Option<Purchase>) -> Result<RecordPurchaseResponse, Status> {
        let purchase = purchase.ok_or_else(|| Status::invalid_argument("purchase is missing"))?;
        let receipt = purchase.receipt.clone().unwrap_or_default();
        let recorded = (member_id, purchase);
        let fresh = self.books(|books| {
            if !books.members.contains(&recorded.0) {
                return Err(refusal("UNKNOWN_MEMBER", "the program has no such member"));
            }
            match books.purchases.get(&(receipt.source.clone(), receipt.id.clone())) {
                Some(before) if *before == recorded => Ok(false),
                Some(_) => Err(refusal("KEY_REUSED", "the receipt was used before")),
                None => Ok(books.purchases.insert((receipt.source, receipt.id), recorded).is_none()),
            }
        })?;
        Ok(RecordPurchaseResponse { outcome: outcome(fresh).into(), ..RecordPurchaseResponse::default() })
    }
}

fn outcome(fresh: bool) -> Outcome {
    if fresh { Outcome::Applied } else { Outcome::Replayed }
}

fn refusal(reason: &str, message: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "rung.v1", HashMap::new());
    Status::with_error_details(tonic::Code::FailedPrecondition, message, details)
}

fn item(recorded: Result<RecordPurchaseResponse, Status>) -> RecordPurchasesResponse {
    let answer = recorded.map_or_else(
        |status| {
            let details = prost::Message::decode(status.details()).unwrap_or_default();
            Answer::Error(tonic_types::pb::Status { message: status.message().to_owned(), ..details })
        },
        Answer::Result,
    );
    RecordPurchasesResponse { answer: Some(answer) }
}

#[derive(Clone)]
struct Routes(Stub);

impl Service<Request<Body>> for Routes {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let routes = self.clone();
        Box::pin(async move {
            let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            Ok(match method.as_str() {
                "EnrollMember" => Grpc::new(ProstCodec::default()).unary(Enrol(routes.0), request).await,
                "GetProgram" => Grpc::new(ProstCodec::default()).unary(Ask, request).await,
                "RecordPurchase" => Grpc::new(ProstCodec::default()).unary(Record(routes.0), request).await,
                "RecordPurchases" => Grpc::new(ProstCodec::default()).streaming(Records(routes.0), request).await,
                _ => Status::unimplemented(method).into_http(),
            })
        })
    }
}

struct Enrol(Stub);

impl UnaryService<EnrollMemberRequest> for Enrol {
    type Response = EnrollMemberResponse;
    type Future = std::future::Ready<Result<tonic::Response<EnrollMemberResponse>, Status>>;

    fn call(&mut self, request: tonic::Request<EnrollMemberRequest>) -> Self::Future {
        std::future::ready(self.0.enrol(request.into_inner()).map(tonic::Response::new))
    }
}

/// Every program is one of dollars.
struct Ask;

impl UnaryService<GetProgramRequest> for Ask {
    type Response = GetProgramResponse;
    type Future = std::future::Ready<Result<tonic::Response<GetProgramResponse>, Status>>;

    fn call(&mut self, _: tonic::Request<GetProgramRequest>) -> Self::Future {
        let program = Some(Program { currency_code: "USD".into(), ..Program::default() });
        std::future::ready(Ok(tonic::Response::new(GetProgramResponse { program })))
    }
}

struct Record(Stub);

impl UnaryService<RecordPurchaseRequest> for Record {
    type Response = RecordPurchaseResponse;
    type Future = std::future::Ready<Result<tonic::Response<RecordPurchaseResponse>, Status>>;

    fn call(&mut self, request: tonic::Request<RecordPurchaseRequest>) -> Self::Future {
        let request = request.into_inner();
        std::future::ready(self.0.record(request.member_id, request.purchase).map(tonic::Response::new))
    }
}

struct Records(Stub);

type Answers = Pin<Box<dyn Stream<Item = Result<RecordPurchasesResponse, Status>> + Send>>;

impl StreamingService<RecordPurchasesRequest> for Records {
    type Response = RecordPurchasesResponse;
    type ResponseStream = Answers;
    type Future = std::future::Ready<Result<tonic::Response<Answers>, Status>>;

    fn call(&mut self, request: tonic::Request<tonic::Streaming<RecordPurchasesRequest>>) -> Self::Future {
        let stub = self.0.clone();
        let breaks_after = stub.books(|books| books.breaks_after).unwrap_or(usize::MAX);
        let answers = request
            .into_inner()
            .take(breaks_after)
            .map(move |request| request.map(|request| item(stub.record(request.member_id, request.purchase))));
        let end = (breaks_after < usize::MAX).then(|| Err(Status::unavailable("the store is in trouble")));
        let answers = answers.chain(tokio_stream::iter(end));
        std::future::ready(Ok(tonic::Response::new(Box::pin(answers))))
    }
}
