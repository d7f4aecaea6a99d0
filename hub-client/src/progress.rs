//! [`ProgressStream`]: a call whose reports are read as a stream.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use hub_core::{BoxFuture, CallError, Payload};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedReceiver;

/// A call that reports its progress ([`HubClient::progress`](crate::HubClient::progress)): a stream of reports, which ends when the
/// call does, and then its [`result`](Self::result). The call is made when either is first polled.
///
/// Reports come while it is polled, and wait in memory while it is not.
#[must_use = "a call is made when it is polled"]
pub struct ProgressStream<P, T> {
    call: BoxFuture<'static, Result<Payload, CallError>>,
    reports: UnboundedReceiver<Payload>,
    ended: Option<Result<Payload, CallError>>,
    read_as: PhantomData<fn() -> (P, T)>,
}

impl<P, T> ProgressStream<P, T> {
    pub(crate) fn new(
        call: BoxFuture<'static, Result<Payload, CallError>>,
        reports: UnboundedReceiver<Payload>,
    ) -> Self {
        Self {
            call,
            reports,
            ended: None,
            read_as: PhantomData,
        }
    }
}

impl<P, T: DeserializeOwned> ProgressStream<P, T> {
    /// What came of the call. Reports that were not read are dropped.
    ///
    /// # Errors
    /// As for [`HubClient::invoke`](crate::HubClient::invoke).
    ///
    /// # Cancel safety
    /// As for [`HubClient::invoke`](crate::HubClient::invoke).
    pub async fn result(self) -> Result<T, CallError> {
        let result = match self.ended {
            Some(result) => result,
            None => self.call.await,
        };
        result?.read().map_err(CallError::Decode)
    }
}

/// Each report, in order; an error in the place of one that is no `P`, and those after it come all the same.
impl<P: DeserializeOwned, T> Stream for ProgressStream<P, T> {
    type Item = Result<P, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended.is_none()
            && let Poll::Ready(result) = self.call.as_mut().poll(cx)
        {
            self.ended = Some(result);
        }
        match self.reports.poll_recv(cx) {
            Poll::Ready(report) => {
                Poll::Ready(report.map(|report| report.read().map_err(CallError::Decode)))
            }
            // What came before the result is there, and nothing comes after it.
            Poll::Pending if self.ended.is_some() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<P, T> fmt::Debug for ProgressStream<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgressStream")
            .field("ended", &self.ended.is_some())
            .finish_non_exhaustive()
    }
}
