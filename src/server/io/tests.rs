use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Counts how often the task is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

async fn pair() -> (ClientIo, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
    let client = TcpStream::connect(listener.local_addr().expect("its address")).await.expect("connected");
    let mut io = ClientIo::plain(Socket(listener.accept().await.expect("accepted").0));
    io.gather();
    (io, client)
}

#[tokio::test]
async fn what_was_flushed_goes_at_the_tasks_next_turn_in_one_piece() {
    let (mut io, mut client) = pair().await;
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    for part in [&b"one "[..], b"two ", b"three"] {
        assert!(matches!(Pin::new(&mut io).poll_write(&mut cx, part), Poll::Ready(Ok(count)) if count == part.len()));
        assert!(Pin::new(&mut io).poll_flush(&mut cx).is_ready());
    }
    assert_eq!(woken.0.load(Ordering::Relaxed), 3);
    assert_eq!(io.manners().written(), 0, "nothing has left yet");
    let mut buffer = [0; 64];
    assert!(Pin::new(&mut io).poll_read(&mut cx, &mut ReadBuf::new(&mut buffer)).is_pending());
    assert_eq!(io.manners().written(), 13);
    let count = client.read(&mut buffer).await.expect("read");
    assert_eq!(&buffer[..count], b"one two three");
}

#[tokio::test]
async fn a_client_that_takes_nothing_does_not_have_its_task_turn_round_and_round() {
    let (mut io, mut client) = pair().await;
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let part = [b'x'; 4096];
    let mut written = 0;
    // Until the kernel's buffers and ours are full.
    while let Poll::Ready(count) = Pin::new(&mut io).poll_write(&mut cx, &part) {
        written += count.expect("written");
    }
    let before = woken.0.load(Ordering::Relaxed);
    let mut buffer = [0; 64];
    for _ in 0..10 {
        assert!(Pin::new(&mut io).poll_read(&mut cx, &mut ReadBuf::new(&mut buffer)).is_pending());
        assert!(Pin::new(&mut io).poll_flush(&mut cx).is_pending());
    }
    assert_eq!(woken.0.load(Ordering::Relaxed), before, "only the socket wakes it");
    // Nothing is lost of what was taken.
    let reading = tokio::spawn(async move {
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.expect("read");
        all.len()
    });
    std::future::poll_fn(|cx| Pin::new(&mut io).poll_send(cx)).await.expect("sent");
    drop(io);
    assert_eq!(reading.await.expect("read"), written);
}
