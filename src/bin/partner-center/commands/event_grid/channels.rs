//! The channels of customers.

use std::collections::{HashMap, HashSet};

use partner_center_webhooks::event_grid::ChannelName;
use uuid::Uuid;

/// The channels of customers, and the channel for all other events.
///
/// No two customers share a channel, because one would see the other's events.
pub(super) struct Channels {
    customers: HashMap<Uuid, ChannelName>,
    others: Option<ChannelName>,
}

impl Channels {
    /// Reads lines of a customer's tenant id and a channel's name; `#` begins a comment.
    pub(super) fn read(text: &str, others: Option<ChannelName>) -> Result<Self, String> {
        let mut customers = HashMap::new();
        let mut taken: HashSet<_> = others.iter().map(in_lower_case).collect();
        for (line, number) in text.lines().zip(1..) {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<_> = line.split_whitespace().collect();
            let (tenant, channel) = match words[..] {
                [] => continue,
                [tenant, channel] => (tenant, channel),
                _ => return Err(format!("line {number}: expected a tenant id and a channel")),
            };
            let at = |error: &dyn std::fmt::Display| format!("line {number}: {error}");
            let tenant = Uuid::try_parse(tenant)
                .map_err(|_| at(&format_args!("`{tenant}` is not a tenant id")))?;
            let channel = ChannelName::new(channel).map_err(|error| at(&error))?;
            if !taken.insert(in_lower_case(&channel)) {
                return Err(at(&format_args!(
                    "channel `{channel}` belongs to another line or to --others"
                )));
            }
            if customers.insert(tenant, channel).is_some() {
                return Err(at(&format_args!("customer {tenant} already has a channel")));
            }
        }
        Ok(Self { customers, others })
    }

    /// The channel for events about `customer`, or about no customer. `None`: they are not published.
    pub(super) fn of(&self, customer: Option<Uuid>) -> Option<&ChannelName> {
        let own = customer.and_then(|customer| self.customers.get(&customer));
        own.or(self.others.as_ref())
    }
}

/// Azure ignores the case of names.
fn in_lower_case(channel: &ChannelName) -> String {
    channel.as_str().to_ascii_lowercase()
}
