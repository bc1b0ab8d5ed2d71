//! What 8x8 posts of its meetings: who joined, who was counted.
//!
//! Only whoever knows the secret writes into the count, be it sent along or signed with,
//! and without a secret nobody does, and an event of another account counts nowhere. A failure of ours is answered
//! so that 8x8 posts again.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};

use crate::body::Body;
use crate::error::RequestError;
use crate::handler::Context;
use crate::jitsi::webhook::{Event, LONGEST, signature};
use crate::secret::Secret;

use super::{Launcher, whole};

/// A program sends it in one go.
const SENT_WITHIN: Duration = Duration::from_secs(20);

impl Launcher {
    /// Takes an event into the count.
    pub(super) async fn webhook<B>(
        &self,
        request: Request<B>,
        context: &Context<'_>,
    ) -> Result<Response<Body>, RequestError>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let secret = self.webhook.as_ref().ok_or(RequestError::NotFound)?;
        let stranger = || {
            tracing::info!(
                id = %context.id, client = %context.client, launcher = %self.name,
                "a webhook without the right Authorization or signature was refused; is webhook_secret what the JaaS \
                 console has?"
            );
            RequestError::Forbidden
        };
        let known = knows(request.headers(), secret);
        let signature = request.headers().get(signature::FIELD).cloned();
        // Without either nothing is read.
        if !known && signature.is_none() {
            return Err(stranger());
        }
        let body = whole(request.into_body(), LONGEST, SENT_WITHIN).await?;
        let signed = |field: &HeaderValue| signature::is_signed(field.as_bytes(), &body, secret.reveal().as_bytes());
        if !known && !signature.as_ref().is_some_and(signed) {
            return Err(stranger());
        }
        let event = match Event::parse(&body) {
            Ok(event) => event,
            Err(error) => {
                tracing::warn!(id = %context.id, launcher = %self.name, %error, "a webhook was not understood");
                return Err(RequestError::Bad("this is no event of JaaS"));
            }
        };
        if !self.app_id.as_deref().is_some_and(|app_id| event.belongs_to(app_id)) {
            tracing::warn!(
                id = %context.id, launcher = %self.name,
                "a webhook of another JaaS account was refused; is it set up under the AppID that app_id names?"
            );
            return Err(RequestError::Bad("this event is of another JaaS account"));
        }
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = match self.installation.record(&self.name, event).await {
            Ok(()) => StatusCode::NO_CONTENT,
            Err(error) => {
                tracing::warn!(id = %context.id, launcher = %self.name, %error, "a webhook was not counted; it is asked for again");
                response.headers_mut().insert(header::RETRY_AFTER, 60.into());
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Ok(response)
    }
}

/// Whether `Authorization` is the secret, as it is or as a `Bearer`, compared in constant time.
fn knows(fields: &HeaderMap, secret: &Secret<String>) -> bool {
    let given = fields.get(header::AUTHORIZATION).map(|value| value.as_bytes().trim_ascii()).unwrap_or_default();
    let secret = secret.reveal().as_bytes();
    let bearer = given.strip_prefix(b"Bearer ").unwrap_or(given);
    [given, bearer].iter().any(|given| verify_slices_are_equal(given, secret).is_ok())
}
