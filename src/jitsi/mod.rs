//! Meetings: who asks, which room, which token.
