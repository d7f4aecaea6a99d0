//! Answers.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::asked::Asked;
use crate::load::retry_after;
use crate::transport::stream::Stream;

/// The body of an answer: known at once, or a stream of payloads.
#[derive(Debug)]
pub struct ResponseBody(Kind);

#[derive(Debug)]
enum Kind {
    Full(Full<Bytes>),
    Stream(Box<Stream>),
}

impl ResponseBody {
    pub(crate) fn stream(stream: Stream) -> Self {
        Self(Kind::Stream(Box::new(stream)))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.0 {
            Kind::Full(full) => Pin::new(full)
                .poll_frame(cx)
                .map_err(|never: Infallible| match never {}),
            Kind::Stream(stream) => stream
                .poll(cx)
                .map(|next| next.map(|bytes| bytes.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(full) => full.is_end_stream(),
            Kind::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(full) => full.size_hint(),
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}

pub(crate) fn plain(status: StatusCode, text: &str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody(Kind::Full(Full::from(text.to_owned()))));
    *response.status_mut() = status;
    response
}

/// The server has enough to do: not now.
pub(crate) fn later() -> Response<ResponseBody> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "");
    let after = HeaderValue::from(retry_after());
    response.headers_mut().insert(header::RETRY_AFTER, after);
    response
}

/// The client has said too much: not before so long.
pub(crate) fn too_many(wait: Duration) -> Response<ResponseBody> {
    let mut response = plain(StatusCode::TOO_MANY_REQUESTS, "");
    // Whole seconds: it is in vain before, and never at once.
    let after = HeaderValue::from(wait.as_secs() + 1);
    response.headers_mut().insert(header::RETRY_AFTER, after);
    response
}

pub(crate) const JSON: &str = "application/json; charset=UTF-8";
pub(crate) const JAVASCRIPT: &str = "application/javascript; charset=UTF-8";

/// JSON, or a call of the JSONP function with it.
pub(crate) fn json(asked: &Asked, text: String) -> Response<ResponseBody> {
    match &asked.callback {
        Some(callback) => typed(format!("{callback}({text});").into_bytes(), JAVASCRIPT),
        None => typed(text.into_bytes(), JSON),
    }
}

pub(crate) fn javascript(text: String) -> Response<ResponseBody> {
    typed(text.into_bytes(), JAVASCRIPT)
}

pub(crate) fn typed(body: Vec<u8>, content_type: &'static str) -> Response<ResponseBody> {
    with_type(ResponseBody(Kind::Full(Full::from(body))), content_type)
}

pub(crate) fn with_type(body: ResponseBody, content_type: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
