//! `SegmentService`: rankings, concentration and segments, over all members of a program.
//!
//! What is reckoned is the domain's; here questions are read, put to the analyst, and what he says is written down.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::alerts;
use super::members::named;
use super::wire::faults::{Faults, Path};
use super::wire::forecasts::{self, horizon};
use super::wire::held::in_segment;
use super::wire::naming;
use super::wire::page::{Page, page, token};
use super::wire::scalars::count64;
use super::wire::segment_questions::{self, Asked, days, share, unknown_store, window};
use super::wire::segments::{self, Place, followed, place};
use super::wire::tier_flows as tiers;
use crate::domain::calendar::Day;
use crate::domain::crowd::Crowd;
use crate::domain::crowd::daybook::{MemberNo, Window};
use crate::domain::crowd::ranking::{Customers, Question, follow, spread};
use crate::domain::crowd::tagging::brings_others;
use crate::domain::crowd::tiers::flows;
use crate::domain::insight::concentration::Portion;
use crate::domain::insight::forecast::fitted::Past;
use crate::domain::insight::rfm::{Scores, cells, scores};
use crate::domain::insight::rhythm::rhythm;
use crate::domain::insight::stages::stage;
use crate::domain::order::{MemberKey, Refusal};
use crate::domain::program::{Program, TierId, Timeline};
use crate::domain::units::Text;
use crate::engine::{Age, Denied, Engine};
use crate::pb;

/// Where the fields of a window lie in most requests.
const WINDOW: Path<'_> = Path::Field(&Path::Request, "window");

/// The service.
#[derive(Clone)]
pub struct Segments {
    engine: Engine,
    closing: CancellationToken,
}

/// What is ready to be asked of a program's analyst.
struct Ready {
    program: Text,
    timeline: Arc<Timeline>,
    tomorrow: Day,
}

impl Segments {
    /// The service on an engine; its streams end when `closing` is cancelled.
    #[must_use]
    pub const fn new(engine: Engine, closing: CancellationToken) -> Self {
        Self { engine, closing }
    }

    fn timeline(&self, program: &str) -> Option<Arc<Timeline>> {
        self.engine.programs().named(program).cloned()
    }

    /// Looks for the store that a window names, and tells all faults of the request.
    async fn ready(
        &self,
        program: Text,
        asked: &Asked,
        window: &Path<'_>,
        mut faults: Faults,
    ) -> Result<Ready, Denied> {
        let timeline = self.timeline(&program);
        if timeline.is_some() && !asked.store.is_empty() {
            let store = asked.store.clone();
            let known = self.engine.ask_analyst(&program, move |crowd, _| crowd.store(&store).is_some()).await?;
            if !known {
                unknown_store(window, &mut faults);
            }
        }
        faults.verdict(())?;
        let timeline = timeline.ok_or_else(|| Refusal::UnknownProgram(program.clone()))?;
        let now = self.engine.now();
        let tomorrow = timeline.at(now).zone.day_of(now).plus_days(1);
        Ok(Ready { program, timeline, tomorrow })
    }

    /// What may be expected in the `horizon` days from `day` on of somebody with this past.
    async fn forecast(
        &self,
        ready: &Ready,
        (day, past): (Day, Past),
        horizon: u32,
    ) -> Result<Option<pb::Forecast>, Denied> {
        if past.days == 0 {
            return Ok(None);
        }
        let Some(fitted) = self.engine.fitted(&ready.program, day, Age::Recent).await? else { return Ok(None) };
        let expected = fitted.forecast(&past, horizon);
        Ok(expected.map(|expected| forecasts::forecast(&expected, horizon, self.currency(ready))))
    }

    /// What may be expected in the `horizon` days from `day` on of all customers.
    async fn crowd_forecast(&self, ready: &Ready, day: Day, horizon: u32) -> Result<Option<pb::CrowdForecast>, Denied> {
        let expected = self.engine.expected(&ready.program, day, horizon).await?;
        Ok(expected.map(|(fitted, total)| forecasts::of_crowd(&fitted, &total, horizon, self.currency(ready))))
    }

    fn currency<'a>(&self, ready: &'a Ready) -> &'a str {
        ready.timeline.at(self.engine.now()).currency.as_str()
    }

    /// The best of a window that lie on a page, with their ids.
    async fn listed(&self, ready: &Ready, asked: Asked, here: (usize, usize)) -> Result<Listed, Denied> {
        let tomorrow = ready.tomorrow;
        let found = self.engine.ask_analyst(&ready.program, move |crowd, _| {
            let customers = Customers::of(crowd, &asked.question(crowd, tomorrow));
            ListedKeys::of(crowd, &customers, here)
        });
        let ListedKeys { rows, before, amount, customers, more } = found.await?;
        let keys: Vec<MemberKey> = rows.iter().map(|(key, ..)| *key).collect();
        let ids = self.engine.member_ids(&keys).await?;
        let id = |key: &MemberKey| ids.get(key).map(Text::to_string).unwrap_or_default();
        let tier = |tier: Option<TierId>| tier.map(|tier| tier_name(&ready.timeline, tier)).unwrap_or_default();
        let mut sum = before;
        let members = rows.iter().zip(here.0..).map(|((key, brought, stands, closed), position)| {
            sum = sum.saturating_add((*brought).into());
            pb::TopMember {
                rank: count64(position.saturating_add(1)),
                member_id: id(key),
                amount: *brought,
                share: segments::share((*brought).into(), amount),
                cumulative: segments::share(sum, amount),
                tier: tier(*stands),
                closed: *closed,
            }
        });
        Ok(Listed { members: members.collect(), amount, customers, more })
    }
}

/// A page of the best customers.
struct Listed {
    members: Vec<pb::TopMember>,
    amount: i128,
    customers: u64,
    more: bool,
}

/// The same before their ids are known.
struct ListedKeys {
    rows: Vec<(MemberKey, i64, Option<TierId>, bool)>,
    before: i128,
    amount: i128,
    customers: u64,
    more: bool,
}

impl ListedKeys {
    /// At most `limit` customers who bring anything, after the best `skipped`.
    fn of(crowd: &Crowd, customers: &Customers, (skipped, limit): (usize, usize)) -> Self {
        let distribution = customers.distribution();
        let ranked = distribution.members().saturating_sub(distribution.aside().members);
        let end = skipped.saturating_add(limit).min(usize::try_from(ranked).unwrap_or(usize::MAX));
        let best = customers.best(end);
        let (before, here) = best.split_at_checked(skipped).unwrap_or((&best, &[]));
        let row = |(member, amount): &(MemberNo, i64)| {
            Some((crowd.key(*member)?, *amount, crowd.tier(*member), crowd.tags.has_closed(*member)))
        };
        Self {
            rows: here.iter().filter_map(row).collect(),
            before: before.iter().map(|(_, amount)| i128::from(*amount)).sum(),
            amount: distribution.amount(),
            customers: distribution.members(),
            more: u64::try_from(end).is_ok_and(|end| end < ranked),
        }
    }
}

/// The day after a window, but after today at the latest: nobody has been silent on days to come.
fn forecast_day(crowd: &Crowd, question: &Question, tomorrow: Day) -> Day {
    let known = crowd.daybook.days().map_or(tomorrow, |(_, last)| last.plus_days(1).max(tomorrow));
    question.window.to.min(known)
}

fn tier_name(timeline: &Timeline, tier: TierId) -> String {
    timeline.newest().text(tier.0).to_owned()
}

/// What segments the member with this key is in.
fn segments_of(crowd: &Crowd, program: &Program, question: &Question, key: MemberKey) -> pb::GetMemberSegmentsResponse {
    let Window { from, to, .. } = question.window;
    let customers = Customers::of(crowd, question);
    let (distribution, today) = (customers.distribution(), to.plus_days(-1));
    let Some(member) = crowd.number(key) else {
        return place(&Place::default(), &distribution, today);
    };
    let days = crowd.daybook.purchase_days(member);
    let days: Vec<i64> = days.into_iter().map(|day| day.0.into()).collect();
    let stages = &program.stages;
    let tolerance = program.alerts.as_ref().map(|alerts| alerts.tolerance).unwrap_or_default();
    let found = Place {
        amount: customers.amount(member).or_else(|| amount_of(crowd, question, member)).unwrap_or_default(),
        rank: customers.rank(member),
        scores: scores_of(crowd, &customers, (from, to), member),
        stage: Some(stage(&days, brings_others(crowd, stages, member), today.0.into(), &stages.borders)),
        rhythm: rhythm(&days, today.0.into(), &tolerance),
    };
    place(&found, &distribution, today)
}

/// What somebody brings who is no customer that was asked about.
fn amount_of(crowd: &Crowd, question: &Question, member: MemberNo) -> Option<i64> {
    crowd.daybook.sums(question.window).get(member.0 as usize).copied()
}

fn scores_of(crowd: &Crowd, customers: &Customers, (from, to): (Day, Day), member: MemberNo) -> Option<Scores> {
    let buyers = customers.buyers(crowd, from, to);
    let at = buyers.binary_search_by_key(&member, |buyer| buyer.id).ok()?;
    scores(&buyers).get(at).copied()
}

/// How the best of one window fare in another.
fn report(crowd: &Crowd, question: &Question, then: &Question, top: Portion) -> pb::GetSegmentReportResponse {
    let customers = Customers::of(crowd, question);
    let buyers = customers.buyers(crowd, question.window.from, question.window.to);
    followed(&follow(crowd, &customers, then, top), &cells(&buyers, &scores(&buyers)))
}

#[tonic::async_trait]
impl pb::segment_service_server::SegmentService for Segments {
    async fn get_pareto_report(
        &self,
        request: Request<pb::GetParetoReportRequest>,
    ) -> Result<Response<pb::GetParetoReportResponse>, Status> {
        let since = Instant::now();
        let mut faults = Faults::default();
        let (program, asked, cuts) =
            segment_questions::pareto(request.into_inner(), |program| self.timeline(program), &mut faults);
        let ready = self.ready(program, &asked, &Path::Request, faults).await?;
        let (tomorrow, now) = (ready.tomorrow, self.engine.now());
        let reported = self.engine.ask_analyst(&ready.program, move |crowd, timeline| {
            let question = asked.question(crowd, tomorrow);
            let distribution = spread(crowd, &question);
            let report = segments::pareto(timeline.at(now), &question.window, &distribution, &cuts);
            pb::GetParetoReportResponse { bytes: count64(crowd.bytes()), ..report }
        });
        let reported = reported.await?;
        let took_us = count64(since.elapsed().as_micros());
        Ok(Response::new(pb::GetParetoReportResponse { took_us, ..reported }))
    }

    async fn list_top_members(
        &self,
        request: Request<pb::ListTopMembersRequest>,
    ) -> Result<Response<pb::ListTopMembersResponse>, Status> {
        let pb::ListTopMembersRequest { program, window: given, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let program = naming::program(program, &mut faults);
        let asked = window(given, &WINDOW, self.timeline(&program).as_deref(), &mut faults);
        let (list, id) = (asked.scope(), program.clone());
        let scope = ["top members", &*id, &list];
        let paged: Page<8> = page(page_size, &page_token, &scope, &mut faults);
        let ready = self.ready(program, &asked, &WINDOW, faults).await?;
        let skipped = usize::try_from(paged.after.map_or(0, u64::from_be_bytes)).unwrap_or(usize::MAX);
        let Listed { members, amount, customers, more } = self.listed(&ready, asked, (skipped, paged.limit)).await?;
        let end = (skipped.saturating_add(members.len()) as u64).to_be_bytes();
        Ok(Response::new(pb::ListTopMembersResponse {
            members,
            next_page_token: if more { token(&end, &scope) } else { String::new() },
            amount: segments::sum(amount),
            customers: count64(customers),
        }))
    }

    async fn get_member_segments(
        &self,
        request: Request<pb::GetMemberSegmentsRequest>,
    ) -> Result<Response<pb::GetMemberSegmentsResponse>, Status> {
        let pb::GetMemberSegmentsRequest { program, member_id, identifier, window: given, horizon_days } =
            request.into_inner();
        let mut faults = Faults::default();
        let (program, name) = named(&self.engine, program, member_id, identifier, &mut faults);
        let asked = window(given, &WINDOW, self.timeline(&program).as_deref(), &mut faults);
        let horizon = horizon(horizon_days, &mut faults);
        let ready = self.ready(program, &asked, &WINDOW, faults).await?;
        let view = self.engine.member(&ready.program, &name).await?;
        let (tomorrow, key) = (ready.tomorrow, view.member.key);
        let program = Arc::clone(view.timeline.at(view.now));
        let found = self.engine.ask_analyst(&ready.program, move |crowd, _| {
            let question = asked.question(crowd, tomorrow);
            let day = forecast_day(crowd, &question, tomorrow);
            let past = crowd.number(key).map(|member| crowd.daybook.past(member, day)).unwrap_or_default();
            (segments_of(crowd, &program, &question, key), (day, past))
        });
        let (found, past) = found.await?;
        let forecast = self.forecast(&ready, past, horizon).await?;
        let tier = view.member.standing.tier().map(|tier| tier_name(&view.timeline, tier)).unwrap_or_default();
        let member_id = view.member.id.to_string();
        let held = view.member.belonging().segments.iter();
        let segments = held.map(|held| in_segment(view.timeline.newest(), held)).collect();
        Ok(Response::new(pb::GetMemberSegmentsResponse { member_id, tier, segments, forecast, ..found }))
    }

    async fn get_segment_report(
        &self,
        request: Request<pb::GetSegmentReportRequest>,
    ) -> Result<Response<pb::GetSegmentReportResponse>, Status> {
        let pb::GetSegmentReportRequest { program, window: given, top_share, then_from, then_to, horizon_days } =
            request.into_inner();
        let mut faults = Faults::default();
        let program = naming::program(program, &mut faults);
        let asked = window(given, &WINDOW, self.timeline(&program).as_deref(), &mut faults);
        let top = share(&top_share, 20, "top_share", &mut faults);
        let (from, to) = days((then_from, then_to), ("then_from", "then_to"), &Path::Request, &mut faults);
        let horizon = horizon(horizon_days, &mut faults);
        let ready = self.ready(program, &asked, &WINDOW, faults).await?;
        let tomorrow = ready.tomorrow;
        let reported = self.engine.ask_analyst(&ready.program, move |crowd, timeline| {
            let question = asked.question(crowd, tomorrow);
            let then = Asked { from: from.or(Some(question.window.to)), to, ..asked };
            let day = forecast_day(crowd, &question, tomorrow);
            let then = then.question(crowd, tomorrow);
            let told = report(crowd, &question, &then, top);
            (tiers::moved(told, &flows(crowd, &question, then.window.to), timeline), day)
        });
        let (reported, day) = reported.await?;
        let forecast = self.crowd_forecast(&ready, day, horizon).await?;
        Ok(Response::new(pb::GetSegmentReportResponse { forecast, ..reported }))
    }

    type StreamAlertsStream = alerts::Told;

    async fn list_alerts(
        &self,
        request: Request<pb::ListAlertsRequest>,
    ) -> Result<Response<pb::ListAlertsResponse>, Status> {
        alerts::list(&self.engine, request.into_inner()).await.map(Response::new)
    }

    async fn acknowledge_alert(
        &self,
        request: Request<pb::AcknowledgeAlertRequest>,
    ) -> Result<Response<pb::AcknowledgeAlertResponse>, Status> {
        alerts::acknowledge(&self.engine, request).await.map(Response::new)
    }

    async fn stream_alerts(
        &self,
        request: Request<pb::StreamAlertsRequest>,
    ) -> Result<Response<Self::StreamAlertsStream>, Status> {
        alerts::stream(&self.engine, request.into_inner(), self.closing.clone()).map(Response::new)
    }
}
