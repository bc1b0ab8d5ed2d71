//! What a CA issued is judged before it is served.

use super::super::put::reconsider;
use super::*;

#[test]
fn what_is_good_is_put_in_place_with_its_record() {
    let bench = bench(&[r#""a.site", "b.site""#], "");
    let stored = bench.issue(&["a.site", "b.site"], -1, 80);
    assert_eq!(bench.folders(), ["a.site"]);
    assert_eq!(stored.record.names, ["a.site", "b.site"]);
    assert_eq!(stored.record.directory, "https://ca.internal/dir");
    assert!(stored.identifier.is_some());
}

#[test]
fn another_keys_certificate_is_refused_and_the_old_one_stays() {
    let bench = bench(&[r#""a.site""#], "");
    let old = bench.issue(&["a.site"], -50, 40);
    let others = leaf(&["a.site"]).by(&bench.ca.middle);
    let ours = leaf(&["a.site"]).by(&bench.ca.middle);
    let (why, _) = bench.refused(&["a.site"], &bench.sent(&others, &ours));
    assert!(why.contains("belongs to no certificate"), "{why}");
    assert_eq!(bench.stored()[0].loaded.not_after, old.loaded.not_after);
}

#[test]
fn a_certificate_for_other_names_is_refused() {
    let bench = bench(&[r#""a.site", "b.site""#], "");
    let leaf = leaf(&["a.site", "evil.site"]).by(&bench.ca.middle);
    let (why, _) = bench.refused(&["a.site", "b.site"], &bench.sent(&leaf, &leaf));
    assert!(why.contains("ordered for b.site, and bears a.site, evil.site"), "{why}");
    assert!(bench.stored().is_empty());
}

#[test]
fn a_bare_leaf_is_refused() {
    let bench = bench(&[r#""a.site""#], "");
    let leaf = leaf(&["a.site"]).by(&bench.ca.middle);
    let sent = FromCa { chain: leaf.pem(), ..bench.sent(&leaf, &leaf) };
    let (why, _) = bench.refused(&["a.site"], &sent);
    assert!(why.contains("bare leaf"), "{why}");
}

#[test]
fn one_that_is_over_or_not_valid_yet_is_refused() {
    let bench = bench(&[r#""a.site""#], "");
    for (from, until, word) in [(-90, -1, "expired"), (1, 90, "not valid before")] {
        let leaf = leaf(&["a.site"]).days(from, until).by(&bench.ca.middle);
        let (why, _) = bench.refused(&["a.site"], &bench.sent(&leaf, &leaf));
        assert!(why.contains(word), "{why}");
    }
}

#[test]
fn what_is_no_chain_at_all_is_refused() {
    let bench = bench(&[r#""a.site""#], "");
    let leaf = leaf(&["a.site"]).by(&bench.ca.middle);
    let binary = String::from("\u{0}\u{1}\u{2}");
    for text in [String::new(), "nonsense".into(), binary, leaf.pem()[..200].into(), leaf.pem().replace('M', "!")] {
        let sent = FromCa { chain: text, ..bench.sent(&leaf, &leaf) };
        bench.refused(&["a.site"], &sent);
    }
    assert!(bench.stored().is_empty());
}

#[test]
fn one_from_an_unknown_root_is_kept_and_put_in_place_once_the_root_is_known() {
    let bench = bench(&[r#""a.site""#], "");
    let stranger = chain(&["a.site"]);
    let sent =
        FromCa { chain: stranger.leaf.pem() + &stranger.middle.pem(), ..bench.sent(&stranger.leaf, &stranger.leaf) };
    let (why, mend) = bench.refused(&["a.site"], &sent);
    assert!(why.contains("reaches none of") && why.contains("kept in"), "{why}");
    assert!(mend.contains("root.pem"), "{mend}");
    assert!(reconsider(&bench.wanted, &bench.storage, clock()).is_empty(), "still unknown");

    std::fs::write(bench.folder.path().join("root.pem"), stranger.root.pem()).expect("written");
    assert_eq!(reconsider(&bench.wanted, &bench.storage, clock()).len(), 1);
    assert_eq!(bench.folders(), ["a.site"]);
    assert!(reconsider(&bench.wanted, &bench.storage, clock()).is_empty(), "once");
}

#[test]
fn without_trusted_roots_the_mend_names_them() {
    let mut bench = bench(&[r#""a.site""#], "");
    bench.wanted.acme.trusted_roots = None;
    let leaf = leaf(&["a.site"]).by(&bench.ca.middle);
    let (_, mend) = bench.refused(&["a.site"], &bench.sent(&leaf, &leaf));
    assert!(mend.contains("trusted_roots"), "{mend}");
}

#[test]
fn the_staging_cas_root_need_not_be_known_and_all_else_counts() {
    let mut bench = bench(&[r#""a.site""#], "");
    bench.wanted.acme.trusted_roots = None;
    bench.wanted.acme.directory = AcmeDirectory::LetsEncryptStaging;
    let good = leaf(&["a.site"]).by(&bench.ca.middle);
    put(&bench.wanted, &bench.storage, &hosts(&["a.site"]), &bench.sent(&good, &good), clock()).expect("in place");
    let over = leaf(&["a.site"]).days(-90, -1).by(&bench.ca.middle);
    bench.refused(&["a.site"], &bench.sent(&over, &over));
}

#[test]
fn a_certificate_that_some_host_still_needs_moves_aside_for_the_new_one() {
    let bench = bench(&[r#""a.site", "b.site""#], "");
    bench.issue(&["a.site", "b.site"], -60, 30);
    // b.site was out of reach at the renewal.
    bench.issue(&["a.site"], -1, 89);
    assert_eq!(bench.folders(), ["a.site", "b.site"]);
    let stored = bench.stored();
    assert_eq!(stored[1].loaded.names.len(), 2, "the old one, under the name that needs it");

    // Then it is back, with one of its own; the old one is of no use any more.
    bench.issue(&["b.site"], 0, 90);
    let stored = bench.stored();
    assert_eq!(stored.iter().map(|stored| stored.loaded.names.len()).collect::<Vec<_>>(), [1, 1]);

    // And at the next renewal they are one again.
    bench.issue(&["a.site", "b.site"], 0, 91);
    assert_eq!(bench.folders(), ["a.site"]);
}

#[test]
fn certificates_of_hosts_that_nobody_wants_are_left_alone() {
    let bench = bench(&[r#""a.site""#], "");
    bench.issue(&["other.site"], -1, 80);
    bench.issue(&["a.site"], -1, 80);
    let mut folders = bench.folders();
    folders.sort();
    assert_eq!(folders, ["a.site", "other.site"]);
    let served = issued(&bench.wanted, clock()).iter().filter(|issued| issued.loaded.is_some()).count();
    assert_eq!(served, 1, "and not served");
}
