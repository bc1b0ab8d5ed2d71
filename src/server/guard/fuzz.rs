//! Fuzzers' door to the framing of HTTP/1: what the judge sees, and what hyper hears of it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::task::Waker;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::*;

/// All that a client sends on one connection of HTTP/1.
///
/// However reads cut it, the judge says the same of it. What hyper makes requests of are the very messages that the
/// judge saw, with the very same bodies; it may refuse more, and hears nothing of what the judge refused.
pub fn framing(stream: &[u8]) {
    // Any size will do: the length alone says it, so that a seed is what stands on the wire.
    let step = stream.len() % 61 + 1;
    let whole = outcome(stream.chunks(stream.len().max(1)));
    assert_eq!(outcome(stream.chunks(1)), whole, "cut into bytes");
    assert_eq!(outcome(stream.chunks(step)), whole, "cut into {step}");

    let seen = seen(stream);
    assert_eq!(seen.len() as u64, whole.1);
    for step in [step, stream.len()] {
        let heard = heard(stream, step);
        assert!(heard.len() <= seen.len(), "{heard:?} of {seen:?}");
        for (heard, seen) in heard.iter().zip(&seen) {
            assert_eq!(heard.method, seen.method());
            assert_eq!(heard.fields, seen.fields(), "{heard:?} of {seen:?}");
            let body = seen.body();
            if heard.whole {
                assert!(seen.whole && heard.body == body, "{heard:?} of {seen:?}");
            } else {
                assert!(body.starts_with(&heard.body), "{heard:?} of {seen:?}");
            }
        }
    }
}

/// Whether all is taken, or why not; and how many heads came whole. Fed in these pieces, as a connection would be.
pub(super) fn outcome<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> (Result<(), Why>, u64) {
    let mut judge = Judge::default();
    for mut rest in pieces {
        loop {
            match judge.judge(rest) {
                Verdict::Pass => break,
                Verdict::Refuse(at, why) => {
                    assert!(at < rest.len(), "there is room for something in the place of what is wrong");
                    return (Err(why), judge.heads());
                }
                Verdict::Hold(at) => {
                    assert!(judge.waits());
                    judge.go_on();
                    rest = &rest[at..];
                }
            }
        }
    }
    (Ok(()), judge.heads())
}

/// A message as the judge sees it.
#[derive(Debug, Default)]
struct Seen {
    head: Vec<u8>,
    /// As it stands on the wire.
    framed: Vec<u8>,
    whole: bool,
}

impl Seen {
    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty())
    }

    fn method(&self) -> &str {
        let line = self.lines().next().unwrap_or_default();
        std::str::from_utf8(line.split(|&byte| byte == b' ').next().unwrap_or_default()).unwrap_or_default()
    }

    fn fields(&self) -> usize {
        self.lines().count() - 1
    }

    /// Out of its chunks, as far as they are whole or begun.
    fn body(&self) -> Vec<u8> {
        let is_chunked = self.lines().any(|line| line.to_ascii_lowercase().starts_with(b"transfer-encoding:"));
        if !is_chunked {
            return self.framed.clone();
        }
        let (mut body, mut rest) = (Vec::new(), &self.framed[..]);
        while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
            let digits = rest[..end].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let digits = std::str::from_utf8(&rest[..digits]).expect("digits");
            let size = usize::try_from(u64::from_str_radix(digits, 16).expect("digits")).unwrap_or(usize::MAX);
            rest = &rest[end + 2..];
            if size == 0 {
                break;
            }
            body.extend_from_slice(&rest[..size.min(rest.len())]);
            rest = rest.get(size.saturating_add(2)..).unwrap_or_default();
        }
        body
    }
}

/// Told byte by byte, the judge says of each whether it is a head's or a body's.
fn seen(stream: &[u8]) -> Vec<Seen> {
    let mut judge = Judge::default();
    let (mut messages, mut head): (Vec<Seen>, Vec<u8>) = (Vec::new(), Vec::new());
    for byte in stream {
        if judge.waits() {
            judge.go_on();
        }
        let in_head = judge.is_in_head();
        let heads = judge.heads();
        if let Verdict::Refuse(..) = judge.judge(&[*byte]) {
            break;
        }
        let ended = judge.is_in_head() || judge.waits();
        if !in_head {
            let message = messages.last_mut().expect("a body has a head");
            message.framed.push(*byte);
            message.whole = ended;
            continue;
        }
        head.push(*byte);
        if judge.heads() > heads {
            messages.push(Seen { head: std::mem::take(&mut head), framed: Vec::new(), whole: ended });
        }
    }
    messages
}

/// A request as hyper hands it over.
#[derive(Debug)]
struct Heard {
    method: String,
    fields: usize,
    body: Vec<u8>,
    whole: bool,
}

/// What hyper, behind the guard, makes of a stream that comes in pieces of this size.
fn heard(stream: &[u8], step: usize) -> Vec<Heard> {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let watch = Watch::default();
    let service = service_fn(|request: Request<Incoming>| hear(request, heard.clone(), watch.clone()));
    let guarded = Guard::new(Wire { left: Bytes::copy_from_slice(stream), step }, watch.clone());
    {
        let mut serving = pin!(http1::Builder::new().serve_connection(TokioIo::new(guarded), service));
        let mut context = Context::from_waker(Waker::noop());
        // Each poll reads, or the connection is over or waits for an answer: many more polls than that mean that it
        // spins.
        let most = 4 * stream.len() + 64;
        let over = (0..most).any(|_| serving.as_mut().poll(&mut context).is_ready());
        assert!(over, "hyper waits for ever");
    }
    heard.take()
}

async fn hear(
    request: Request<Incoming>,
    heard: Rc<RefCell<Vec<Heard>>>,
    watch: Watch,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    if request.method() == Method::CONNECT {
        // As gatepost answers it: else what follows would be a tunnel's.
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    }
    let (method, fields) = (request.method().to_string(), request.headers().len());
    let at = heard.borrow().len();
    heard.borrow_mut().push(Heard { method, fields, body: Vec::new(), whole: false });
    let mut body = request.into_body();
    loop {
        match body.frame().await {
            Some(Ok(frame)) => {
                let data = frame.data_ref().map(|data| &data[..]).unwrap_or_default();
                heard.borrow_mut()[at].body.extend_from_slice(data);
            }
            Some(Err(_)) => break,
            None => {
                heard.borrow_mut()[at].whole = true;
                break;
            }
        }
    }
    watch.answered();
    Ok(response)
}

/// A client that has sent everything and takes whatever comes.
struct Wire {
    left: Bytes,
    step: usize,
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let now = this.step.min(this.left.len()).min(buf.remaining());
        buf.put_slice(&this.left.split_to(now));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
