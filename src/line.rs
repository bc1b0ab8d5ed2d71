//! A pair of sockets between two processes of ours: messages that keep their borders (`SOCK_SEQPACKET`), each with a descriptor or none.
//!
//! What is said on it, and who may say what, is for who uses it: `server::handover`, `privilege::reader`.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Longest message in bytes: what keeps a process from starting may be many findings.
pub(crate) const LONGEST: usize = 64 * 1024;

/// What is said makes no sense, or is not said at all.
#[derive(Debug, Error)]
#[error("the two processes do not understand each other: {0}")]
struct Misunderstood(String);

/// One end.
#[derive(Debug)]
pub(crate) struct Line(OwnedFd);

impl Line {
    /// Two ends of one; neither is inherited unless it is made somebody's standard input.
    pub(crate) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(ours), theirs))
    }

    /// An end that was made elsewhere; an error where it is something else.
    pub(crate) fn of(end: OwnedFd) -> io::Result<Self> {
        match rustix::net::sockopt::socket_type(&end)? {
            SocketType::SEQPACKET => Ok(Self(end)),
            other => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is a socket of type {other:?}"))),
        }
    }

    /// How long [`Line::hear`] waits at most.
    pub(crate) fn patient(&self, limit: Duration) -> io::Result<()> {
        Ok(set_socket_timeout(&self.0, Timeout::Recv, Some(limit))?)
    }

    /// Another descriptor of this end, for watching it.
    pub(crate) fn try_clone(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }

    /// Says something.
    pub(crate) fn say<W: Serialize>(&self, word: &W) -> io::Result<()> {
        self.send(word, &[])
    }

    /// With a descriptor, of which the other side gets one of its own.
    pub(crate) fn say_with<W: Serialize>(&self, word: &W, descriptor: impl AsFd) -> io::Result<()> {
        self.send(word, &[descriptor.as_fd()])
    }

    fn send<W: Serialize>(&self, word: &W, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let text = serde_json::to_vec(word)?;
        if text.len() > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is too long for the other side"));
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            beside.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        // Nobody left to hear it is an error, not a signal.
        sendmsg(&self.0, &[IoSlice::new(&text)], &mut beside, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next message, with its descriptor where it has one; `None` where the other side has gone.
    pub(crate) fn hear<W: DeserializeOwned>(&self) -> io::Result<Option<(W, Option<OwnedFd>)>> {
        let mut text = vec![0; LONGEST];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let read = loop {
            match recvmsg(&self.0, &mut [IoSliceMut::new(&mut text)], &mut beside, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                outcome => break outcome?,
            }
        };
        let mut descriptor = None;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(mut rights) = message {
                descriptor = rights.next();
            }
        }
        if read.bytes == 0 {
            return Ok(None);
        }
        match serde_json::from_slice(&text[..read.bytes]) {
            Ok(word) => Ok(Some((word, descriptor))),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, Misunderstood(error.to_string()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn words_come_one_by_one_with_their_descriptors_and_an_end_is_an_end() {
        let (ours, theirs) = Line::pair().expect("a pair");
        let theirs = Line::of(theirs).expect("an end");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        ours.say_with(&address, &listener).expect("said");
        ours.say(&"that is all").expect("said");
        let (heard, descriptor) = theirs.hear().expect("heard").expect("a word");
        assert_eq!(address, heard);
        let same = TcpListener::from(descriptor.expect("a descriptor"));
        assert_eq!(same.local_addr().expect("an address"), address);
        let heard = theirs.hear::<String>().expect("heard").map(|(word, descriptor)| (word, descriptor.is_none()));
        assert_eq!(heard, Some(("that is all".to_owned(), true)));
        drop(ours);
        assert!(theirs.hear::<String>().expect("an end").is_none());
        assert!(theirs.say(&"ready").is_err(), "and no signal");
    }

    #[test]
    fn who_says_nothing_is_not_waited_for_for_ever() {
        let (ours, _theirs) = Line::pair().expect("a pair");
        ours.patient(Duration::from_millis(10)).expect("an option");
        assert_eq!(ours.hear::<String>().expect_err("nothing").kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn what_the_other_side_could_not_take_is_not_sent() {
        let (ours, _theirs) = Line::pair().expect("a pair");
        let error = ours.say(&"x".repeat(LONGEST)).expect_err("too long");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
