//! The file that most tests of meetings start from: a Mattermost, and beside it a launcher for JaaS.

use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use super::gate::{Builder, gate};
use super::upstream::Upstream;

/// The account at JaaS.
pub(crate) const APP_ID: &str = "vpaas-magic-cookie-123456";

/// A key that tokens can be signed with.
pub(crate) fn rsa() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("an RSA key")
}

/// A gate for `host` with `mattermost` at `/` and the launcher `jaas` at `/jitsi/`, and the launcher's key, which lies
/// in `private.pk`; `keys` are more keys of `[launcher.jaas]`.
pub(crate) fn launcher(host: &str, mattermost: &Upstream, keys: &str) -> (Builder, KeyPair) {
    let key = rsa();
    let file = format!(
        r#"
        [[site]]
        hosts = ["{host}"]

        [[site.route]]
        path = "/"
        proxy = "http://{mattermost}"
        preset = "mattermost"

        [[site.route]]
        path = "/jitsi/"
        launcher = "jaas"

        [launcher.jaas]
        provider = "jaas"
        app_id = "{APP_ID}"
        key_id = "{APP_ID}/aabbcc"
        private_key = "private.pk"
        {keys}
        "#
    );
    (gate(file).with("private.pk", key.serialize_pem()), key)
}
