//! An invitation belongs to the first device that redeems it, so that a link that was passed on opens nothing.
//!
//! It does not judge whether an invitation is genuine or has ended: the launcher has seen to both.

use rusqlite::{Connection, params};

use super::admit::seconds;
use super::key::{Kind, Seal};

/// Invitations that are remembered although they have ended. By number: a clock that jumps ahead would else have
/// them forgotten, and open again when it comes back.
const REMEMBERED: i64 = 10_000;

pub(super) fn redeem(
    tx: &Connection,
    seal: &Seal,
    now: u64,
    invitation: [u8; 16],
    device: &str,
    until: u64,
) -> rusqlite::Result<bool> {
    let which = seal.lasting(Kind::Invitation, &invitation);
    let device = seal.lasting(Kind::Invited, device.as_bytes());
    let first = tx
        .prepare_cached("INSERT INTO invitation (which, device, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![which, device, seconds(until)])?;
    if first == 1 {
        tx.prepare_cached("DELETE FROM invitation WHERE id <= ?1 AND until < ?2")?
            .execute(params![tx.last_insert_rowid() - REMEMBERED, seconds(now)])?;
        return Ok(true);
    }
    tx.prepare_cached("SELECT 1 FROM invitation WHERE which = ?1 AND device = ?2")?.exists(params![which, device])
}
