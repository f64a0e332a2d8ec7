//! The caller's deadline: answered with `DEADLINE_EXCEEDED`, where the transport alone would say `CANCELLED`.
//!
//! An order that is under way when the deadline passes is finished all the same; sent again, it is a replay.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::errors::{Problem, reason};

/// The span the answer must be ready within, by the caller's `grpc-timeout` and the server's own limit.
#[must_use]
pub fn of(headers: &HeaderMap, limit: Option<Duration>) -> Option<Duration> {
    let asked = headers.get("grpc-timeout").and_then(|value| parse(value.to_str().ok()?));
    match (asked, limit) {
        (Some(asked), Some(limit)) => Some(asked.min(limit)),
        (asked, limit) => asked.or(limit),
    }
}

/// Waits for `answer` until `span` after `since` is over.
///
/// # Errors
/// `DEADLINE_EXCEEDED` if it was not ready in time.
pub async fn within<T>(span: Option<Duration>, since: Instant, answer: impl Future<Output = T>) -> Result<T, Status> {
    let at = span.and_then(|span| Some((span, since.checked_add(span)?)));
    let Some((span, at)) = at else { return Ok(answer.await) };
    let (mut answer, mut alarm) = (pin!(answer), pin!(tokio::time::sleep_until(at)));
    poll_fn(|cx| {
        if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
            return Poll::Ready(Ok(answer));
        }
        // The transport has an alarm for the same moment, and if that one wakes us first it must not be heard.
        if alarm.as_mut().poll(cx).is_ready() || Instant::now() >= at {
            return Poll::Ready(Err(exceeded(span)));
        }
        Poll::Pending
    })
    .await
}

fn exceeded(span: Duration) -> Status {
    Problem::new(Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED, "the deadline passed")
        .with("timeout_ms", span.as_millis())
        .into()
}

/// `100m`, `5S`: at most eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok().filter(|_| digits.len() <= 8 && !digits.starts_with('+'))?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_read() {
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        for bad in ["", "m", "1", "1s", "-1S", "+1S", "123456789S", "1é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_late_answer_is_deadline_exceeded() {
        let span = Some(Duration::from_millis(5));
        let late = within(span, Instant::now(), std::future::pending::<()>()).await;
        assert_eq!(late.map_err(|status| status.code()), Err(Code::DeadlineExceeded));
        assert_eq!(within(None, Instant::now(), async { 1 }).await.ok(), Some(1));
        assert_eq!(within(span, Instant::now() - Duration::from_secs(1), async { 1 }).await.ok(), Some(1));
    }
}
