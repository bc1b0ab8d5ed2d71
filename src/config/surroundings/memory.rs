//! How much memory this process may fill: the machine's, or less where a control group has a limit (a unit's `MemoryMax=`,
//! a container's).
//!
//! The kernel says it in files, which are read once, at the start and with each reload.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Where control groups are by custom (cgroups(7)).
const GROUPS: &str = "/sys/fs/cgroup";

/// In bytes.
pub(super) fn memory() -> u64 {
    let machine = rustix::system::sysinfo();
    let machine = bytes(machine.mem_unit).saturating_mul(bytes(machine.totalram));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    limits(&groups, Path::new(GROUPS)).fold(machine, u64::min)
}

/// The kernel's numbers are as wide as the machine.
fn bytes(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}

/// The limits of the groups that the lines of `/proc/self/cgroup` name, and of those above them.
fn limits<'g>(groups: &'g str, root: &'g Path) -> impl Iterator<Item = u64> + 'g {
    groups.lines().filter_map(|line| place(line, root)).flat_map(|(root, group, name)| {
        let groups = group.ancestors().map(Path::to_owned).collect::<Vec<_>>();
        groups.into_iter().filter_map(move |group| limit(&root.join(group).join(name)))
    })
}

/// Where the files of the group of such a line are: their tree, the way in it, the file with the limit.
fn place(line: &str, root: &Path) -> Option<(PathBuf, PathBuf, &'static str)> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, group) = rest.split_once(':')?;
    let way = Path::new(group).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    match controllers {
        "" => Some((root.to_owned(), way, "memory.max")),
        _ if controllers.split(',').any(|one| one == "memory") => {
            Some((root.join("memory"), way, "memory.limit_in_bytes"))
        }
        _ => None,
    }
}

/// `max` is no limit, and no number either.
fn limit(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let file = root.join(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text).expect("written");
    }

    #[test]
    fn the_lowest_limit_on_the_way_to_the_group_counts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        write(root, "system.slice/memory.max", "1073741824\n");
        write(root, "system.slice/gatepost.service/memory.max", "max\n");
        write(root, "memory/docker/memory.limit_in_bytes", "536870912\n");
        write(root, "memory/memory.limit_in_bytes", "9223372036854771712\n");
        let lowest = |groups| limits(groups, root).min();
        assert_eq!(lowest("0::/system.slice/gatepost.service\n"), Some(1 << 30));
        assert_eq!(lowest("7:cpu,memory:/docker\n0::/\n"), Some(512 << 20));
        assert_eq!(lowest("7:memory:/not/seen/from/within\n"), Some(9_223_372_036_854_771_712));
        assert_eq!(lowest("0::/user.slice/../x\n3:cpu:/docker\nnonsense\n"), None);
    }

    #[test]
    fn there_is_some() {
        assert!(memory() > 1 << 20);
    }
}
