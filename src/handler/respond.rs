//! A fixed answer.

use bytes::Bytes;
use http::Response;
use http::header;

use crate::body::Body;
use crate::config::model;

/// A fixed answer, made once.
#[derive(Debug)]
pub struct Fixed {
    settings: model::Respond,
    text: Bytes,
}

impl Fixed {
    /// An answer as configured.
    pub fn new(settings: &model::Respond) -> Self {
        Self { settings: settings.clone(), text: Bytes::from(settings.text.clone()) }
    }

    /// The answer, for any method.
    pub fn reply(&self) -> Response<Body> {
        let mut response = Response::new(Body::full(self.text.clone()));
        *response.status_mut() = self.settings.status;
        response.headers_mut().insert(header::CONTENT_TYPE, self.settings.content_type.clone());
        response
    }
}
