//! One connection, byte for byte: the same for a client before gatepost and an upstream behind it.
//!
//! It frames as RFC 9112 says and corrects nothing: what is sent is what the
//! test wrote, what is read is kept as it came.

use std::fmt;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::soon;

/// What a connection runs over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    /// Read and not yet taken.
    buffer: Vec<u8>,
}

/// A request or an answer as it came.
#[derive(Clone, Default)]
pub(crate) struct Message {
    /// Request line or status line.
    pub(crate) line: String,
    /// Fields in order, names as they came.
    pub(crate) fields: Vec<(String, String)>,
    /// The content, without chunk framing.
    pub(crate) body: Vec<u8>,
    /// What followed the last chunk.
    pub(crate) trailers: Vec<(String, String)>,
}

/// The connection ended in the middle of a message.
#[derive(Debug)]
pub(crate) struct BrokeOff;

/// A head from lines: line feeds become CRLF, the blank line is added.
pub(crate) fn head(lines: &str) -> Vec<u8> {
    let mut bytes = lines.trim_end_matches('\n').replace('\n', "\r\n").into_bytes();
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes
}

/// A message with a counted body.
pub(crate) fn message(lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = head(&format!("{lines}\nContent-Length: {}", body.len()));
    bytes.extend_from_slice(body);
    bytes
}

/// `200 OK` with a counted body.
pub(crate) fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    message("HTTP/1.1 200 OK", body)
}

impl Wire {
    pub(crate) fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), buffer: Vec::new() }
    }

    /// Sends these bytes. An error is none here: whoever sends into a closed connection reads why.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        soon("room to send", async {
            self.stream.write_all(bytes.as_ref()).await.is_ok() && self.stream.flush().await.is_ok()
        })
        .await
    }

    /// Sends a head of these lines.
    pub(crate) async fn send_head(&mut self, lines: &str) {
        self.send(head(lines)).await;
    }

    /// Sends a GET or the like and reads the answer.
    pub(crate) async fn ask(&mut self, lines: &str) -> Message {
        self.send_head(lines).await;
        if lines.starts_with("HEAD ") { self.answer_to_head().await } else { self.answer().await }
    }

    /// Ends this side's sending.
    pub(crate) async fn finish(&mut self) {
        let _ = soon("the end of sending", self.stream.shutdown()).await;
    }

    /// Reads a head; `None` where the connection ends before its first byte.
    pub(crate) async fn head(&mut self) -> Result<Option<Message>, BrokeOff> {
        let Some(end) = self.until(b"\r\n\r\n").await? else { return Ok(None) };
        let text = String::from_utf8_lossy(&self.take(end)).into_owned();
        let mut lines = text.trim_end().split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        Ok(Some(Message { line, fields: lines.map(field).collect(), ..Message::default() }))
    }

    /// Reads an answer to anything but HEAD, interim answers left out.
    pub(crate) async fn answer(&mut self) -> Message {
        loop {
            let mut message = self.expect_head().await;
            if message.status() / 100 == 1 && message.status() != 101 {
                continue;
            }
            self.body(&mut message).await.expect("a whole answer");
            return message;
        }
    }

    /// Reads an answer to HEAD.
    pub(crate) async fn answer_to_head(&mut self) -> Message {
        self.expect_head().await
    }

    /// Reads a head that must come.
    pub(crate) async fn expect_head(&mut self) -> Message {
        self.head().await.expect("a whole head").expect("a head before the end of the connection")
    }

    /// Reads the body that this head announces.
    pub(crate) async fn body(&mut self, message: &mut Message) -> Result<(), BrokeOff> {
        let status = message.is_answer().then(|| message.status());
        if matches!(status, Some(101 | 204 | 304)) {
            return Ok(());
        }
        if message.field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = self.line().await?;
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).map_err(|_| BrokeOff)?;
                if size == 0 {
                    break;
                }
                message.body.extend(self.exactly(size).await?);
                self.line().await?;
            }
            loop {
                let line = self.line().await?;
                if line.is_empty() {
                    return Ok(());
                }
                message.trailers.push(field(&line));
            }
        } else if let Some(length) = message.field("content-length") {
            let length = length.parse().map_err(|_| BrokeOff)?;
            message.body = self.exactly(length).await?;
        } else if status.is_some() {
            message.body = self.rest().await;
        }
        Ok(())
    }

    /// Reads exactly this many bytes.
    pub(crate) async fn exactly(&mut self, count: usize) -> Result<Vec<u8>, BrokeOff> {
        while self.buffer.len() < count {
            if self.fill().await == 0 {
                return Err(BrokeOff);
            }
        }
        Ok(self.take(count))
    }

    /// Reads to the end of the connection, however it comes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Waits until the other side has ended and sent nothing before.
    pub(crate) async fn closes(&mut self) {
        let rest = self.rest().await;
        assert!(rest.is_empty(), "bytes before the end: {:?}", String::from_utf8_lossy(&rest));
    }

    /// The stream below; nothing may be read and not taken.
    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        assert!(self.buffer.is_empty(), "bytes would be lost");
        self.stream
    }

    async fn line(&mut self) -> Result<String, BrokeOff> {
        let end = self.until(b"\r\n").await?.ok_or(BrokeOff)?;
        let line = self.take(end);
        Ok(String::from_utf8_lossy(&line[..line.len() - 2]).into_owned())
    }

    /// Reads until `mark` is there; its end in the buffer, or `None` where nothing came at all.
    async fn until(&mut self, mark: &[u8]) -> Result<Option<usize>, BrokeOff> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|window| window == mark) {
                return Ok(Some(at + mark.len()));
            }
            if self.fill().await == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(BrokeOff) };
            }
        }
    }

    async fn fill(&mut self) -> usize {
        soon("bytes", self.stream.read_buf(&mut self.buffer)).await.unwrap_or(0)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.buffer.drain(..count).collect()
    }
}

impl Message {
    /// The status of an answer.
    pub(crate) fn status(&self) -> u16 {
        self.line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or_else(|| panic!("no status in {:?}", self.line))
    }

    /// The target of a request.
    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The only field of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} came {} times in {self:?}", all.len());
        all.first().copied()
    }

    /// Every field of this name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether there is a field of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    fn is_answer(&self) -> bool {
        self.line.starts_with("HTTP/")
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.line)?;
        for (name, value) in &self.fields {
            writeln!(f, "{name}: {value}")?;
        }
        // Enough of a body to know it by.
        write!(f, "\n{}", String::from_utf8_lossy(&self.body[..self.body.len().min(400)]))
    }
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.to_owned(), value.trim().to_owned())
}
