//! One order, from names to a chain (RFC 8555 section 7.4), by instant-acme.
//!
//! It believes nothing that it can check: names that were not ordered, tokens
//! that are none, and a chain with a key in it end the order. What one name's
//! validation came to is that name's own matter and told apart.

use std::time::Duration;

use instant_acme::{
    AuthorizationStatus, CertificateIdentifier, Challenge, Error, Identifier, NewOrder, Order, OrderStatus, Problem,
    RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use tokio::time::Instant;

use crate::config::model::Acme;
use crate::secret::Secret;

use super::account::Ready;
use super::challenge::{Answers, Question};
use super::failure::{Failure, Refusal};
use super::storage::Storage;

/// How long a CA may look at names: Let's Encrypt gives up on one that does not answer after some 30 s.
const VALIDATION: Duration = Duration::from_secs(180);
/// How long it may take to sign.
const SIGNING: Duration = Duration::from_secs(120);
/// Longest pause between two questions of ours.
const SLOWEST: Duration = Duration::from_secs(10);

/// What an order came to.
pub(super) enum Outcome {
    /// A chain, not yet judged.
    Issued(Issued),
    /// These names were refused, and so nothing was issued.
    Refused(Vec<Refusal>),
}

/// A chain with the key that was made for it.
pub(super) struct Issued {
    /// PEM, as the CA sent it.
    pub(super) chain: String,
    /// PEM, PKCS#8.
    pub(super) key: Secret<String>,
    /// The order's address at the CA.
    pub(super) order: String,
    /// Whether the CA took it as the renewal of another.
    pub(super) replaces: bool,
}

/// Places an order and sees it through.
pub(super) async fn place(
    ready: &Ready,
    acme: &Acme,
    storage: &Storage,
    names: &[String],
    replaces: Option<CertificateIdentifier<'static>>,
) -> Result<Outcome, Failure> {
    check_profile(ready, acme)?;
    let identifiers: Vec<Identifier> = names.iter().map(|name| Identifier::Dns(name.clone())).collect();
    let (mut order, replaces) = match new_order(ready, acme, &identifiers, replaces).await {
        Ok(placed) => placed,
        Err(error) => return refused_at_once(ready, acme, names, error),
    };
    let mut answers = Answers::new(&acme.challenge, storage, names);
    let validated = validate(ready, acme, names, &mut order, &mut answers).await;
    answers.take_back().await;
    let refused = validated?;
    if !refused.is_empty() {
        return Ok(Outcome::Refused(refused));
    }
    finish(ready, order, names, replaces).await.map(Outcome::Issued)
}

/// A profile that the CA does not list would be refused in words that every CA has of its own, or passed over.
fn check_profile(ready: &Ready, acme: &Acme) -> Result<(), Failure> {
    let Some(wanted) = &acme.profile else { return Ok(()) };
    let mut offered: Vec<&str> = ready.account.profiles().map(|profile| profile.name).take(20).collect();
    if offered.contains(&wanted.as_str()) {
        return Ok(());
    }
    offered.sort_unstable();
    Err(Failure::Profile { wanted: wanted.clone(), offered: offered.join(", ") })
}

/// The order, and whether it replaces another certificate in the CA's eyes.
async fn new_order(
    ready: &Ready,
    acme: &Acme,
    identifiers: &[Identifier],
    replaces: Option<CertificateIdentifier<'static>>,
) -> Result<(Order, bool), Error> {
    let plain = || match &acme.profile {
        Some(profile) => NewOrder::new(identifiers).profile(profile),
        None => NewOrder::new(identifiers),
    };
    if let Some(replaced) = replaces {
        match ready.account.new_order(&plain().replaces(replaced)).await {
            Ok(order) => return Ok((order, true)),
            // Replaced already, or of an account before this one (RFC 9773 section 5): an order like any other.
            Err(Error::Api(problem)) if !is(&problem, "rateLimited") && !is(&problem, "accountDoesNotExist") => {
                tracing::debug!(%problem, "the CA takes the order for no renewal");
            }
            Err(Error::Unsupported(_) | Error::Other(_)) => {}
            Err(error) => return Err(error),
        }
    }
    ready.account.new_order(&plain()).await.map(|order| (order, false))
}

fn is(problem: &Problem, kind: &str) -> bool {
    problem.r#type.as_deref().is_some_and(|found| found.rsplit(':').next() == Some(kind))
}

/// Names that a CA will not even look at (RFC 8555 section 6.7.1), apart from what concerns the order as a whole.
fn refused_at_once(ready: &Ready, acme: &Acme, names: &[String], error: Error) -> Result<Outcome, Failure> {
    if let Error::Api(problem) = &error {
        let of = |name: &String| {
            let identifier = Identifier::Dns(name.clone());
            let part = problem.subproblems.iter().find(|part| part.identifier.as_ref() == Some(&identifier))?;
            let problem = Problem {
                r#type: part.r#type.clone(),
                detail: part.detail.clone(),
                status: None,
                subproblems: Vec::new(),
            };
            Some(Refusal::new(name, &problem, &acme.challenge))
        };
        let mut refused: Vec<Refusal> = names.iter().filter_map(of).collect();
        if refused.is_empty() && is(problem, "rejectedIdentifier") && names.len() == 1 {
            refused.push(Refusal::new(&names[0], problem, &acme.challenge));
        }
        if !refused.is_empty() {
            return Ok(Outcome::Refused(refused));
        }
    }
    Err(Failure::ca("placing an order", &ready.retry_after)(error))
}

/// Answers every question and waits for the CA's verdicts; the names that it refused.
async fn validate(
    ready: &Ready,
    acme: &Acme,
    names: &[String],
    order: &mut Order,
    answers: &mut Answers<'_>,
) -> Result<Vec<Refusal>, Failure> {
    let failed = |doing| Failure::ca(doing, &ready.retry_after);
    let mut refused = Vec::new();
    let mut open = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(failed("asking what the CA wants to see"))?;
        let name = authorization.identifier().to_string();
        if !names.contains(&name) || open.len() + refused.len() >= names.len() {
            return Err(Failure::Lies(format!("it asks about {name:?}, which was not ordered")));
        }
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            other => {
                refused.push(Refusal::own(&name, format!("the CA calls its validation {other:?}"), "try again later"));
                continue;
            }
        }
        let offered = offered(&authorization.challenges);
        let Some(challenge) = authorization.challenge(answers.kind()) else {
            let said = format!("the CA does not offer {} for it, but {offered}", acme.challenge.name());
            refused.push(Refusal::own(&name, said, "write another `challenge` in [acme]"));
            continue;
        };
        let question = Question::new(&name, &challenge)?;
        match answers.give(question, names.len() - open.len() - refused.len() - 1).await? {
            Ok(()) => open.push(name),
            Err(refusal) => refused.push(Refusal { name, ..refusal }),
        }
    }
    // All answers are there before the first question is called open: a hook may need the time of the others.
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(failed("asking what the CA wants to see"))?;
        let name = authorization.identifier().to_string();
        if !open.contains(&name) {
            continue;
        }
        if let Some(mut challenge) = authorization.challenge(answers.kind())
            && let Err(error) = challenge.set_ready().await
        {
            match error {
                Error::Api(problem) if !is(&problem, "rateLimited") => {
                    refused.push(Refusal::new(&name, &problem, &acme.challenge));
                    open.retain(|other| *other != name);
                }
                error => return Err(failed("telling the CA that it may look")(error)),
            }
        }
    }
    refused.extend(verdicts(ready, acme, order, open).await?);
    Ok(refused)
}

/// Waits until the CA has made up its mind about every name; those that it refused.
async fn verdicts(
    ready: &Ready,
    acme: &Acme,
    order: &mut Order,
    mut open: Vec<String>,
) -> Result<Vec<Refusal>, Failure> {
    let mut refused = Vec::new();
    let until = Instant::now() + VALIDATION;
    let mut pause = Duration::from_millis(250);
    while !open.is_empty() {
        let asked = ready.retry_after.seconds().and_then(|seconds| u64::try_from(seconds).ok());
        tokio::time::sleep(pause.max(Duration::from_secs(asked.unwrap_or(0)).min(SLOWEST))).await;
        pause = (pause * 2).min(SLOWEST);
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let failed = Failure::ca("asking how the validation went", &ready.retry_after);
            let mut authorization = match authorization {
                Ok(authorization) => authorization,
                Err(error) => return Err(failed(error)),
            };
            let name = authorization.identifier().to_string();
            if !open.contains(&name) {
                continue;
            }
            let state = authorization.refresh().await.map_err(failed)?;
            match state.status {
                AuthorizationStatus::Pending => continue,
                AuthorizationStatus::Valid => {}
                _ => refused.push(match state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
                    Some(problem) => Refusal::new(&name, problem, &acme.challenge),
                    None => Refusal::own(&name, "the CA refused it and does not say why", "try again later"),
                }),
            }
            open.retain(|other| *other != name);
        }
        if Instant::now() > until {
            refused.extend(open.drain(..).map(|name| {
                Refusal::own(&name, "the CA did not come to a verdict within three minutes", "try again later")
            }));
        }
    }
    Ok(refused)
}

/// `http-01, dns-01`.
fn offered(challenges: &[Challenge]) -> String {
    let names: Vec<String> = challenges.iter().take(5).map(|challenge| format!("{:?}", challenge.r#type)).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// Has it signed and fetches it.
async fn finish(ready: &Ready, mut order: Order, names: &[String], replaces: bool) -> Result<Issued, Failure> {
    let failed = |doing| Failure::ca(doing, &ready.retry_after);
    let patience = RetryPolicy::new().initial_delay(Duration::from_millis(250)).timeout(SIGNING);
    let status = match order.state().status {
        OrderStatus::Ready => OrderStatus::Ready,
        _ => order.poll_ready(&patience).await.map_err(failed("waiting for the order"))?,
    };
    if status != OrderStatus::Ready {
        return Err(Failure::Lies(format!("every name is validated, and the order is {status:?}")));
    }
    let mut params = CertificateParams::new(names.to_vec())?;
    // The names alone: no CA looks at anything else any more, and some refuse it.
    params.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate()?;
    let request = params.serialize_request(&key)?;
    order.finalize_csr(request.der()).await.map_err(failed("sending the certificate request"))?;
    let chain = order.poll_certificate(&patience).await.map_err(failed("waiting for the certificate"))?;
    if chain.contains("PRIVATE KEY") {
        return Err(Failure::Lies("the chain has a private key in it".to_owned()));
    }
    Ok(Issued { chain, key: Secret::new(key.serialize_pem()), order: order.url().to_owned(), replaces })
}
