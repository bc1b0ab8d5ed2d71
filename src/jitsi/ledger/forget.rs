//! Old months are reduced to their counts, and the counts forgotten in the end.
//!
//! Not by the clock alone: one that jumps to 2040 and comes back would have deleted everything. A month is old when
//! newer months have rows, which somebody's meetings have made. Months beyond a hole of more than a year are little
//! evidence of that, since it is more likely the clock that was there than the people: several are needed.
//!
//! The present month and the one before are never touched.

use rusqlite::{Connection, params};

use super::month::YearMonth;

/// Newer months that let a month's ids be forgotten: the month and its successor are looked at, older ones in sum.
const IDS: usize = 2;

/// Newer months that let its counts be forgotten: two years can be compared.
const COUNTS: usize = 24;

/// Longest hole, in months, between two months of one history.
const HOLE: i64 = 12;

/// As many more newer months are needed where they lie beyond a hole.
const DOUBT: usize = 4;

pub(super) fn forget(tx: &Connection, launcher: &str, present: YearMonth) -> rusqlite::Result<()> {
    let rows: Vec<(i64, i64, bool)> = tx
        .prepare_cached("SELECT id, month, reduced FROM month WHERE launcher = ?1 ORDER BY month")?
        .query_map([launcher], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (place, &(id, month, reduced)) in rows.iter().enumerate() {
        if month == present.index() || month == present.before(1).index() {
            continue;
        }
        let newer: Vec<i64> = rows[place + 1..].iter().map(|&(_, month, _)| month).collect();
        if is_older_by(month, &newer, COUNTS) {
            tx.prepare_cached("DELETE FROM month WHERE id = ?1")?.execute([id])?;
        } else if !reduced && is_older_by(month, &newer, IDS) {
            for table in ["person", "device", "use", "reported"] {
                tx.execute(&format!("DELETE FROM {table} WHERE month = ?1"), [id])?;
            }
            tx.execute("UPDATE month SET reduced = 1 WHERE id = ?1", params![id])?;
        }
    }
    Ok(())
}

/// Whether the months that are newer than `month`, in order, are enough to make it old.
fn is_older_by(month: i64, newer: &[i64], enough: usize) -> bool {
    let mut before = month;
    let near = newer.iter().take_while(|&&next| next - std::mem::replace(&mut before, next) <= HOLE).count();
    near >= enough || newer.len() >= enough + DOUBT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_months_make_a_month_old_and_a_jump_does_not() {
        assert!(!is_older_by(100, &[], 2));
        assert!(!is_older_by(100, &[101], 2));
        assert!(is_older_by(100, &[101, 102], 2));
        assert!(is_older_by(100, &[112, 124], 2), "a quiet year is no hole");
        assert!(!is_older_by(100, &[256, 257, 258], 2), "the clock was in 2040");
        assert!(!is_older_by(100, &[101, 256, 257], 2), "and again");
        assert!(is_older_by(100, &[256, 257, 258, 259, 260, 261], 2), "so many months were lived");
    }
}
