//! interim
#![allow(missing_docs)]
use super::room::Room;
use super::token;
use super::token::{SignError, Signer};
use crate::clock::Clock;
use crate::config::model;
use crate::secret::Secret;
use std::time::Duration;
use thiserror::Error;
#[derive(Debug)]
pub struct Meetings {
    signer: Signer,
    base: String,
    server: String,
}
#[derive(Debug, Error)]
#[error("interim")]
pub struct ProviderError;
impl ProviderError {
    pub fn mend(&self) -> String {
        String::new()
    }
}
pub struct Bearer {
    pub id: Option<String>,
    pub name: String,
    pub email: Option<String>,
    pub avatar: Option<String>,
    pub role: Role,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Moderator,
    Member,
    Guest,
}
pub struct Apps {
    pub ios: Secret<String>,
    pub android: Secret<String>,
}
impl Meetings {
    pub fn new(p: &model::Provider, lifetime: Duration, clock: Clock) -> Result<Self, ProviderError> {
        let model::Provider::Jaas { app_id, key_id, private_key, server } = p;
        let pem = match private_key {
            model::PemSource::File(f) => std::fs::read(f).map_err(|_| ProviderError)?,
            model::PemSource::Text(t) => t.reveal().clone().into_bytes(),
        };
        let signer = Signer::from_pem(&pem, "x", app_id, key_id, lifetime, clock).map_err(|_| ProviderError)?;
        Ok(Self { signer, base: format!("{server}/{app_id}"), server: server.clone() })
    }
    pub fn origin(&self) -> &str {
        &self.server
    }
    pub async fn address(&self, room: &Room, rooms: model::Rooms, b: &Bearer) -> Result<Secret<String>, SignError> {
        let claim = match rooms {
            model::Rooms::This => room.claim(),
            model::Rooms::Any => "*".into(),
        };
        let token = self
            .signer
            .token(
                claim,
                token::Bearer {
                    id: b.id.clone(),
                    name: b.name.clone(),
                    email: b.email.clone(),
                    moderator: b.role == Role::Moderator,
                },
            )
            .await?;
        Ok(Secret::new(format!("{}/{}?jwt={}", self.base, room.segment(), token.reveal())))
    }
    pub fn app_address(&self, m: &Secret<String>) -> Apps {
        Apps { ios: m.clone(), android: m.clone() }
    }
}
