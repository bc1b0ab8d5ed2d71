//! Whole entries, from files to findings.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::KeyPair;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};

use super::super::testing::{Chain, Entry, NOW, ca, chain, leaf, one, served_names, some};
use super::super::{Loaded, NotLoaded};
use crate::config::finding::Severity;

fn site() -> Chain {
    chain(&["site.example"])
}

#[test]
fn a_right_chain_is_served_without_a_word() {
    let c = site();
    let (loaded, said) = Entry::new(&(c.leaf.pem() + &c.middle.pem()), &c.leaf, &c.root).served();
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(served_names(&loaded), ["a leaf", "Middle"]);
    assert_eq!(loaded.names.iter().map(ToString::to_string).collect::<Vec<_>>(), ["site.example"]);
}

#[test]
fn a_key_that_every_user_can_read_is_said_and_refused_where_that_is_wanted() {
    let c = site();
    let mut entry = Entry::new(&(c.leaf.pem() + &c.middle.pem()), &c.leaf, &c.root);
    let open = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("mode set");
    let key = entry.files.key.clone().expect("a key");
    open(key.parent().expect("a folder"), 0o755);
    open(&key, 0o644);
    entry.files.key_place = entry.files.place.clone();
    let (_, said) = entry.served();
    one(&said, &["Warning: every user of this machine can read the key ", "privkey.pem (mode 0644) | chmod o-rw "]);
    entry.files.strict_key_permissions = true;
    one(&entry.refused(), &["Fatal: every user", "strict_key_permissions is on"]);
    open(&key, 0o640);
    assert!(entry.served().1.is_empty());

    let combined = c.leaf.pem() + &c.middle.pem() + &c.leaf.key_pem();
    let mut entry = Entry::combined(&combined, &c.root);
    open(entry.files.chain.parent().expect("a folder"), 0o755);
    open(&entry.files.chain, 0o604);
    entry.files.strict_key_permissions = true;
    one(&entry.refused(), &["can read the key ", "fullchain.pem (mode 0604)"]);
}

#[test]
fn a_chain_of_four_is_normal() {
    let root = ca("Root").self_signed();
    let top = ca("Top").by(&root);
    let middle = ca("Middle").by(&top);
    let low = ca("Low").by(&middle);
    let leaf = leaf(&["site.example"]).by(&low);
    let text = leaf.pem() + &low.pem() + &middle.pem() + &top.pem();
    let (loaded, said) = Entry::new(&text, &leaf, &root).served();
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(served_names(&loaded), ["a leaf", "Low", "Middle", "Top"]);
}

#[test]
fn r27_a_bare_leaf_is_refused_and_says_who_would_refuse_it_and_where_the_issuer_is() {
    let c = site();
    let bare = leaf(&["site.example"]).issuer_at("http://ca.example/middle.der").by(&c.middle);
    let said = Entry::new(&bare.pem(), &bare, &c.root).refused();
    one(
        &said,
        &[
            "Fatal: ",
            "fullchain.pem is a bare leaf",
            "issuer \"Middle\" is missing",
            "Android and iOS would refuse",
            "it can be had at http://ca.example/middle.der |",
            "curl -fsS 'http://ca.example/middle.der' | openssl x509 -inform der",
        ],
    );
}

#[test]
fn an_issuer_address_that_a_shell_would_act_upon_is_not_shown() {
    let c = site();
    let bare = leaf(&["site.example"]).issuer_at("http://ca.example/';reboot;'").by(&c.middle);
    let said = Entry::new(&bare.pem(), &bare, &c.root).refused();
    assert!(!said[0].contains("reboot"), "{said:?}");
}

#[test]
fn a_leaf_that_is_bare_once_useless_company_is_gone_is_refused_too() {
    let c = site();
    let elsewhere = site();
    let namesake = ca("Middle").by(&c.root);
    let companies = [
        ("itself twice", c.leaf.pem()),
        ("the root", c.root.pem()),
        ("another chain's intermediate", ca("Elsewhere").by(&elsewhere.root).pem()),
        ("an intermediate of the same name and another key", namesake.pem()),
    ];
    for (what, company) in companies {
        let said = Entry::new(&(c.leaf.pem() + &company), &c.leaf, &c.root).refused();
        some(&said, &["Fatal: ", "bare leaf"]);
        assert_eq!(said.len(), 2, "{what}: {said:#?}");
    }
}

#[test]
fn allow_incomplete_chain_serves_the_bare_leaf_with_a_warning() {
    let c = site();
    let mut entry = Entry::new(&c.leaf.pem(), &c.leaf, &c.root);
    entry.files.allow_incomplete_chain = true;
    let (loaded, said) = entry.served();
    one(&said, &["Warning: ", "Android and iOS would refuse", "served because of allow_incomplete_chain"]);
    assert_eq!(served_names(&loaded), ["a leaf"]);
    // Left over once the chain is whole, it would hide the next bare leaf.
    entry.write("fullchain.pem", &(c.leaf.pem() + &c.middle.pem()));
    one(&entry.served().1, &["Warning: ", "allow_incomplete_chain has no effect"]);
}

#[test]
fn r28_siblings_of_cert_pem_are_pointed_at() {
    let c = site();
    let mut entry = Entry::new("", &c.leaf, &c.root);
    entry.files.chain = entry.write("cert.pem", &c.leaf.pem());
    entry.write("chain.pem", &c.middle.pem());
    fs::remove_file(entry.folder.path().join("fullchain.pem")).expect("removed");
    some(&entry.refused(), &["chain.pem beside it holds the issuer: cat ", "cert.pem"]);
    entry.write("fullchain.pem", &(c.leaf.pem() + &c.middle.pem()));
    some(&entry.refused(), &["fullchain.pem beside it holds both: name fullchain.pem in place of cert.pem in `chain`"]);
    // One that does not hold the issuer is no way out.
    entry.write("fullchain.pem", &site().middle.pem());
    entry.write("chain.pem", "");
    let said = entry.refused();
    assert!(!said[0].contains("beside it"), "{said:?}");
}

#[test]
fn a_leaf_straight_from_a_root_is_no_bare_leaf() {
    let root = ca("Root").self_signed();
    let leaf = leaf(&["site.example"]).by(&root);
    let (_, said) = Entry::new(&leaf.pem(), &leaf, &root).served();
    assert!(said.is_empty(), "{said:?}");
    // The root in the file and known to nobody: a root all the same, and a fault.
    let stranger = ca("Stranger").self_signed();
    let (loaded, said) = Entry::new(&(leaf.pem() + &root.pem()), &leaf, &stranger).served();
    assert_eq!(served_names(&loaded), ["a leaf"]);
    some(&said, &["Fault: ", "reaches none of the roots of `trusted_roots`"]);
    some(&said, &["Warning: ", "not sent: a root, which clients have or do not trust"]);
}

#[test]
fn a_self_signed_leaf_is_served_with_a_warning_and_without_one_where_it_is_trusted() {
    let own = leaf(&["site.example"]).self_signed();
    let stranger = ca("Stranger").self_signed();
    let (_, said) = Entry::new(&own.pem(), &own, &stranger).served();
    one(&said, &["Warning: ", "is self-signed"]);
    let (_, said) = Entry::new(&own.pem(), &own, &own).served();
    assert!(said.is_empty(), "{said:?}");
    // What `openssl req -x509` makes is marked as a CA.
    let mut spec = ca("site.example");
    spec.params.subject_alt_names = own.params.subject_alt_names.clone();
    let marked = spec.self_signed();
    let (_, said) = Entry::new(&marked.pem(), &marked, &stranger).served();
    one(&said, &["Warning: ", "is self-signed"]);
}

#[test]
fn r30_a_wrong_order_is_put_right_with_a_warning() {
    let c = site();
    let (loaded, said) = Entry::new(&(c.middle.pem() + &c.leaf.pem()), &c.leaf, &c.root).served();
    assert_eq!(served_names(&loaded), ["a leaf", "Middle"]);
    one(&said, &["Warning: ", "the leaf is certificate 2 (line ", "served leaf first"]);
    let low = ca("Low").by(&c.middle);
    let leaf = leaf(&["site.example"]).by(&low);
    let (loaded, said) = Entry::new(&(leaf.pem() + &c.middle.pem() + &low.pem()), &leaf, &c.root).served();
    assert_eq!(served_names(&loaded), ["a leaf", "Low", "Middle"]);
    one(&said, &["Warning: ", "not in order (each issuer after what it signed)"]);
}

#[test]
fn doubles_the_root_and_strangers_are_not_sent() {
    let c = site();
    let stranger = ca("Stranger").by(&ca("Elsewhere").self_signed());
    let text = c.leaf.pem() + &c.leaf.pem() + &c.middle.pem() + &c.root.pem() + &stranger.pem() + &c.middle.pem();
    let (loaded, said) = Entry::new(&text, &c.leaf, &c.root).served();
    assert_eq!(served_names(&loaded), ["a leaf", "Middle"]);
    some(&said, &["certificate 2 (line ", "certificate 6 (line ", "there twice"]);
    some(&said, &["certificate 4 (line ", "\"Root\"", "a root"]);
    some(&said, &["certificate 5 (line ", "\"Stranger\"", "the issuer of nothing"]);
    assert_eq!(said.len(), 3, "{said:#?}");
}

#[test]
fn an_older_issue_for_the_same_key_is_left_aside() {
    let c = site();
    let key = || KeyPair::try_from(c.leaf.key.serialize_der()).expect("the same key");
    let old = leaf(&["site.example"]).days(-100, -10).by_with_key(&c.middle, key());
    let (loaded, said) = Entry::new(&(old.pem() + &c.leaf.pem() + &c.middle.pem()), &c.leaf, &c.root).served();
    assert_eq!(loaded.key.cert[0], *c.leaf.certificate.der());
    some(&said, &["certificate 1 (line 1, ", "for the same key as the leaf"]);
}

#[test]
fn r37_one_file_holds_chain_and_key_in_any_order() {
    let c = site();
    let (key, leaf, middle) = (c.leaf.key_pem(), c.leaf.pem(), c.middle.pem());
    for text in [format!("{key}{leaf}{middle}"), format!("{leaf}{key}{middle}"), format!("{leaf}{middle}{key}")] {
        let (loaded, said) = Entry::combined(&text, &c.root).served();
        assert!(said.is_empty(), "{said:?}");
        assert_eq!(served_names(&loaded), ["a leaf", "Middle"]);
    }
    let two = Entry::combined(&format!("{leaf}{middle}{key}{}", c.middle.key_pem()), &c.root).refused();
    one(&two, &["Fatal: ", "two different private keys, on lines "]);
    let none = Entry::combined(&format!("{leaf}{middle}"), &c.root).refused();
    one(&none, &["holds 2 certificates, where a private key belongs", "name the file that holds it"]);
}

#[test]
fn a_key_that_is_not_the_leafs_is_refused() {
    let c = site();
    let text = c.leaf.pem() + &c.middle.pem();
    let said = Entry::new(&text, &site().leaf, &c.root).refused();
    one(&said, &["privkey.pem belongs to no certificate in ", "openssl pkey -pubout -in "]);
    let said = Entry::new(&text, &c.middle, &c.root).refused();
    one(&said, &["is that of the CA, certificate 2 (line ", "\"Middle\""]);
    // The right one is within the chain file.
    let said = Entry::new(&(text.clone() + &c.leaf.key_pem()), &site().leaf, &c.root).refused();
    one(&said, &["fits: leave `key` out"]);
    // The right one is in its own file, a wrong one within the chain file.
    let (_, said) = Entry::new(&(text + &c.middle.key_pem()), &c.leaf, &c.root).served();
    one(&said, &["Warning: ", "holds a private key too"]);
}

#[test]
fn an_expired_leaf_below_an_issuer_that_was_renewed_since_is_one_fault() {
    let root = ca("Root").self_signed();
    let middle = ca("Middle").days(-5, 400).by(&root);
    let leaf = leaf(&["site.example"]).days(-100, -8).by(&middle);
    let (_, said) = Entry::new(&(leaf.pem() + &middle.pem()), &leaf, &root).served();
    one(&said, &["Grave: ", "served all the same", "certbot renew"]);
}

#[test]
fn an_expired_leaf_is_one_fault_and_is_served() {
    let c = site();
    let old = leaf(&["site.example"]).days(-95, -5).by(&c.middle);
    let (_, said) = Entry::new(&(old.pem() + &c.middle.pem()), &old, &c.root).served();
    one(&said, &["Grave: ", "expired on 2026-09-16 ", "served all the same", "certbot renew"]);
}

#[test]
fn a_leaf_of_the_future_is_a_fault_and_names_the_clock() {
    let c = site();
    let early = leaf(&["site.example"]).days(1, 91).by(&c.middle);
    let (_, said) = Entry::new(&(early.pem() + &c.middle.pem()), &early, &c.root).served();
    one(&said, &["Grave: ", "not valid before 2026-09-22 ", "is the clock right? It says 2026-09-21 "]);
}

#[test]
fn less_than_a_quarter_of_the_lifetime_is_a_warning_whatever_the_lifetime() {
    let c = site();
    let said = |from, until| {
        let leaf = leaf(&["site.example"]).days(from, until).by(&c.middle);
        Entry::new(&(leaf.pem() + &c.middle.pem()), &leaf, &c.root).served().1
    };
    assert!(said(-67, 23).is_empty());
    one(&said(-68, 22), &["Warning: ", "22 days left, less than a quarter of its 90 days"]);
    assert!(said(-4, 2).is_empty(), "a six-day certificate has two left");
    one(&said(-5, 1), &["Warning: ", "24 hours left, less than a quarter of its 6 days"]);
}

#[test]
fn an_intermediate_out_of_time_is_a_fault() {
    let root = ca("Root").self_signed();
    for (days, word) in [((-400, -1), "expired on "), ((1, 400), "is not valid before ")] {
        let middle = ca("Middle").days(days.0, days.1).by(&root);
        let leaf = leaf(&["site.example"]).by(&middle);
        let (loaded, said) = Entry::new(&(leaf.pem() + &middle.pem()), &leaf, &root).served();
        assert_eq!(served_names(&loaded), ["a leaf", "Middle"]);
        one(&said, &["Fault: ", "certificate 2 (line ", "\"Middle\"", word]);
    }
    let middle = ca("Middle").days(-400, 30).by(&root);
    let leaf = leaf(&["site.example"]).by(&middle);
    let (_, said) = Entry::new(&(leaf.pem() + &middle.pem()), &leaf, &root).served();
    one(&said, &["Warning: ", "\"Middle\") ends on ", "before the leaf does"]);
}

#[test]
fn a_longer_chain_to_no_known_root_is_a_fault_and_served() {
    let c = site();
    let mut entry = Entry::new(&(c.leaf.pem() + &c.middle.pem()), &c.leaf, &ca("Stranger").self_signed());
    let (loaded, said) = entry.served();
    one(
        &said,
        &["Fault: ", "reaches none of the roots of `trusted_roots`", "\"Middle\") is issued by \"Root\", which is not"],
    );
    assert_eq!(served_names(&loaded), ["a leaf", "Middle"]);
    entry.files.trusted_roots = None;
    one(&entry.served().1, &["Fault: ", "reaches none of Mozilla's roots", "name its root in trusted_roots"]);
    let made_anew = Entry::new(&(c.leaf.pem() + &c.middle.pem()), &c.leaf, &site().root);
    one(&made_anew.served().1, &["Fault: ", "is issued by \"Root\", but the one of that name has another key"]);
}

#[test]
fn r40_an_expired_cross_sign_is_named_and_not_sent() {
    let old_root = ca("Old Root").days(-4000, -100).self_signed();
    let root = ca("Root").self_signed();
    let middle = ca("Middle").by(&root);
    let leaf = leaf(&["site.example"]).by(&middle);
    let expired = root.crossed_by(&old_root, (-2000, -100));
    let entry = Entry::new(&(leaf.pem() + &middle.pem() + &expired), &leaf, &root);
    let (loaded, said) = entry.served();
    assert_eq!(served_names(&loaded), ["a leaf", "Middle"]);
    one(&said, &["expired member: certificate 3 (line ", "needed only by a path over \"Old Root\"", "drop it"]);
    // A cross-sign that is still valid stays, for clients that have the old root alone.
    let valid = root.crossed_by(&old_root, (-2000, 100));
    let entry = Entry::new(&(leaf.pem() + &middle.pem() + &valid), &leaf, &root);
    let (loaded, said) = entry.served();
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(served_names(&loaded), ["a leaf", "Middle", "Root"]);
}

#[test]
fn r40_of_two_certificates_for_one_intermediate_the_good_one_carries_the_chain() {
    let (root, other) = (ca("Root").self_signed(), ca("Other").self_signed());
    let middle = ca("Middle").by(&root);
    let leaf = leaf(&["site.example"]).by(&middle);
    let expired = middle.crossed_by(&other, (-2000, -100));
    for text in [leaf.pem() + &expired + &middle.pem(), leaf.pem() + &middle.pem() + &expired] {
        let (loaded, said) = Entry::new(&text, &leaf, &root).served();
        one(&said, &["expired member"]);
        assert_eq!(loaded.key.cert[1..], [middle.certificate.der().clone()]);
    }
    let valid = middle.crossed_by(&other, (-2000, 2000));
    let (loaded, said) = Entry::new(&(leaf.pem() + &middle.pem() + &valid), &leaf, &root).served();
    assert!(said.is_empty(), "{said:#?}");
    assert_eq!(loaded.key.cert.len(), 3);
}

#[test]
fn r40_what_leads_openssl_to_no_known_root_is_served_after_what_does() {
    let (root, other) = (ca("Root").self_signed(), ca("Other").self_signed());
    let middle = ca("Middle").by(&root);
    let leaf = leaf(&["site.example"]).by(&middle);
    let twin = middle.crossed_by(&other, (-2000, 2000));
    let (loaded, said) = Entry::new(&(leaf.pem() + &twin + &middle.pem()), &leaf, &root).served();
    one(&said, &["Warning: ", "OpenSSL and curl try no other", "other programs take the file as it stands"]);
    assert_eq!(loaded.key.cert[1], *middle.certificate.der());
    assert_eq!(loaded.key.cert.len(), 3);
}

#[test]
fn names_come_from_the_alternative_names_alone() {
    let c = site();
    let nameless = leaf(&[]).by(&c.middle);
    let (loaded, said) = Entry::new(&(nameless.pem() + &c.middle.pem()), &nameless, &c.root).served();
    assert!(loaded.names.is_empty());
    one(&said, &["Fault: ", "bears no host name (subjectAltName)", "counts with no client"]);
    let many = leaf(&["Site.Example", "*.site.example", "192.0.2.7", "2001:db8::7", "b*d.example"]).by(&c.middle);
    let (loaded, said) = Entry::new(&(many.pem() + &c.middle.pem()), &many, &c.root).served();
    let names: Vec<String> = loaded.names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["site.example", "*.site.example", "192.0.2.7", "[2001:db8::7]"]);
    one(&said, &["Warning: ", "names that no client can ask for: [\"b*d.example\"]"]);
}

#[test]
fn what_strict_clients_refuse_for_other_reasons_is_a_fault_with_the_reason() {
    let c = site();
    let mut spec = leaf(&["site.example"]);
    spec.params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let client = spec.by(&c.middle);
    let (_, said) = Entry::new(&(client.pem() + &c.middle.pem()), &client, &c.root).served();
    one(&said, &["Fault: ", "not issued for servers"]);
    let no_ca = leaf(&["ca.example"]).by(&c.root);
    let below = leaf(&["site.example"]).by(&no_ca);
    let (_, said) = Entry::new(&(below.pem() + &no_ca.pem()), &below, &c.root).served();
    one(&said, &["Fault: ", "an issuer in it is not marked as a CA"]);
}

#[test]
fn r45_missing_files_are_told_apart_from_all_else() {
    let c = site();
    let text = c.leaf.pem() + &c.middle.pem();
    let mut entry = Entry::new(&text, &c.leaf, &c.root);
    let key = entry.files.key.clone().expect("a key");
    fs::remove_file(&key).expect("removed");
    for severity in [Severity::Fatal, Severity::Fault] {
        let (outcome, findings) = super::super::load(&entry.files, super::super::testing::clock(), severity);
        assert_eq!(outcome.err(), Some(NotLoaded::Missing));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, severity);
        assert!(findings[0].what.contains("privkey.pem: there is no such file"), "{findings:?}");
    }
    // Not there, and something else is wrong: nothing to wait for.
    entry.write("fullchain.pem", "");
    some(&entry.refused(), &["fullchain.pem: is empty"]);
    // The five of R45 on the key: folder, wrong role.
    entry.write("fullchain.pem", &text);
    fs::create_dir(&key).expect("a folder");
    one(&entry.refused(), &["privkey.pem: is a folder, not a file"]);
    entry.files.key = Some(entry.files.chain.clone());
    one(&entry.refused(), &["holds 2 certificates, where a private key belongs"]);
    // Chain and key exchanged.
    let other = Entry::new(&text, &c.leaf, &c.root);
    let mut swapped = other.files.clone();
    swapped.chain = other.files.key.clone().expect("a key");
    swapped.key = Some(other.files.chain.clone());
    let swapped = Entry { files: swapped, ..other };
    some(&swapped.refused(), &["holds a private key, where a certificate belongs", "are swapped"]);
}

#[test]
fn certificates_and_roots_that_are_none_are_named() {
    let c = site();
    let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let said = Entry::new(&(c.leaf.pem() + broken), &c.leaf, &c.root).refused();
    one(&said, &["certificate 2 is no X.509 certificate", "line "]);
    let entry = Entry::new(&(c.leaf.pem() + &c.middle.pem()), &c.leaf, &c.root);
    entry.write("root.pem", broken);
    one(&entry.refused(), &["trusted_roots cannot be used: certificate 1 of "]);
    fs::remove_file(entry.folder.path().join("root.pem")).expect("removed");
    one(&entry.refused(), &["trusted_roots cannot be used: ", "root.pem: there is no such file"]);
}

#[test]
fn the_verdict_is_that_of_a_rustls_client() {
    let c = site();
    let mut roots = RootCertStore::empty();
    roots.add(c.root.certificate.der().clone()).expect("a root");
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().expect("a verifier");
    let ask = |loaded: &Loaded| {
        let name = ServerName::try_from("site.example").expect("a name");
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW));
        let sent = &loaded.key.cert;
        verifier.verify_server_cert(&sent[0], &sent[1..], &name, &[], now).map(|_| ())
    };
    let full = c.leaf.pem() + &c.middle.pem();
    let good = Entry::new(&full, &c.leaf, &c.root).served();
    assert_eq!((ask(&good.0), good.1.len()), (Ok(()), 0));
    let mut bare = Entry::new(&c.leaf.pem(), &c.leaf, &c.root);
    bare.files.allow_incomplete_chain = true;
    let bare = bare.served();
    assert_eq!(ask(&bare.0), Err(CertificateError::UnknownIssuer.into()));
    some(&bare.1, &["bare leaf"]);
    let disordered = Entry::new(&(c.root.pem() + &c.middle.pem() + &c.leaf.pem()), &c.leaf, &c.root).served();
    assert_eq!(ask(&disordered.0), Ok(()));
}

#[test]
fn what_is_wrong_is_placed_at_the_key_of_the_file_that_it_is_in() {
    let made = chain(&["site.example"]);
    let text = made.leaf.pem() + &made.middle.pem();
    let place = |entry: &Entry| entry.load().1.into_iter().map(|finding| finding.place).collect::<Vec<_>>();

    let entry = Entry::new(&text, &made.leaf, &made.root);
    entry.write("privkey.pem", "");
    assert_eq!(place(&entry), std::slice::from_ref(&entry.files.key_place));
    entry.write("privkey.pem", &made.middle.key_pem());
    assert_eq!(place(&entry), std::slice::from_ref(&entry.files.key_place));

    let entry = Entry::new(&text, &made.leaf, &made.root);
    entry.write("root.pem", "");
    assert_eq!(place(&entry), std::slice::from_ref(&entry.files.roots_place));
    entry.write("fullchain.pem", &made.leaf.key_pem());
    assert_eq!(place(&entry), [entry.files.place.clone(), entry.files.roots_place.clone()]);
}

#[test]
fn a_certificate_below_a_missing_one_is_not_called_useless() {
    let root = ca("Root").self_signed();
    let upper = ca("Upper").by(&root);
    let middle = ca("Middle").by(&upper);
    let leaf = leaf(&["site.example"]);
    let lower = ca("Lower").by(&middle);
    let leaf = leaf.by(&lower);
    // Middle is missing.
    let (_, said) = Entry::new(&(leaf.pem() + &lower.pem() + &upper.pem()), &leaf, &root).served();
    some(&said, &["\"Upper\") not sent: the issuer of nothing in this chain", "add the certificate that it signed"]);
}
