//! An HTTP/2 client whose fields are exactly as a test wrote them: `:authority` with `host` or without, cookies in crumbs, extended CONNECT.

use std::future::poll_fn;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request, Response, Version};
use tokio::task::JoinHandle;

use super::client::Secured;
use super::raw::Message;
use super::soon;

/// An HTTP/2 connection.
pub(crate) struct H2 {
    requests: SendRequest<Bytes>,
    driver: JoinHandle<()>,
}

/// A request whose body is sent bit by bit.
pub(crate) struct Open {
    /// The way up.
    pub(crate) up: SendStream<Bytes>,
    response: ResponseFuture,
}

/// A stream in both directions after its answer's head: a tunnel.
pub(crate) struct Tunnel {
    up: SendStream<Bytes>,
    down: RecvStream,
}

impl H2 {
    /// The client's preface over a connection that chose `h2`.
    pub(crate) async fn over(secured: Secured) -> Self {
        assert_eq!(secured.protocol().as_deref(), Some("h2"));
        let (requests, connection) =
            soon("an HTTP/2 preface", h2::client::handshake(secured.into_stream())).await.expect("HTTP/2");
        let driver = tokio::spawn(async move {
            // How it ended shows at the streams.
            let _ = connection.await;
        });
        Self { requests, driver }
    }

    /// A request of these lines, as in HTTP/1.1 but for the first: `GET https://chat.example/path`.
    ///
    /// A target without authority sends no `:authority`.
    pub(crate) async fn ask(&mut self, lines: &str) -> Message {
        self.open(request(lines), true).await.answer().await
    }

    /// The same with a body.
    pub(crate) async fn ask_with(&mut self, lines: &str, body: impl Into<Bytes>) -> Message {
        let mut open = self.open(request(lines), false).await;
        open.up.send_data(body.into(), true).expect("room for the body");
        open.answer().await
    }

    /// A request whose body is to be sent.
    pub(crate) async fn begin(&mut self, lines: &str) -> Open {
        self.open(request(lines), false).await
    }

    /// A request without a body, whose answer may break off.
    pub(crate) async fn begin_and_end(&mut self, lines: &str) -> Open {
        self.open(request(lines), true).await
    }

    /// Whether the server takes extended CONNECT (RFC 8441); known once it has answered something.
    pub(crate) fn takes_extended_connect(&self) -> bool {
        self.requests.is_extended_connect_protocol_enabled()
    }

    /// Extended CONNECT with `:protocol`.
    pub(crate) async fn connect(&mut self, protocol: &str, lines: &str) -> Open {
        let mut request = request(lines);
        *request.method_mut() = Method::CONNECT;
        request.extensions_mut().insert(Protocol::from(protocol));
        self.open(request, false).await
    }

    /// Waits until the server has ended the connection.
    pub(crate) async fn ends(mut self) {
        soon("the end of the connection", &mut self.driver).await.expect("it runs to its end");
    }

    async fn open(&mut self, request: Request<()>, end: bool) -> Open {
        let mut ready = soon("a free stream", self.requests.clone().ready()).await.expect("an open connection");
        let (response, up) = ready.send_request(request, end).expect("a request that HTTP/2 can carry");
        Open { up, response }
    }
}

impl Drop for H2 {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Open {
    /// Sends this much of a body as the window lets it, and ends it; why it could not, where the stream was reset.
    pub(crate) async fn send_all(&mut self, size: usize) -> Result<(), h2::Error> {
        let mut left = size;
        while left > 0 {
            self.up.reserve_capacity(left.min(16 * 1024));
            let room = soon("room to send", poll_fn(|cx| self.up.poll_capacity(cx))).await.expect("an open stream")?;
            self.up.send_data(vec![b'x'; room].into(), room == left)?;
            left -= room;
        }
        Ok(())
    }

    /// The whole answer.
    pub(crate) async fn answer(self) -> Message {
        self.outcome().await.expect("a whole answer")
    }

    /// The whole answer, or why there was none.
    pub(crate) async fn outcome(self) -> Result<Message, h2::Error> {
        // Kept until the answer is there: dropping it would reset the stream.
        let _up = self.up;
        let response = soon("an answer", self.response).await?;
        let mut message = head(&response);
        let mut body = response.into_body();
        while let Some(data) = soon("the body", body.data()).await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            message.body.extend_from_slice(&data);
        }
        if let Some(trailers) = soon("trailers", body.trailers()).await? {
            message.trailers = fields(&trailers);
        }
        Ok(message)
    }

    /// The head alone.
    pub(crate) async fn head(&mut self) -> Message {
        head(&soon("an answer", &mut self.response).await.expect("an answer"))
    }

    /// The head, and what follows in both directions.
    pub(crate) async fn tunnel(self) -> (Message, Tunnel) {
        let response = soon("an answer", self.response).await.expect("an answer");
        (head(&response), Tunnel { up: self.up, down: response.into_body() })
    }
}

impl Tunnel {
    /// Sends bytes up.
    pub(crate) fn send(&mut self, bytes: impl Into<Bytes>) {
        self.up.send_data(bytes.into(), false).expect("an open stream");
    }

    /// Ends the way up.
    pub(crate) fn finish(&mut self) {
        self.up.send_data(Bytes::new(), true).expect("an open stream");
    }

    /// Reads exactly this many bytes.
    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let data = soon("bytes", self.down.data()).await.expect("more bytes").expect("an open stream");
            self.down.flow_control().release_capacity(data.len()).expect("a window");
            bytes.extend_from_slice(&data);
        }
        assert_eq!(bytes.len(), count, "more bytes than were due");
        bytes
    }

    /// Reads to the end: whether that is a reset.
    pub(crate) async fn is_cut(&mut self) -> bool {
        loop {
            match soon("the end", self.down.data()).await {
                Some(Ok(data)) => self.down.flow_control().release_capacity(data.len()).expect("a window"),
                Some(Err(_)) => return true,
                None => return false,
            }
        }
    }

    /// Waits until the server has ended its side, cleanly or not.
    pub(crate) async fn ends(&mut self) {
        while let Some(Ok(data)) = soon("the end", self.down.data()).await {
            assert!(data.is_empty(), "bytes before the end: {data:?}");
        }
    }
}

fn request(lines: &str) -> Request<()> {
    let mut lines = lines.lines();
    let (method, target) = lines.next().and_then(|line| line.split_once(' ')).expect("a method and a target");
    let mut request = Request::builder().method(method).uri(target);
    // `h2` sends a target without authority only for what came by HTTP/1.1.
    request = request.version(if target.starts_with('/') { Version::HTTP_11 } else { Version::HTTP_2 });
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a field");
        request = request.header(name, value);
    }
    request.body(()).expect("a request")
}

fn head<B>(response: &Response<B>) -> Message {
    Message {
        line: format!("HTTP/2 {}", response.status().as_u16()),
        fields: fields(response.headers()),
        ..Message::default()
    }
}

fn fields(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}
