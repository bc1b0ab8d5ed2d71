//! What a token may let people switch on in a meeting: recording, calls by telephone and the like.
//!
//! The names are those that 8x8 documents (developer.8x8.com/jaas/docs/api-keys-jwt). Jitsi's own client refuses
//! a JaaS token with a name that it does not know (jitsi-meet `react/features/base/jwt/constants.ts`,
//! `MEET_FEATURES`), so no other can get into one.
//!
//! Everything is off unless it was named. Chat and polls alone are left to the meeting's own default until
//! some role is given them: to name them in every token would switch them off for everybody.

use std::fmt;

use super::bearer::Role;

/// One thing that can be switched on in a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are 8x8's and say what they switch")]
pub enum Feature {
    Livestreaming,
    Recording,
    Transcription,
    InboundCall,
    OutboundCall,
    SipInboundCall,
    SipOutboundCall,
    FileUpload,
    ListVisitors,
    SendGroupchat,
    CreatePolls,
}

impl Feature {
    /// All of them, in the order in which a token names them.
    pub const ALL: [Self; 11] = [
        Self::Livestreaming,
        Self::Recording,
        Self::Transcription,
        Self::InboundCall,
        Self::OutboundCall,
        Self::SipInboundCall,
        Self::SipOutboundCall,
        Self::FileUpload,
        Self::ListVisitors,
        Self::SendGroupchat,
        Self::CreatePolls,
    ];

    /// As a token and the configuration name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Livestreaming => "livestreaming",
            Self::Recording => "recording",
            Self::Transcription => "transcription",
            Self::InboundCall => "inbound-call",
            Self::OutboundCall => "outbound-call",
            Self::SipInboundCall => "sip-inbound-call",
            Self::SipOutboundCall => "sip-outbound-call",
            Self::FileUpload => "file-upload",
            Self::ListVisitors => "list-visitors",
            Self::SendGroupchat => "send-groupchat",
            Self::CreatePolls => "create-polls",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// Whether 8x8 bills its use, or keeps what was said.
    pub const fn is_costly(self) -> bool {
        match self {
            Self::Livestreaming
            | Self::Recording
            | Self::Transcription
            | Self::InboundCall
            | Self::OutboundCall
            | Self::SipInboundCall
            | Self::SipOutboundCall => true,
            Self::FileUpload | Self::ListVisitors | Self::SendGroupchat | Self::CreatePolls => false,
        }
    }

    /// Whether everybody has it unless a token says otherwise.
    const fn is_common(self) -> bool {
        matches!(self, Self::SendGroupchat | Self::CreatePolls)
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// Some features.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct FeatureSet(u16);

impl FeatureSet {
    /// With one more.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Self {
        Self(self.0 | feature.bit())
    }

    /// Whether this one is among them.
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & feature.bit() != 0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order of [`Feature::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.into_iter().filter(move |feature| self.has(*feature))
    }
}

impl FromIterator<Feature> for FeatureSet {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        features.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Debug for FeatureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for FeatureSet {
    /// For people: the names, or that there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (number, feature) in self.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(f, "{comma}{}", feature.name())?;
        }
        Ok(())
    }
}

/// Who may switch on what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// Who moderates.
    pub moderators: FeatureSet,
    /// Who is of the house and does not moderate.
    pub members: FeatureSet,
    /// Who comes from outside.
    pub guests: FeatureSet,
}

impl Features {
    /// Whether nobody may switch on anything.
    pub const fn is_empty(&self) -> bool {
        self.named().is_empty()
    }

    /// What a token says for this role: each feature that is its to speak of, and whether it is on.
    pub fn of(&self, role: Role) -> impl Iterator<Item = (Feature, bool)> + Clone + use<> {
        let theirs = match role {
            Role::Moderator => self.moderators,
            Role::Member => self.members,
            Role::Guest => self.guests,
        };
        let named = self.named();
        let said = Feature::ALL.into_iter().filter(move |feature| !feature.is_common() || named.has(*feature));
        said.map(move |feature| (feature, theirs.has(feature)))
    }

    /// What any role has.
    const fn named(&self) -> FeatureSet {
        FeatureSet(self.moderators.0 | self.members.0 | self.guests.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_a_name_and_a_bit_of_its_own() {
        for feature in Feature::ALL {
            assert_eq!(Feature::named(feature.name()), Some(feature));
            let alone = FeatureSet::default().with(feature);
            assert_eq!(alone.iter().collect::<Vec<_>>(), [feature]);
            assert_eq!(alone.to_string(), feature.name());
        }
        assert_eq!(Feature::named("flip"), None, "Jitsi knows it; 8x8 documents nothing of it");
        assert_eq!(Feature::ALL.into_iter().collect::<FeatureSet>().iter().count(), Feature::ALL.len());
    }

    #[test]
    fn chat_and_polls_are_spoken_of_only_once_somebody_is_given_them() {
        let said =
            |features: Features, role| features.of(role).map(|(feature, on)| (feature.name(), on)).collect::<Vec<_>>();
        let none = said(Features::default(), Role::Moderator);
        assert_eq!(none.len(), 9);
        assert!(none.iter().all(|(_, on)| !on));

        let features = Features {
            moderators: [Feature::SendGroupchat, Feature::Recording].into_iter().collect(),
            ..Features::default()
        };
        assert!(said(features, Role::Moderator).contains(&("send-groupchat", true)));
        assert!(said(features, Role::Guest).contains(&("send-groupchat", false)));
        assert!(said(features, Role::Member).contains(&("recording", false)));
        assert!(!said(features, Role::Member).iter().any(|(name, _)| *name == "create-polls"));
    }
}
