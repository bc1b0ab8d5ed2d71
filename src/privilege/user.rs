//! The user that `[server] user` names, as this machine knows it.
//!
//! It refuses root: whoever wants that leaves `user` out.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User as Entry, getgrouplist};

use crate::config::finding::{Finding, Place};
use crate::config::model::Account;

/// A user to become, or that this process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name, or its number where it has none.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The group of what it makes.
    pub gid: u32,
    /// All groups that it is in, `gid` among them.
    pub groups: Vec<u32>,
}

impl User {
    /// Looks a user up.
    ///
    /// # Errors
    /// Where the machine has no such user or group, as a finding that stops the start.
    pub fn find(account: &Account) -> Result<Self, Finding> {
        let name = account.user.as_str();
        let failed = |place: &Place, what: String| Finding::fatal(place.clone(), what);
        let unasked = |error| failed(&account.place, format!("the user \"{name}\" cannot be looked up: {error}"));
        let entry = match Entry::from_name(name).map_err(unasked)? {
            None => match number(name) {
                Some(uid) => Entry::from_uid(Uid::from_raw(uid)).map_err(unasked)?,
                None => {
                    let mend = format!(
                        "make it: useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {name}"
                    );
                    return Err(failed(&account.place, format!("this machine has no user \"{name}\"")).mend(mend));
                }
            },
            entry => entry,
        };
        let uid = entry.as_ref().map_or_else(|| number(name).unwrap_or_default(), |entry| entry.uid.as_raw());
        if uid == 0 {
            let what = format!("`user` is \"{name}\", which gives nothing up");
            return Err(failed(&account.place, what).mend("name a user of gatepost's own, or leave `user` out"));
        }
        let gid = match (&account.group, &entry) {
            (Some(group), _) => gid_of(group, &account.group_place)?,
            (None, Some(entry)) => entry.gid.as_raw(),
            (None, None) => {
                let what = format!("this machine has no user with the number {name}, so that its group is not known");
                return Err(failed(&account.place, what).mend("name a `group` as well"));
            }
        };
        let mut groups = vec![gid];
        if let Some(entry) = &entry
            && let Ok(known) = CString::new(entry.name.as_str())
        {
            let others = getgrouplist(&known, Gid::from_raw(gid)).map_err(unasked)?;
            groups.extend(others.into_iter().map(Gid::as_raw));
        }
        groups.sort_unstable();
        groups.dedup();
        Ok(Self { name: entry.map_or_else(|| name.to_owned(), |entry| entry.name), uid, gid, groups })
    }

    /// Whoever this process runs as.
    pub fn of_this_process() -> Self {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let name = Entry::from_uid(Uid::from_raw(uid)).ok().flatten().map(|entry| entry.name);
        let mut groups = vec![gid];
        groups.extend(rustix::process::getgroups().unwrap_or_default().into_iter().map(rustix::process::Gid::as_raw));
        groups.sort_unstable();
        groups.dedup();
        Self { name: name.unwrap_or_else(|| uid.to_string()), uid, gid, groups }
    }
}

fn number(name: &str) -> Option<u32> {
    // The last one means "no user" to the kernel (setresuid(2)).
    name.parse().ok().filter(|&number| number != u32::MAX)
}

fn gid_of(group: &str, place: &Place) -> Result<u32, Finding> {
    match Group::from_name(group) {
        Ok(Some(entry)) => Ok(entry.gid.as_raw()),
        Ok(None) => number(group).ok_or_else(|| {
            let finding = Finding::fatal(place.clone(), format!("this machine has no group \"{group}\""));
            finding.mend(format!("make it: groupadd --system {group}; or leave `group` out for the user's own"))
        }),
        Err(error) => Err(Finding::fatal(place.clone(), format!("the group \"{group}\" cannot be looked up: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(user: &str, group: Option<&str>) -> Account {
        Account { user: user.into(), group: group.map(str::to_owned), place: Place(1..2), group_place: Place(3..4) }
    }

    #[test]
    fn a_user_is_known_by_name_and_by_number() {
        // Every system with the user database of the Linux Standard Base has this one.
        let nobody = User::find(&account("nobody", None)).expect("a user");
        assert!(nobody.uid != 0 && nobody.groups.contains(&nobody.gid));
        assert_eq!(User::find(&account(&nobody.uid.to_string(), None)).expect("the same"), nobody);
        let grouped = User::find(&account("nobody", Some("root"))).expect("a user");
        assert_eq!((grouped.uid, grouped.gid), (nobody.uid, 0));
    }

    #[test]
    fn a_number_that_nobody_has_takes_a_group() {
        let error = User::find(&account("3999999", None)).expect_err("no group");
        assert!(error.mend.as_deref().is_some_and(|mend| mend.contains("`group`")), "{error:?}");
        let user = User::find(&account("3999999", Some("3999998"))).expect("a user");
        assert_eq!((user.uid, user.gid, user.groups), (3_999_999, 3_999_998, vec![3_999_998]));
    }

    #[test]
    fn what_is_not_there_says_how_to_make_it_and_root_is_refused() {
        let error = User::find(&account("no-such-user", None)).expect_err("nobody");
        assert!(error.what.contains("no user \"no-such-user\"") && error.mend.is_some_and(|it| it.contains("useradd")));
        let error = User::find(&account("nobody", Some("no-such-group"))).expect_err("no group");
        assert_eq!(error.place, Place(3..4));
        for root in ["root", "0"] {
            let error = User::find(&account(root, None)).expect_err("root");
            assert!(error.what.contains("gives nothing up"), "{error:?}");
        }
        assert!(User::find(&account("4294967295", Some("0"))).is_err());
    }
}
