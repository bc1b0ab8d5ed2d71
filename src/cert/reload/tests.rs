//! Real files, links and inotify; what is asserted is what would be presented.

use std::fs;
use std::os::unix::fs::symlink;

use super::super::live::{Held, Origin};
use super::super::load;
use super::super::testing::{self, Pair as Made};
use super::*;
use crate::config::finding::Place;

/// What is never waited for in a test that must be told by inotify.
const NEVER: Duration = Duration::from_secs(3600);

/// A folder with a CA's root in it, and a `[[certificate]]` of `live/chain.pem` and `live/key.pem` there.
struct Scene {
    folder: tempfile::TempDir,
    root: Made,
    middle: Made,
}

impl Scene {
    fn new() -> Self {
        let root = testing::ca("Root").self_signed();
        let middle = testing::ca("Middle").by(&root);
        let place = Self { folder: testing::private_folder(), root, middle };
        place.write("root.pem", &place.root.pem());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, text).expect("a file");
    }

    fn issue(&self) -> Made {
        testing::leaf(&["site.example"]).by(&self.middle)
    }

    fn chain(&self, leaf: &Made) -> String {
        leaf.pem() + &self.middle.pem()
    }

    fn write_pair(&self, folder: &str, leaf: &Made) {
        self.write(&format!("{folder}/chain.pem"), &self.chain(leaf));
        self.write(&format!("{folder}/key.pem"), &leaf.key_pem());
    }

    fn files(&self) -> CertificateFiles {
        self.files_in("live")
    }

    fn files_in(&self, folder: &str) -> CertificateFiles {
        CertificateFiles {
            chain: self.path(folder).join("chain.pem"),
            key: Some(self.path(folder).join("key.pem")),
            trusted_roots: Some(self.path("root.pem")),
            allow_incomplete_chain: false,
            strict_key_permissions: false,
            place: Place(0..0),
            key_place: Place(0..0),
            roots_place: Place(0..0),
        }
    }

    /// What is served, begun with what the files hold now; beside `live/`, `other/` is followed, where nothing is yet.
    fn live(&self) -> Arc<Live> {
        let entry = |files: CertificateFiles| {
            let (loaded, _) = load(&files, testing::clock(), Severity::Grave);
            super::super::Entry { files, loaded: loaded.ok() }
        };
        Arc::new(Live::of(vec![entry(self.files()), entry(self.files_in("other"))]))
    }

    /// Follows while `change` happens, until `leaf` is served from `live/`.
    async fn until_served(&self, live: &Arc<Live>, poll: Duration, leaf: &Made, change: impl FnOnce()) {
        let following = follower(live, Pace { poll, settle: NEVER }).run();
        let changed = async {
            // Once it has taken this up it is watching, and what it sees from now on it was told.
            let other = self.issue();
            self.write_pair("other", &other);
            until(live, "other", &other).await;
            change();
            until(live, "live", leaf).await;
        };
        tokio::select! {
            () = following => unreachable!("it follows for ever"),
            outcome = tokio::time::timeout(Duration::from_secs(30), changed) => outcome.expect("served within 30 s"),
        }
    }
}

/// Waits until this is served from that folder.
async fn until(live: &Live, folder: &str, leaf: &Made) {
    let mut stores = live.stores();
    while served_from(live, folder).as_deref() != Some(leaf.certificate.der()) {
        stores.changed().await.expect("live lives");
    }
}

fn served_from(live: &Live, folder: &str) -> Option<Vec<u8>> {
    let is_from = |held: &Held| matches!(&held.origin, Origin::Files(chain) if chain.parent().is_some_and(|parent| parent.ends_with(folder)));
    live.all().iter().find(|held| is_from(held)).map(|held| held.loaded.key.cert[0].to_vec())
}

fn served(live: &Live) -> Option<Vec<u8>> {
    served_from(live, "live")
}

fn follower(live: &Arc<Live>, pace: Pace) -> Follower {
    Follower { live: live.clone(), clock: testing::clock(), pace }
}

/// One look, without waiting for anything.
fn look_once(follower: &Follower, pair: &mut Pair, now: Instant) {
    let look = Look::take(&[pair.ask(true)], &Trail::default(), follower.clock);
    let [seen] = <[Seen; 1]>::try_from(look.seen).unwrap_or_else(|_| panic!("one pair, one look"));
    follower.settle(pair, seen, now);
}

#[tokio::test]
async fn a_link_that_certbot_turns_is_followed() {
    let place = Scene::new();
    let (old, new) = (place.issue(), place.issue());
    place.write_pair("archive/1", &old);
    place.write_pair("archive/2", &new);
    fs::create_dir(place.path("live")).expect("a folder");
    for name in ["chain.pem", "key.pem"] {
        symlink(format!("../archive/1/{name}"), place.path(&format!("live/{name}"))).expect("a link");
    }
    let live = place.live();
    assert_eq!(served(&live), Some(old.certificate.der().to_vec()));
    place
        .until_served(&live, NEVER, &new, || {
            for name in ["key.pem", "chain.pem"] {
                let link = place.path(&format!("live/{name}"));
                fs::remove_file(&link).expect("removed");
                symlink(format!("../archive/2/{name}"), link).expect("a link");
            }
        })
        .await;
}

#[tokio::test]
async fn a_folder_that_kubernetes_exchanges_is_followed() {
    let place = Scene::new();
    let (old, new) = (place.issue(), place.issue());
    place.write_pair("live/..1", &old);
    place.write_pair("live/..2", &new);
    symlink("..1", place.path("live/..data")).expect("a link");
    for name in ["chain.pem", "key.pem"] {
        symlink(format!("..data/{name}"), place.path(&format!("live/{name}"))).expect("a link");
    }
    let live = place.live();
    place
        .until_served(&live, NEVER, &new, || {
            symlink("..2", place.path("live/..next")).expect("a link");
            fs::rename(place.path("live/..next"), place.path("live/..data")).expect("renamed");
        })
        .await;
}

#[tokio::test]
async fn files_written_in_place_are_taken_up() {
    let place = Scene::new();
    place.write_pair("live", &place.issue());
    let live = place.live();
    let new = place.issue();
    place.until_served(&live, NEVER, &new, || place.write_pair("live", &new)).await;
}

#[tokio::test]
async fn files_that_were_missing_are_taken_up_with_the_folders_that_they_come_in() {
    let place = Scene::new();
    let live = place.live();
    assert_eq!(served(&live), None);
    let new = place.issue();
    place.until_served(&live, NEVER, &new, || place.write_pair("live", &new)).await;
}

#[tokio::test]
async fn what_nothing_tells_of_is_found_by_looking() {
    let place = Scene::new();
    place.write_pair("live", &place.issue());
    let new = place.issue();
    place.write_pair("a/b/next", &new);
    // A folder above the watched ones is moved: inotify tells the watched ones nothing.
    fs::create_dir_all(place.path("x/y")).expect("folders");
    fs::rename(place.path("live"), place.path("x/y/real")).expect("moved");
    symlink("x/y/real", place.path("live")).expect("a link");
    let live = place.live();
    place
        .until_served(&live, Duration::from_millis(20), &new, || {
            fs::rename(place.path("a/b/next"), place.path("a/b/real")).expect("moved");
            fs::rename(place.path("x/y"), place.path("x/gone")).expect("moved");
            fs::rename(place.path("a/b"), place.path("x/y")).expect("moved");
        })
        .await;
}

#[tokio::test]
async fn r42_a_pair_that_does_not_fit_keeps_the_old_one_and_is_said_once() {
    let place = Scene::new();
    let (old, new) = (place.issue(), place.issue());
    place.write_pair("live", &old);
    let live = place.live();
    let follower = follower(&live, Pace { poll: NEVER, settle: Duration::from_secs(5) });
    let mut pair = Pair { files: place.files(), stamp: None, trouble: None };
    let begin = Instant::now();
    let at = |seconds: u64, pair: &mut Pair| {
        look_once(&follower, pair, begin + Duration::from_secs(seconds));
        (served(&live) == Some(new.certificate.der().to_vec()), pair.trouble.as_ref().map(|trouble| trouble.is_said))
    };
    assert_eq!(at(0, &mut pair), (false, None));

    place.write("live/chain.pem", &place.chain(&new));
    assert_eq!(at(1, &mut pair), (false, Some(false)), "it gets a moment");
    assert_eq!(pair.complaint_due(Duration::from_secs(5)), Some(begin + Duration::from_secs(6)));
    assert_eq!(at(6, &mut pair), (false, Some(true)));
    assert_eq!(pair.complaint_due(Duration::from_secs(5)), None, "said once");
    assert_eq!(pair.ask(false).seen, None, "and tried again with every look");

    // Half a key is another trouble, and gets its own moment.
    let key = new.key_pem();
    place.write("live/key.pem", &key[..key.len() / 2]);
    assert_eq!(at(7, &mut pair), (false, Some(false)));
    place.write("live/key.pem", &key);
    assert_eq!(at(8, &mut pair), (true, None));
}

#[tokio::test]
async fn what_is_worse_than_what_is_served_replaces_nothing() {
    let place = Scene::new();
    let good = place.issue();
    place.write_pair("live", &good);
    let live = place.live();
    let follower = follower(&live, Pace { poll: NEVER, settle: NEVER });
    let mut pair = Pair { files: place.files(), stamp: None, trouble: None };
    let refused = |what: &str, pair: &mut Pair| {
        look_once(&follower, pair, Instant::now());
        assert_eq!(served(&live), Some(good.certificate.der().to_vec()), "{what}");
        assert!(pair.trouble.is_some(), "{what}");
    };

    place.write("live/chain.pem", &good.pem());
    refused("a bare leaf", &mut pair);
    place.write_pair("live", &testing::leaf(&["site.example"]).days(-90, -1).by(&place.middle));
    refused("an expired one", &mut pair);
    place.write_pair("live", &testing::leaf(&["site.example"]).days(1, 90).by(&place.middle));
    refused("one of tomorrow", &mut pair);
    place.write("live/chain.pem", "");
    refused("an empty file", &mut pair);
    fs::remove_file(place.path("live/chain.pem")).expect("removed");
    refused("no file", &mut pair);
    fs::create_dir(place.path("live/chain.pem")).expect("a folder");
    refused("a folder", &mut pair);
    fs::remove_dir_all(place.path("live")).expect("removed");
    refused("no folder", &mut pair);

    place.write_pair("live", &good);
    look_once(&follower, &mut pair, Instant::now());
    assert!(pair.trouble.is_none());
}

#[tokio::test]
async fn an_expired_one_is_replaced_by_whatever_there_is() {
    let place = Scene::new();
    let expired = |from: i64, until: i64| testing::leaf(&["site.example"]).days(from, until).by(&place.middle);
    place.write_pair("live", &expired(-90, -10));
    let live = place.live();
    let newer = expired(-80, -1);
    place.write_pair("live", &newer);
    let mut pair = Pair { files: place.files(), stamp: None, trouble: None };
    look_once(&follower(&live, Pace { poll: NEVER, settle: NEVER }), &mut pair, Instant::now());
    assert_eq!(served(&live), Some(newer.certificate.der().to_vec()));
}

#[test]
fn a_reloaded_configuration_keeps_what_is_known_of_files_that_stay() {
    let place = Scene::new();
    let (stays, comes) = (place.files(), CertificateFiles { chain: place.path("other.pem"), ..place.files() });
    let mut pairs = Vec::new();
    take_up(std::slice::from_ref(&stays), &mut pairs);
    pairs[0].stamp = Some(Stamp::of(&stays));
    take_up(&[comes, stays], &mut pairs);
    assert_eq!(pairs.iter().map(|pair| pair.stamp.is_some()).collect::<Vec<_>>(), [false, true]);
}
